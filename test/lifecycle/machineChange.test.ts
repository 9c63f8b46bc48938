import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { REFERENCE_HOSTS } from "../../lab/cli/existingHosts.ts";
import { killHost } from "../../lab/hosts/power.ts";
import { withoutPrefix } from "../../lab/hosts/inventory.ts";
import { startHosts } from "../../lab/hosts/boot.ts";
import type { HostSpec, Inventory } from "../../lab/hosts/inventory.ts";
import { silentProgress } from "../../lab/system/progress.ts";
import { ConvergingOverlay } from "./support/convergingOverlay.ts";
import { endPartition, partition, reimage } from "./support/faults.ts";
import { expectFailure, expectSuccess, expectUnchanged, stateDeleteArguments } from "./support/outcome.ts";
import type { PulumiRun } from "./support/outcome.ts";
import { TestStack } from "./support/testStack.ts";

const MACHINES: Inventory = {
  ...REFERENCE_HOSTS,
  spare: { address: "10.196.218.230/30", mac: "c6:b0:ae:55:e4:11", nic: "eth0" },
};
const underlay = (machine: string) => withoutPrefix(MACHINES[machine]?.address ?? "");

/** The two hosts of the config move between three existing machines. */
describe("a host whose `existing` names another machine", () => {
  let overlay: ConvergingOverlay;
  beforeAll(async () => {
    overlay = await ConvergingOverlay.boot("test-machine-change", MACHINES, upOn("host01", "host02"));
  });
  beforeEach(() => overlay.prepare());
  afterAll(() => overlay.stack.remove());

  /** Returns an `up` with host01 and host02 on these machines. Overlay addresses stay with the hosts. */
  const upOn =
    (host01: string, host02: string, change: (hosts: any) => void = () => undefined): PulumiRun =>
    () =>
      overlay.stack.up(
        overlay.stack.config((e) => {
          const existing = (machine: string) => e.hosts[machine].existing;
          e.hosts = {
            host01: { overlayAddresses: ["192.168.0.1"], existing: existing(host01) },
            host02: { overlayAddresses: ["192.168.0.2"], existing: existing(host02) },
          };
          change(e.hosts);
        }),
      );
  const expectConvergenceOn = (host01: string, host02: string) =>
    overlay.expectConvergence({ [host01]: "192.168.0.1", [host02]: "192.168.0.2" }, upOn(host01, host02));

  test("leaves nothing on its old machine", async () => {
    await expectConvergenceOn("host01", "spare");
    await overlay.expectNoTraces("host02");
  });

  test("may take the machine of another host that moves at the same time", async () => {
    await expectConvergenceOn("host02", "host01");
    await overlay.expectNoTraces("spare");
  });

  test("may swap machines with another host", async () => {
    await expectConvergenceOn("host01", "host02");
  });

  /** Expects an `up` to fail since it does not reach the old machine, and returns the commands that it prints. */
  const expectUnreachable = async (machine: string, up: PulumiRun) => {
    const text = expectFailure(await up());
    expect(text).toContain("host02");
    expect(text).toContain(underlay(machine));
    const removal = /"(sudo \/usr\/local\/sbin\/oci-vxlan remove lab\.overlay)"/.exec(text)?.[1];
    expect(removal, text).toBeDefined();
    return { removal: removal ?? "", stateDelete: stateDeleteArguments(text) };
  };

  test("fails to move while its old machine is unreachable, and moves once that is back", async () => {
    await partition(overlay.stack, underlay("host02"));
    try {
      await expectUnreachable("host02", upOn("host01", "spare"));
    } finally {
      await endPartition(overlay.stack);
    }
    await expectConvergenceOn("host01", "spare");
    await overlay.expectNoTraces("host02");
  });

  test("moves after the printed state delete if its old machine will not come back", async () => {
    await partition(overlay.stack, underlay("spare"));
    try {
      const { removal, stateDelete } = await expectUnreachable("spare", upOn("host01", "host02"));
      expectSuccess(await overlay.stack.pulumi(stateDelete));
      await expectConvergenceOn("host01", "host02");
      // If it does come back, the other printed command cleans it.
      await overlay.stack.on("spare", removal);
    } finally {
      await endPartition(overlay.stack);
    }
    await overlay.expectNoTraces("spare");
  });

  test("may stay on its machine, re-imaged, with a new host key at the old address", async () => {
    await reimage(overlay.stack, "host02");
    await expectConvergenceOn("host01", "host02");
  });

  test("may stay on its machine, with the old host key at a new address", async () => {
    const { lab } = overlay.stack;
    const movedInventory: Inventory = {
      ...MACHINES,
      host02: { ...(MACHINES["host02"] as HostSpec), address: "10.196.218.234/30" },
    };
    const mac = await overlay.stack.on("host02", "cat /var/lib/oci-vxlan/lab.overlay/mac");
    await killHost(lab, "host02");
    await startHosts(lab, movedInventory, silentProgress);
    const up = upOn("host01", "host02", ({ host02 }) => {
      host02.existing.underlayAddress = "10.196.218.234";
    });
    const { counts } = expectSuccess(await up());
    expect(Object.keys(counts).sort()).toEqual(["unchanged", "updated"]);
    expect(await overlay.stack.failingPairs()).toEqual([]);
    expect(await overlay.stack.on("host02", "ip -o link show dev vxlan0")).toContain(mac);
    expect(await overlay.stack.on("host01", "bridge fdb show dev vxlan0")).not.toContain(underlay("host02"));
    await killHost(lab, "host02");
    await startHosts(lab, MACHINES, silentProgress);
    await expectConvergenceOn("host01", "host02");
  });

  test("leaves nothing on any machine after destroy", () => overlay.expectCleanDestroy());
});

describe("a host that changes between `existing` and `instance`", () => {
  let overlay: ConvergingOverlay;
  const EXISTING_HOSTS: Inventory = {
    existing: { address: "10.196.217.2/30", mac: "02:00:17:00:01:01", nic: "ens3" },
  };
  beforeAll(async () => {
    overlay = await ConvergingOverlay.on(
      await TestStack.bootCloud("test-machine-change-cloud", EXISTING_HOSTS),
    );
  });
  afterAll(() => overlay.stack.remove());

  const instanceConfig = () => overlay.stack.referenceConfig();
  const existingConfig = () =>
    overlay.stack.referenceConfig((e) => {
      const { existing } = overlay.stack.config().hosts;
      e.hosts.host02 = { ...existing, overlayAddresses: ["192.168.0.2"] };
    });
  const expectTraffic = async (config: object) => {
    expectSuccess(await overlay.stack.up(config));
    expect(await overlay.stack.failingPairs()).toEqual([]);
  };

  test("leaves nothing on the existing machine when it becomes an instance", async () => {
    await expectTraffic(existingConfig());
    expect(await overlay.stack.on("existing", "ip -o link show dev vxlan0")).not.toBe("");
    await expectTraffic(instanceConfig());
    await overlay.expectNoTraces("existing");
    expectUnchanged(await overlay.stack.up(instanceConfig()));
  });

  test("terminates the instance when it becomes an existing machine again", async () => {
    await expectTraffic(existingConfig());
    const instances = overlay.stack.instances().filter(({ state }) => state !== "TERMINATED");
    expect(instances.map(({ host }) => host)).toEqual(["host01"]);
  });

  test("leaves nothing after destroy", async () => {
    expectSuccess(await overlay.stack.destroy(existingConfig()));
    await overlay.expectNoTraces("existing");
  });
});
