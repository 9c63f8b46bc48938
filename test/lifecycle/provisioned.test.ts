import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { changeFaults } from "../../lab/cloud/faults.ts";
import { COMPARTMENT } from "../../lab/cloud/region.ts";
import { until } from "../../lab/system/commands.ts";
import { hostsOf, isRunning } from "../../lab/hosts/hosts.ts";
import { Sdk } from "../../lab/test/lifecycle/sdk/client.ts";
import { TestEnvironment } from "./environment.ts";
import type { Outcome } from "./environment.ts";
import { commandLinesDuring, readableByOthers, secretsOf } from "./secrets.ts";

/** The memo's environment from nothing to nothing: each test goes on where the one before it stopped. */
describe("the memo's environment, provisioned", () => {
  let env: TestEnvironment;
  let sdk: Sdk;
  beforeAll(async () => {
    env = await TestEnvironment.cloud("test-memo");
    sdk = new Sdk(env.lab);
  });
  afterAll(async () => {
    (sdk as Sdk | undefined)?.close(); // Where beforeAll failed there is none.
    await env.remove();
  });

  /** Runs `up` with a change of the committed config; it has to succeed. */
  const up = async (change?: (environment: any) => void): Promise<Outcome> => {
    const outcome = await env.up(env.memoConfig(change));
    expect(outcome.exitCode, outcome.text).toBe(0);
    return outcome;
  };
  const lists = async (): Promise<any[]> =>
    (await sdk.call("network", "listSecurityLists", { compartmentId: COMPARTMENT })).items;
  const state = () =>
    readFileSync(join(env.lab.directory, "state/.pulumi/stacks/oci-vxlan/lab.json"), "utf8");
  const list = async (name: RegExp): Promise<any> =>
    (await lists()).find(({ displayName }: any) => name.test(displayName));

  test("preview asks the cloud for nothing but places and images, and makes nothing", async () => {
    const { exitCode, text, counts } = await env.pulumi(["preview"], env.memoConfig());
    expect(exitCode, text).toBe(0);
    expect(counts).toEqual({ to: 22 });
    expect(env.instances()).toEqual([]);
    expect(await lists()).toEqual([]);
  });

  test("up makes all of it in one go, and all traffic passes; no secret is seen anywhere meanwhile", async () => {
    const running = up();
    const lines = [...(await commandLinesDuring(running))];
    const { counts, text } = await running;
    expect(counts).toEqual({ created: 22 });
    expect(await env.failing()).toEqual([]);
    expect(env.instances().map(({ host, privateIp, state }) => [host, privateIp, state])).toEqual([
      ["host01", "10.196.218.222", "RUNNING"],
      ["host02", "10.196.218.226", "RUNNING"],
    ]);
    const secrets = secretsOf(env.lab);
    expect(lines.filter((line) => secrets.some((secret) => line.includes(secret)))).toEqual([]);
    expect(secrets.filter((secret) => text.includes(secret) || state().includes(secret))).toEqual([]);
    expect(state()).not.toContain("PRIVATE KEY");
    expect(await readableByOthers(env.lab, secrets)).toEqual([]);
  });

  test("the stack issued the host keys, and no private key can be read in state or on the hosts by others", async () => {
    expect(await env.on("host01", "ls /etc/ssh/ssh_host_*_key")).toBe("/etc/ssh/ssh_host_ecdsa_key");
    expect(await env.on("host01", "stat -c %a /etc/ssh/ssh_host_ecdsa_key")).toMatch(/^6[04]0$/);
    const secret = await env.on("host01", "sed -n 2p /etc/ssh/ssh_host_ecdsa_key");
    expect(secret.trim().length).toBeGreaterThan(30);
    expect(state()).not.toContain(secret.trim());
  });

  test("the official names are used: no warning of an unknown or deprecated property", async () => {
    const { text } = await env.pulumi(["preview"], env.memoConfig());
    expect(text).not.toMatch(/warning|deprecated/i);
  });

  test("a second up changes nothing", async () => {
    expect((await up()).counts).toEqual({ unchanged: 22 });
  });

  test("the VXLAN rule taken out of the list: the overlay stops within a second; up puts it back", async () => {
    const { id, ingressSecurityRules } = await list(/^internal-hosts$/);
    const others = ingressSecurityRules.filter(({ protocol }: any) => protocol !== "17");
    expect(others.length).toBeLessThan(ingressSecurityRules.length);
    const passes = (seconds: number) =>
      env.on("host01", `ping -c1 -W${seconds} 192.168.0.2 >/dev/null && echo passes || echo stops`);
    expect(await passes(5)).toBe("passes");
    await sdk.call("network", "updateSecurityList", {
      securityListId: id,
      updateSecurityListDetails: { ingressSecurityRules: others },
    });
    const changed = Date.now();
    let asked = changed;
    const stops = async () => {
      asked = Date.now();
      return (await passes(1)) === "stops";
    };
    await until("the overlay's stop", 5_000, stops, 10);
    expect(asked - changed).toBeLessThan(1_000);
    const { counts } = await up();
    expect(counts).toEqual({ updated: 1, unchanged: 21 });
    expect(await env.failing()).toEqual([]);
  });

  test("a stateful list, and back to a stateless one, in place", async () => {
    const stateful = await up((e) => (e.network.securityList.stateful = true));
    expect(stateful.counts).toEqual({ updated: 1, unchanged: 21 });
    const vxlan = (await list(/^internal-hosts$/)).ingressSecurityRules.filter(
      ({ protocol }: any) => protocol === "17",
    );
    expect(vxlan.map(({ isStateless }: any) => isStateless)).toEqual(vxlan.map(() => false));
    expect(await env.failing()).toEqual([]);
    expect((await up()).counts).toEqual({ updated: 1, unchanged: 21 });
    expect(await env.failing()).toEqual([]);
  });

  test("the VCN's default list in place of an own one", async () => {
    await up((e) => (e.network.securityList = { default: true }));
    expect(await list(/^internal-hosts$/)).toBeUndefined();
    expect(await env.failing()).toEqual([]);
    await up();
    expect(await list(/^internal-hosts$/)).toBeDefined();
    expect(await env.failing()).toEqual([]);
  });

  const third = (e: any) => {
    e.network.subnets.host03 = { cidr: "10.196.218.228/30" };
    e.hosts.host03 = { overlayAddresses: ["192.168.0.3"], instance: { subnet: "host03", bootTimeout: 10 } };
  };

  test("no capacity for another host: up says what to do and keeps the rest; a slow boot too; the next up finishes", async () => {
    changeFaults(env.lab, (faults) => {
      faults.capacity = 1;
      faults.bootDelay = 45;
    });
    const none = await env.up(env.memoConfig(third));
    expect(none.exitCode).not.toBe(0);
    expect(none.text).toMatch(/Oracle has no capacity left for host03.*another availabilityDomain/);
    const failing = await env.failing();
    expect(failing.filter((pair) => !pair.includes("host03"))).toEqual([]);

    const slow = await env.up(env.memoConfig(third));
    expect(slow.exitCode).not.toBe(0);
    expect(slow.text).toMatch(/overlay-host03-ready.*error/);
    changeFaults(env.lab, (faults) => (faults.bootDelay = 0));

    const done = await env.up(
      env.memoConfig((e) => {
        third(e);
        e.hosts.host03.instance.bootTimeout = 120;
      }),
    );
    expect(done.exitCode, done.text).toBe(0);
    expect(await env.failing()).toEqual([]);
    await up();
    expect(env.instances().filter(({ state }) => state === "RUNNING")).toHaveLength(2);
    expect(await env.failing()).toEqual([]);
  });

  test("a host that was powered off is replaced, and no delete runs against it", async () => {
    const { id } = env.instances().find(({ host }) => host === "host01") ?? {};
    await sdk.call("compute", "instanceAction", { instanceId: id, action: "STOP" });
    await until("the stop", 30_000, () => !isRunning(env.lab, "host01"));
    const { counts } = await up((e) => (e.hosts.host01.instance.availabilityDomain = "AD-2"));
    // Later engines (seen with 3.274.1) count the host's three commands too: they replace what is deleted with the
    // instance, and run no delete for it either.
    expect([1, 5]).toContain(counts["replaced"]);
    expect(counts["deleted"]).toBeUndefined();
    expect(env.instances().find(({ host }) => host === "host01")?.id).not.toBe(id);
    expect(await env.failing()).toEqual([]);
  });

  const moved = (e: any) => (e.hosts.host01.instance.availabilityDomain = "AD-2");
  const replace = (...names: string[]) =>
    env.pulumi(
      ["up", "--yes", "--skip-preview", ...names.flatMap((name) => ["--replace", `**overlay-${name}**`])],
      env.memoConfig(moved),
    );
  const host01 = () => env.instances().find(({ host }) => host === "host01")?.id;
  /** What the state holds of the key that the stack issued for host01, encrypted. */
  const issuedKey = () =>
    JSON.parse(state()).checkpoint.latest.resources.find(({ urn }: any) => /host01-host-key$/.test(urn))
      .outputs.stdout.ciphertext;

  test("--replace of a host with its key: the new instance is reached by the key it was launched with", async () => {
    const before = { id: host01(), key: issuedKey() };
    const { exitCode, text } = await replace("host01-host-key", "host01-instance", "host01-ready");
    expect(exitCode, text).toBe(0);
    expect(host01()).not.toBe(before.id);
    expect(issuedKey()).not.toBe(before.key);
    expect(text + state()).not.toContain("PRIVATE KEY");
    expect(await env.failing()).toEqual([]);
    expect((await up(moved)).counts).toEqual({ unchanged: 22 });
  });

  test("--replace of a host with all that belongs to it: it is reached as well, at the latest by the next up", async () => {
    const before = host01();
    const { exitCode, text } = await replace("host01-");
    expect(host01()).not.toBe(before);
    if (exitCode !== 0) {
      // Before 3.274 the engine dials an instance that it has replaced itself, to undo the phases that went with it.
      expect(text).toMatch(
        /If its instance was replaced in this run, .*run pulumi up again, without --replace/,
      );
      await up(moved);
    }
    expect(await env.failing()).toEqual([]);
    expect((await up(moved)).counts).toEqual({ unchanged: 22 });
  });

  test("--replace of a host key alone: the host keeps its key, and is reached as before", async () => {
    const before = { id: host01(), key: issuedKey() };
    const { exitCode, text, counts } = await replace("host01-host-key");
    expect(exitCode, text).toBe(0);
    expect(counts).toEqual({ replaced: 1, unchanged: 21 });
    expect(host01()).toBe(before.id);
    expect(issuedKey()).not.toBe(before.key);
    // A phase that runs again dials with the pinned key.
    const again = await up((e) => {
      moved(e);
      e.hosts.host01.instance.bootTimeout = 60;
    });
    expect(again.counts).toEqual({ updated: 1, unchanged: 21 });
    expect((await up(moved)).counts).toEqual({ updated: 1, unchanged: 21 });
    expect(await env.failing()).toEqual([]);
  });

  test("an instance that somebody terminated comes again with the next up", async () => {
    changeFaults(env.lab, (faults) => faults.terminate.push("host02"));
    await until("its end", 30_000, () => !env.instances().some(({ host }) => host === "host02"));
    await up((e) => (e.hosts.host01.instance.availabilityDomain = "AD-2"));
    expect(await env.failing()).toEqual([]);
  });

  test("another image in place: the instance stays, and the host gets its overlay and its peers again", async () => {
    const { id } = env.instances().find(({ host }) => host === "host02") ?? {};
    const { items } = await sdk.call("compute", "listImages", {
      compartmentId: COMPARTMENT,
      operatingSystem: "Oracle Linux",
      shape: "VM.Standard.E4.Flex",
    });
    await up((e) => {
      e.hosts.host01.instance.availabilityDomain = "AD-2";
      e.hosts.host02.instance.image = { id: items[0].id };
    });
    expect(env.instances().find(({ host }) => host === "host02")?.id).toBe(id);
    expect(await env.on("host02", "systemctl is-active firewalld")).toBe("active");
    expect(await env.failing()).toEqual([]);
  });

  test("destroy ends with no instance, network or key left", async () => {
    const { exitCode, text } = await env.destroy(env.memoConfig());
    expect(exitCode, text).toBe(0);
    expect(env.instances().filter(({ state }) => state !== "TERMINATED")).toEqual([]);
    expect(hostsOf(env.lab)).toEqual([]);
    for (const what of ["Vcns", "SecurityLists", "Subnets", "RouteTables", "InternetGateways"]) {
      const { items } = await sdk.call("network", `list${what}`, { compartmentId: COMPARTMENT });
      expect([what, items.filter(({ lifecycleState }: any) => lifecycleState !== "TERMINATED")]).toEqual([
        what,
        [],
      ]);
    }
  });
});
