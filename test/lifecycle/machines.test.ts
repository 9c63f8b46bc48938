import { rmSync } from "node:fs";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { killHost, plain, removeHost, upHosts } from "../../lab/hosts/hosts.ts";
import type { HostSpec, Inventory } from "../../lab/hosts/hosts.ts";
import { hostKey } from "../../lab/hosts/keys.ts";
import { MEMO } from "../../lab/cli/existingHosts.ts";
import { inNetwork } from "../../lab/network/network.ts";
import { silentProgress } from "../../lab/system/progress.ts";
import { TestEnvironment } from "./environment.ts";
import { LastingOverlay } from "./lastingOverlay.ts";
import type { Run } from "./lastingOverlay.ts";

const MACHINES: Inventory = {
  ...MEMO,
  spare: { address: "10.196.218.230/30", mac: "c6:b0:ae:55:e4:11", nic: "eth0" },
};
const underlay = (machine: string) => plain(MACHINES[machine]?.address ?? "");

/** The config's hosts move between machines that exist, three in all for two hosts. */
describe("a host whose `existing` names another machine", () => {
  let overlay: LastingOverlay;
  beforeAll(async () => {
    overlay = await LastingOverlay.boot("test-machines", MACHINES, on("host01", "host02"));
  });
  beforeEach(() => overlay.ready());
  afterAll(() => overlay.env.remove());

  /** `up` with the config's two hosts on these machines. Overlay addresses stay with the hosts. */
  const on =
    (host01: string, host02: string, change: (hosts: any) => void = () => undefined): Run =>
    () =>
      overlay.env.up(
        overlay.env.config((e) => {
          const existing = (machine: string) => e.hosts[machine].existing;
          e.hosts = {
            host01: { overlayAddresses: ["192.168.0.1"], existing: existing(host01) },
            host02: { overlayAddresses: ["192.168.0.2"], existing: existing(host02) },
          };
          change(e.hosts);
        }),
      );
  const mesh = (host01: string, host02: string) => ({ [host01]: "192.168.0.1", [host02]: "192.168.0.2" });
  const settlesOn = (host01: string, host02: string) =>
    overlay.settles(mesh(host01, host02), on(host01, host02));

  /** Nobody reaches a machine, which refuses at once so that nothing waits. */
  const partition = (machine: string) =>
    inNetwork(
      overlay.env.lab.namespace("router"),
      "nft add table inet cut; nft 'add chain inet cut c { type filter hook forward priority -10; }'; " +
        `nft add rule inet cut c ip daddr ${underlay(machine)} reject`,
    );
  const reconnect = () => inNetwork(overlay.env.lab.namespace("router"), "nft delete table inet cut");

  test("leaves nothing on the old one", async () => {
    await settlesOn("host01", "spare");
    await overlay.expectUntouched("host02");
  });

  test("both at once", async () => {
    await settlesOn("host02", "host01");
    await overlay.expectUntouched("spare");
  });

  test("swaps it with another host", async () => {
    await settlesOn("host01", "host02");
  });

  /** Runs an `up` that has to fail for want of the old machine, and returns the commands that it prints. */
  const failsWithout = async (machine: string, up: Run) => {
    const { exitCode, text } = await up();
    expect(exitCode).not.toBe(0);
    expect(text).toContain("host02");
    expect(text).toContain(underlay(machine));
    const [, removalCommand = ""] =
      /"(sudo \/usr\/local\/sbin\/oci-vxlan remove lab\.overlay)"/.exec(text) ?? [];
    const [, stateDelete = ""] = /^ +pulumi (state delete .*)$/m.exec(text) ?? [];
    expect([removalCommand, stateDelete], text).not.toContain("");
    return { removalCommand, stateDelete: stateDelete.replaceAll("'", "").split(" ") };
  };

  test("cannot leave the old one while nobody reaches that, and does so once it is back", async () => {
    await partition("host02");
    try {
      await failsWithout("host02", on("host01", "spare"));
    } finally {
      await reconnect();
    }
    await settlesOn("host01", "spare");
    await overlay.expectUntouched("host02");
  });

  test("goes on without the old one where that is gone for good, which is cleaned by hand if it comes back", async () => {
    await partition("spare");
    try {
      const { removalCommand, stateDelete } = await failsWithout("spare", on("host01", "host02"));
      const { exitCode, text } = await overlay.env.pulumi(stateDelete, overlay.env.config());
      expect(exitCode, text).toBe(0);
      await settlesOn("host01", "host02");
      await overlay.env.on("spare", removalCommand);
    } finally {
      await reconnect();
    }
    await overlay.expectUntouched("spare");
  });

  test("may be the same machine, re-imaged, with a new host key at its old address", async () => {
    const { lab } = overlay.env;
    await removeHost(lab, "host02");
    for (const file of [hostKey(lab, "host02"), `${hostKey(lab, "host02")}.pub`]) rmSync(file);
    await upHosts(lab, MACHINES, silentProgress);
    await settlesOn("host01", "host02");
  });

  test("may be the same machine, moved, with its old host key at a new address", async () => {
    const { lab } = overlay.env;
    const movedInventory: Inventory = {
      ...MACHINES,
      host02: { ...(MACHINES["host02"] as HostSpec), address: "10.196.218.234/30" },
    };
    const mac = await overlay.env.on("host02", "cat /var/lib/oci-vxlan/lab.overlay/mac");
    await killHost(lab, "host02");
    await upHosts(lab, movedInventory, silentProgress);
    const { exitCode, text, counts } = await on("host01", "host02", ({ host02 }) => {
      host02.existing.underlayAddress = "10.196.218.234";
    })();
    expect(exitCode, text).toBe(0);
    expect(Object.keys(counts).sort()).toEqual(["unchanged", "updated"]);
    expect(await overlay.env.failing()).toEqual([]);
    expect(await overlay.env.on("host02", "ip -o link show dev vxlan0")).toContain(mac);
    expect(await overlay.env.on("host01", "bridge fdb show dev vxlan0")).not.toContain(underlay("host02"));
    await killHost(lab, "host02");
    await upHosts(lab, MACHINES, silentProgress);
    await settlesOn("host01", "host02");
  });

  test("and destroy leaves nothing on any of them", () => overlay.expectDestroy());
});

