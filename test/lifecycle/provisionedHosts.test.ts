import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { changeFaults, clearFaults, readFaults } from "../../lab/cloud/faults.ts";
import { COMPARTMENT } from "../../lab/cloud/region.ts";
import { listHosts } from "../../lab/hosts/folders.ts";
import { loginKey, publicKey } from "../../lab/hosts/keys.ts";
import { isRunning } from "../../lab/hosts/supervisor.ts";
import { until } from "../../lab/system/commands.ts";
import { Sdk } from "../../lab/test/lifecycle/sdk/client.ts";
import { narrowPath } from "./support/faults.ts";
import { expectFailure, expectSuccess } from "./support/outcome.ts";
import type { Outcome } from "../../lab/test/support/outcome.ts";
import { countTries } from "../triedCounts.ts";
import { newLoginKey } from "./support/newLoginKey.ts";
import { commandLinesDuring, readableByOthers, secretsOf, textsWithSecrets } from "./support/secretLeaks.ts";
import { TestStack, UP } from "./support/testStack.ts";
import type { ConfigChange } from "./support/testStack.ts";

/** The config is the committed one of stack lab. Each test starts where the one before ended. */
describe("the reference environment on the lab's cloud", () => {
  let stack: TestStack;
  let sdk: Sdk;
  beforeAll(async () => {
    stack = await TestStack.bootCloud("test-provisioned-hosts");
    sdk = new Sdk(stack.lab);
  });
  afterAll(async () => {
    (sdk as Sdk | undefined)?.close(); // Undefined if beforeAll failed.
    await stack.remove();
  });

  /** Runs an `up` with a change of the committed config, which has to succeed. */
  const up = async (change?: ConfigChange): Promise<Outcome> =>
    expectSuccess(await stack.up(stack.referenceConfig(change)));
  const readState = () =>
    readFileSync(join(stack.lab.directory, "state/.pulumi/stacks/oci-vxlan/lab.json"), "utf8");
  const listSecurityLists = async (): Promise<any[]> =>
    (await sdk.call("network", "listSecurityLists", { compartmentId: COMPARTMENT })).items;
  const findSharedList = async (): Promise<any> =>
    (await listSecurityLists()).find(({ displayName }) => displayName === "internal-hosts");
  const instanceOf = (name: string) => stack.instances().find(({ host }) => host === name);
  const runningInstances = () => stack.instances().filter(({ state }) => state === "RUNNING");

  test("preview creates nothing in the cloud", async () => {
    const { counts } = expectSuccess(await stack.pulumi(["preview"], stack.referenceConfig()));
    expect(counts).toEqual({ create: 23 });
    expect(stack.instances()).toEqual([]);
    expect(await listSecurityLists()).toEqual([]);
  });

  test("one up creates all of it, all traffic passes, and no secret can be seen meanwhile", async () => {
    const upRun = up();
    const commandLines = [...(await commandLinesDuring(upRun))];
    const { counts, text } = await upRun;
    expect(counts).toEqual({ created: 23 });
    expect(await stack.failingPairs()).toEqual([]);
    expect(stack.instances().map(({ host, privateIp, state }) => [host, privateIp, state])).toEqual([
      ["host01", "10.196.218.222", "RUNNING"],
      ["host02", "10.196.218.226", "RUNNING"],
    ]);
    // The compartment also has a custom image, which is newer and must not be chosen.
    const { instance } = await sdk.call("compute", "getInstance", { instanceId: instanceOf("host01")?.id });
    const { image } = await sdk.call("compute", "getImage", { imageId: instance.imageId });
    expect(image.displayName).toBe("Canonical-Ubuntu-24.04-2026.10.01-0");
    const secrets = secretsOf(stack.lab);
    expect(textsWithSecrets(commandLines, secrets)).toEqual([]);
    expect(textsWithSecrets([text, readState()], secrets)).toEqual([]);
    expect(readState()).not.toContain("PRIVATE KEY");
    expect(await readableByOthers(stack.lab, secrets)).toEqual([]);
  });

  test("a host has only the host key that the stack issued, which others cannot read there or in the state", async () => {
    expect(await stack.on("host01", "ls /etc/ssh/ssh_host_*_key")).toBe("/etc/ssh/ssh_host_ecdsa_key");
    expect(await stack.on("host01", "stat -c %a /etc/ssh/ssh_host_ecdsa_key")).toMatch(/^6[04]0$/);
    const keyLine = (await stack.on("host01", "sed -n 2p /etc/ssh/ssh_host_ecdsa_key")).trim();
    expect(keyLine.length).toBeGreaterThan(30);
    expect(readState()).not.toContain(keyLine);
  });

  test("the plugin warns of no unknown or deprecated property", async () => {
    const { text } = await stack.pulumi(["preview"], stack.referenceConfig());
    expect(text).not.toMatch(/warning|deprecated/i);
  });

  test("a second up changes nothing", async () => {
    expect((await up()).counts).toEqual({ unchanged: 23 });
  });

  test("a path that carries less than the NICs is found before a host gets its peers", async () => {
    const reinstall: ConfigChange = (e) => (e.hosts.host01.generation = 1);
    const widenPath = await narrowPath(stack, "10.196.218.226");
    const text = expectFailure(await stack.up(stack.referenceConfig(reinstall)));
    expect(text).toContain("command:remote:Command (overlay-host01-peers)");
    expect(text).toContain(
      "the path from host01 to host02 (10.196.218.222 -> 10.196.218.226) carries 1500 bytes unfragmented",
    );
    await widenPath();
    await stack.on("host01", "ip route flush cache");
    await up(reinstall);
    expect(await stack.failingPairs()).toEqual([]);
    await up();
  });

  test("without its VXLAN rules the overlay stops within a second, and up restores them", async () => {
    const { id, ingressSecurityRules } = await findSharedList();
    const rulesWithoutUdp = ingressSecurityRules.filter(({ protocol }: any) => protocol !== "17");
    expect(rulesWithoutUdp.length).toBeLessThan(ingressSecurityRules.length);
    const ping = (seconds: number) =>
      stack.on("host01", `ping -c1 -W${seconds} 192.168.0.2 >/dev/null && echo passes || echo stops`);
    expect(await ping(5)).toBe("passes");
    await sdk.call("network", "updateSecurityList", {
      securityListId: id,
      updateSecurityListDetails: { ingressSecurityRules: rulesWithoutUdp },
    });
    const changedAt = Date.now();
    let lastPingAt = changedAt;
    const hasStopped = async () => {
      lastPingAt = Date.now();
      return (await ping(1)) === "stops";
    };
    await until("the end of traffic", 5_000, hasStopped, 10);
    expect(lastPingAt - changedAt).toBeLessThan(1_000);
    const { exitCode, text } = await stack.status("--cloud");
    expect(exitCode).toBe(1);
    expect(text).toMatch(/check that the Security List of host0\d lets UDP port 4789 in/);
    expect(text).toMatch(/pulumi up puts it back:\n {2}overlay-network-security-list .*ingressSecurityRules/);
    const { counts } = await up();
    expect(counts).toEqual({ updated: 1, unchanged: 22 });
    expect(await stack.failingPairs()).toEqual([]);
    expect((await stack.status("--cloud")).exitCode).toBe(0);
  });

  test("the Security List changes to stateful rules and back, in place", async () => {
    const stateful = await up((e) => (e.network.securityList.stateful = true));
    expect(stateful.counts).toEqual({ updated: 1, unchanged: 22 });
    const vxlanRules = (await findSharedList()).ingressSecurityRules.filter(
      ({ protocol }: any) => protocol === "17",
    );
    expect(vxlanRules.map(({ isStateless }: any) => isStateless)).toEqual(vxlanRules.map(() => false));
    expect(await stack.failingPairs()).toEqual([]);
    expect((await up()).counts).toEqual({ updated: 1, unchanged: 22 });
    expect(await stack.failingPairs()).toEqual([]);
  });

  test("a range of the VCN that leaves out a subnet is refused, and up says how to get there", async () => {
    const config = stack.referenceConfig(({ network, hosts }) => {
      network.vcn.cidr = "10.196.218.224/27";
      network.subnets.host01.cidr = "10.196.218.228/30";
      hosts.host01.instance.privateIp = "10.196.218.230";
    });
    const text = expectFailure(await stack.up(config));
    expect(text).toMatch(/400-InvalidParameter, .* leave out 10\.196\.218\.220\/30/);
    expect(text).toContain("vcn.cidr: the new range has to hold each subnet that exists");
    expect(await stack.failingPairs()).toEqual([]);
  });

  test("the VCN's default Security List takes over the rules, and a list of its own does so again", async () => {
    await up((e) => (e.network.securityList = { default: true }));
    expect(await findSharedList()).toBeUndefined();
    expect(await stack.failingPairs()).toEqual([]);
    await up();
    expect(await findSharedList()).toBeDefined();
    expect(await stack.failingPairs()).toEqual([]);
  });

  const addHost03: ConfigChange = (e) => {
    e.network.subnets.host03 = { cidr: "10.196.218.228/30" };
    e.hosts.host03 = { overlayAddresses: ["192.168.0.3"], instance: { subnet: "host03", bootTimeout: 10 } };
  };

  /** The cloud itself ends an instance. */
  async function terminate(name: string): Promise<void> {
    changeFaults(stack.lab, (faults) => faults.terminate.push(name));
    await until("the termination", 30_000, () => instanceOf(name) === undefined);
  }

  describe("a third host is added, and up names it", () => {
    beforeEach(countTries("faults"));
    const failingUp = async () => expectFailure(await stack.up(stack.referenceConfig(addHost03)));

    test("where there is no capacity for it", async () => {
      changeFaults(stack.lab, (faults) => (faults.capacity = 1));
      expect(await failingUp()).toMatch(/Oracle has no capacity left for host03.*another availabilityDomain/);
      const failingPairs = await stack.failingPairs();
      expect(failingPairs.filter((pair) => !pair.includes("host03"))).toEqual([]);
    });

    test("where Oracle ends its launch in TERMINATED", async () => {
      changeFaults(stack.lab, (faults) => (faults.failedLaunches = 1));
      const text = await failingUp();
      expect(text).toMatch(/overlay-host03-instance/);
      expect(text).toMatch(
        /Oracle accepted the launch of host03 .* and then ended it: .* run `pulumi up` again, .*availabilityDomain/,
      );
    });

    test("where somebody ends a launch that does not come to its end", async () => {
      changeFaults(stack.lab, (faults) => (faults.stuckLaunches = 1));
      const upRun = failingUp();
      await until("the launch", 60_000, () => instanceOf("host03")?.state === "PROVISIONING");
      await terminate("host03");
      expect(await upRun).toMatch(/Oracle accepted the launch of host03 .* and then ended it/);
    });

    test("where it boots too slowly, and the next up finishes", async () => {
      changeFaults(stack.lab, (faults) => (faults.bootDelay = 45));
      expect(await failingUp()).toMatch(/overlay-host03-ready.*error/);
      await clearFaults(stack.lab);
      await up((e) => {
        addHost03(e);
        e.hosts.host03.instance.bootTimeout = 120;
      });
      expect(await stack.failingPairs()).toEqual([]);
      expect(runningInstances()).toHaveLength(3);
    });
  });

  test("a host leaves after somebody terminated its instance, and no session is opened to it", async () => {
    await terminate("host03");
    const { counts, text } = await up();
    expect(text).not.toContain("dial");
    expect(counts["deleted"]).toBe(6); // Subnet, the host's component, its key and phases.
    expect(runningInstances()).toHaveLength(2);
    expect(await stack.failingPairs()).toEqual([]);
  });

  const moveHost01: ConfigChange = (e) => (e.hosts.host01.instance.availabilityDomain = "AD-2");

  const resize = (ocpus: number) =>
    sdk.call("compute", "updateInstance", {
      instanceId: instanceOf("host01")?.id,
      updateInstanceDetails: { shapeConfig: { ocpus, memoryInGBs: 4 * ocpus } },
    });
  const sizeOf = async (name: string) => {
    const { instance } = await sdk.call("compute", "getInstance", { instanceId: instanceOf(name)?.id });
    return instance.shapeConfig.ocpus;
  };
  const RESTART_TEXT = "Oracle has restarted host01: waits until it lets SSH in";

  test("an instance that somebody resized gets its size back, and up waits until it has booted", async () => {
    await resize(2);
    await until("the restart", 60_000, () => instanceOf("host01")?.state === "RUNNING");
    const { counts, text } = await up();
    expect(counts).toEqual({ updated: 1, unchanged: 22 });
    expect(text).toContain(RESTART_TEXT);
    expect(await sizeOf("host01")).toBe(1);
    expect(await stack.failingPairs()).toEqual([]);
    expect((await up()).text).not.toContain(RESTART_TEXT);
  });

  test("an instance that is off on purpose is resized, and nobody waits for it", async () => {
    const id = instanceOf("host01")?.id;
    await sdk.call("compute", "instanceAction", { instanceId: id, action: "STOP" });
    await until("the stop", 60_000, () => instanceOf("host01")?.state === "STOPPED");
    const { counts, text } = await up(({ hosts }) => {
      hosts["host01"].down = true;
      hosts["host01"].instance.ocpus = 2;
    });
    expect(counts).toEqual({ updated: 1, unchanged: 22 });
    expect(text).not.toContain(RESTART_TEXT);
    await sdk.call("compute", "instanceAction", { instanceId: id, action: "START" });
    await until("the start", 60_000, () => instanceOf("host01")?.state === "RUNNING");
    expect((await up()).text).toContain(RESTART_TEXT);
    expect(await stack.failingPairs()).toEqual([]);
  });

  test("a host that is powered off is replaced, and no delete runs against it", async () => {
    const id = instanceOf("host01")?.id;
    await sdk.call("compute", "instanceAction", { instanceId: id, action: "STOP" });
    await until("the stop", 30_000, () => !isRunning(stack.lab, "host01"));
    const { exitCode, text } = await stack.status();
    expect(exitCode).toBe(1);
    expect(text).toMatch(/^host01 +unreachable/m);
    expect(text).toContain("host01 is reached by none of its peers either: it is most likely off.");
    const { counts } = await up(moveHost01);
    expect(counts["replaced"]).toBe(1);
    expect(counts["deleted"]).toBeUndefined();
    expect(instanceOf("host01")?.id).not.toBe(id);
    expect(await stack.failingPairs()).toEqual([]);
  });

  const replace = (...names: string[]) =>
    stack.pulumi(
      [...UP, ...names.flatMap((name) => ["--replace", `**overlay-${name}**`])],
      stack.referenceConfig(moveHost01),
    );
  /** Returns the host key that the stack issued for host01, encrypted as it is in the state. */
  const issuedKey = () =>
    JSON.parse(readState()).checkpoint.latest.resources.find(({ urn }: any) => /host01-host-key$/.test(urn))
      .outputs.stdout.ciphertext;

  test("--replace of an instance and its host key: SSH trusts the key of the new instance", async () => {
    const before = { id: instanceOf("host01")?.id, key: issuedKey() };
    const { text } = expectSuccess(await replace("host01-host-key", "host01-instance", "host01-ready"));
    expect(instanceOf("host01")?.id).not.toBe(before.id);
    expect(issuedKey()).not.toBe(before.key);
    expect(text + readState()).not.toContain("PRIVATE KEY");
    expect(await stack.failingPairs()).toEqual([]);
    expect((await up(moveHost01)).counts).toEqual({ unchanged: 23 });
  });

  test("--replace of everything of a host: traffic passes, at the latest after the next up", async () => {
    const id = instanceOf("host01")?.id;
    const { exitCode, text } = await replace("host01-");
    expect(instanceOf("host01")?.id).not.toBe(id);
    if (exitCode !== 0) {
      // Engines before 3.274 dial the instance that they have just replaced, to run the deletes of its phases.
      expect(text).toMatch(
        /If its instance was replaced in this run, .*run pulumi up again, without --replace/,
      );
      await up(moveHost01);
    }
    expect(await stack.failingPairs()).toEqual([]);
    expect((await up(moveHost01)).counts).toEqual({ unchanged: 23 });
  });

  test("--replace of a host key alone: the host keeps its key, and SSH still trusts it", async () => {
    const before = { id: instanceOf("host01")?.id, key: issuedKey() };
    const { counts } = expectSuccess(await replace("host01-host-key"));
    expect(counts["replaced"]).toBe(1);
    expect(instanceOf("host01")?.id).toBe(before.id);
    expect(issuedKey()).not.toBe(before.key);
    // A changed timeout runs a phase again, which logs in with the pinned key.
    const otherTimeout = await up((e) => {
      moveHost01(e);
      e.hosts.host01.instance.bootTimeout = 60;
    });
    expect(otherTimeout.counts).toEqual({ updated: 1, unchanged: 22 });
    expect((await up(moveHost01)).counts).toEqual({ updated: 1, unchanged: 22 });
    expect(await stack.failingPairs()).toEqual([]);
  });

  test("--target-replace of an instance: the run names its host, and the next up without it converges", async () => {
    const id = instanceOf("host02")?.id;
    const target = ["--target-replace", "**overlay-host02-instance"];
    const text = expectFailure(await stack.pulumi([...UP, ...target], stack.referenceConfig(moveHost01)));
    expect(text).toMatch(/host02 (was re-imaged, or lost its files|could not be asked .* in sync)/);
    expect(instanceOf("host02")?.id).not.toBe(id);
    await up(moveHost01);
    expect(await stack.failingPairs()).toEqual([]);
    expect((await up(moveHost01)).counts).toEqual({ unchanged: 23 });
  });

  test("up launches an instance again that somebody terminated", async () => {
    await terminate("host02");
    await up(moveHost01);
    expect(await stack.failingPairs()).toEqual([]);
  });

  describe("an error of Oracle's API while up changes tags", () => {
    beforeEach(countTries("faults"));

    const tagAs =
      (value: string): ConfigChange =>
      (e) => {
        moveHost01(e);
        e.tags = { test: value };
      };

    /** The plugin repeats a request that one of them answers. */
    test.each([
      [500, "InternalServerError"],
      [429, "TooManyRequests"],
      [409, "IncorrectState"],
    ])("%i %s twice: up succeeds by itself", async (status, code) => {
      changeFaults(stack.lab, (faults) => faults.api.push({ code, status, count: 2 }));
      try {
        expect((await up(tagAs(code))).counts["updated"]).toBeGreaterThan(0);
        expect(readFaults(stack.lab).api).toEqual([]);
      } finally {
        await clearFaults(stack.lab);
      }
      expect(await stack.failingPairs()).toEqual([]);
    });

    const isVcnTagged = async (value: string) => {
      const { items } = await sdk.call("network", "listVcns", { compartmentId: COMPARTMENT });
      return items.some(({ freeformTags }: any) => freeformTags?.test === value);
    };

    test(
      "404 NotAuthorizedOrNotFound from then on: up fails and names a resource, and the next up finishes",
      async () => {
        const code = "NotAuthorizedOrNotFound";
        const upRun = stack.up(stack.referenceConfig(tagAs(code)));
        try {
          // An error before that would fail the program's lookups, which have no resource.
          await until("the first change", 60_000, () => isVcnTagged(code), 10);
          changeFaults(stack.lab, (faults) => faults.api.push({ code, status: 404, count: 10_000 }));
          const text = expectFailure(await upRun);
          expect(text).toMatch(
            /overlay-(network|host0\d)-[\w-]+[^]*404-NotAuthorizedOrNotFound, A fault that the lab was asked for/,
          );
        } finally {
          await upRun;
          await clearFaults(stack.lab);
        }
        await up(tagAs(code));
        expect(await stack.failingPairs()).toEqual([]);
        expect((await up(tagAs(code))).counts).toEqual({ unchanged: 23 });
      },
      600_000, // The official plugin repeats such a request for minutes.
    );
  });

  test("another image keeps the instance, and a new login key replaces the old one for all users", async () => {
    const id = instanceOf("host02")?.id;
    const { items } = await sdk.call("compute", "listImages", {
      compartmentId: COMPARTMENT,
      operatingSystem: "Oracle Linux",
      shape: "VM.Standard.E4.Flex",
    });
    const replaceKey = await newLoginKey(stack);
    const { text } = await up((e) => {
      moveHost01(e);
      e.hosts.host02.instance.image = { id: items[0].id };
      replaceKey(e);
    });
    // The new boot volume of host02 has booted with the old key, which its instance was launched with.
    expect(text).toContain("the new login key logs in to host01, host02, and the old one does not");
    const [, oldKey = ""] = publicKey(loginKey(stack.lab)).split(" ");
    for (const host of ["host01", "host02"]) {
      const files = await stack.on(host, `grep -lrF ${oldKey} /root/.ssh /home/*/.ssh || true`);
      expect([host, files]).toEqual([host, ""]);
    }
    expect(instanceOf("host02")?.id).toBe(id);
    expect(await stack.on("host02", "systemctl is-active firewalld")).toBe("active");
    expect(await stack.failingPairs()).toEqual([]);
  });

  test("destroy leaves no instance, network or host, although one instance is off and another one is gone", async () => {
    await terminate("host02");
    await sdk.call("compute", "instanceAction", { instanceId: instanceOf("host01")?.id, action: "STOP" });
    await until("the stop", 60_000, () => instanceOf("host01")?.state === "STOPPED");
    expectSuccess(await stack.destroy(stack.referenceConfig()));
    expect(stack.instances().filter(({ state }) => state !== "TERMINATED")).toEqual([]);
    expect(listHosts(stack.lab)).toEqual([]);
    for (const kind of ["Vcns", "SecurityLists", "Subnets", "RouteTables", "InternetGateways"]) {
      const { items } = await sdk.call("network", `list${kind}`, { compartmentId: COMPARTMENT });
      const remaining = items.filter(({ lifecycleState }: any) => lifecycleState !== "TERMINATED");
      expect([kind, remaining]).toEqual([kind, []]);
    }
  });
});