describe("a host that was `existing` and becomes an `instance`", () => {
  let overlay: LastingOverlay;
  const VETERAN: Inventory = {
    veteran: { address: "10.196.217.2/30", mac: "02:00:17:00:01:01", nic: "ens3" },
  };
  beforeAll(async () => {
    overlay = await LastingOverlay.on(await TestEnvironment.cloud("test-machines-cloud", VETERAN));
  });
  afterAll(() => overlay.env.remove());

  const instanceConfig = () => overlay.env.memoConfig();
  const existingConfig = () =>
    overlay.env.memoConfig((e) => {
      const { veteran } = overlay.env.config().hosts;
      e.hosts.host02 = { ...veteran, overlayAddresses: ["192.168.0.2"] };
    });
  const passes = async (config: object) => {
    const { exitCode, text } = await overlay.env.up(config);
    expect(exitCode, text).toBe(0);
    expect(await overlay.env.failing()).toEqual([]);
  };

  test("leaves nothing on the machine that existed", async () => {
    await passes(existingConfig());
    expect(await overlay.env.on("veteran", "ip -o link show dev vxlan0")).not.toBe("");
    await passes(instanceConfig());
    await overlay.expectUntouched("veteran");
    const { exitCode, counts } = await overlay.env.up(instanceConfig());
    expect([exitCode, Object.keys(counts)]).toEqual([0, ["unchanged"]]);
  });

  test("and back again, with the instance gone", async () => {
    await passes(existingConfig());
    const states = overlay.env.instances().filter(({ state }) => state !== "TERMINATED");
    expect(states.map(({ host }) => host)).toEqual(["host01"]);
  });

  test("and destroy leaves nothing", async () => {
    const { exitCode, text } = await overlay.env.destroy(existingConfig());
    expect(exitCode, text).toBe(0);
    await overlay.expectUntouched("veteran");
  });
});
