import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { changeFaults } from "../../lab/cloud/faults.ts";
import { killHost } from "../../lab/hosts/hosts.ts";
import { TestEnvironment } from "./environment.ts";

/** Environments that the cloud makes, through the real engine: each test goes on where the one before it stopped. */
describe("a provisioned environment", () => {
  let env: TestEnvironment;
  beforeAll(async () => {
    env = await TestEnvironment.cloud("t-provisioned", {
      elsewhere: { address: "10.196.219.2/30", mac: "c6:b0:e9:14:c2:01", nic: "eth0" },
    });
  });
  afterAll(() => env.remove());

  const state = () =>
    readFileSync(join(env.lab.directory, "state/.pulumi/stacks/oci-vxlan/lab.json"), "utf8");
  const urnOf = (name: string) =>
    JSON.parse(state())
      .checkpoint.latest.resources.map(({ urn }: { urn: string }) => urn)
      .find((urn: string) => urn.endsWith(`::${name}`));

  test("up makes the memo's network, hosts and overlay, and all traffic passes", async () => {
    const { exitCode, text } = await env.up(env.memoConfig());
    expect(exitCode, text).toBe(0);
    expect(await env.failing()).toEqual([]);
    const { addresses } = await env.outputs();
    expect(addresses.host01.privateIp).toBe("10.196.218.222");
    expect(addresses.host02.privateIp).toBe("10.196.218.226");
  });

  test("the stack issued the host keys, and no private key can be read in state or on the hosts by others", async () => {
    expect(await env.on("host01", "ls /etc/ssh/ssh_host_*_key")).toBe("/etc/ssh/ssh_host_ecdsa_key");
    expect(await env.on("host01", "stat -c %a /etc/ssh/ssh_host_ecdsa_key")).toMatch(/^6[04]0$/);
    const secret = await env.on("host01", "sed -n 2p /etc/ssh/ssh_host_ecdsa_key");
    expect(secret.trim().length).toBeGreaterThan(30);
    expect(state()).not.toContain(secret.trim());
  });

  test("a second up changes nothing, with a look at the cloud before it or not", async () => {
    for (const look of [[], ["--refresh"]]) {
      const { exitCode, counts } = await env.pulumi(
        ["up", "--yes", "--skip-preview", ...look],
        env.memoConfig(),
      );
      expect(exitCode).toBe(0);
      expect(Object.keys(counts)).toEqual(["unchanged"]);
    }
  });

  test.each([
    ["stateful", (e: any) => (e.network.securityList.stateful = true)],
    ["the VCN's default one", (e: any) => (e.network.securityList = { default: true })],
    ["an own one again", () => undefined],
  ])("the Security List may be %s: it passes, and no host is made again", async (_, change) => {
    const { exitCode, text, counts } = await env.up(env.memoConfig(change));
    expect(exitCode, text).toBe(0);
    expect(text).not.toMatch(/instance.*(created|replac)/i);
    expect(counts["updated"] ?? 0).toBeGreaterThan(0);
    expect(await env.failing()).toEqual([]);
  });

  test("a replaced host that was powered off before: nothing runs against the dead one, and it passes again", async () => {
    await killHost(env.lab, "host02");
    const replace = ["up", "--yes", "--skip-preview", "--replace", urnOf("overlay-host02-instance")];
    const { exitCode, text, counts } = await env.pulumi(replace, env.memoConfig());
    expect(exitCode, text).toBe(0);
    expect(counts).toMatchObject({ updated: expect.any(Number) });
    expect(text).not.toContain("overlay-host02-device deleting");
    expect(await env.failing()).toEqual([]);
  });

  const third = (e: any) => {
    e.network.subnets.host03 = { cidr: "10.196.218.228/30" };
    e.hosts.host03 = { overlayAddresses: ["192.168.0.3"], instance: { subnet: "host03", bootTimeout: 10 } };
  };

  test("no capacity for another host: up says what to do and keeps the rest; a slow boot too; the next up finishes", async () => {
    changeFaults(env.lab, (faults) => {
      faults.capacity = 1;
      faults.bootDelay = 60;
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
  });

  test("destroy leaves nothing of it, and dials no host for it", async () => {
    const { exitCode, text } = await env.destroy(env.memoConfig(third));
    expect(exitCode, text).toBe(0);
    expect(env.instances().filter(({ state }) => state !== "TERMINATED")).toEqual([]);
  });

  test("three in one subnet and one that existed: every pair passes, by config alone", async () => {
    const { exitCode, text } = await env.up(
      env.memoConfig((e) => {
        e.network.subnets = { all: { cidr: "10.196.218.192/28" } };
        e.hosts = Object.fromEntries(
          [1, 2, 3].map((n) => [`host0${n}`, { overlayAddresses: [`192.168.0.${n}`], instance: {} }]),
        );
        e.hosts.elsewhere = {
          overlayAddresses: ["192.168.0.4"],
          existing: {
            underlayAddress: "10.196.219.2",
            hostKeyPath: ".lab/keys/elsewhere_host_ed25519.pub",
          },
        };
      }),
    );
    expect(exitCode, text).toBe(0);
    expect(await env.prove()).toHaveLength(12);
    expect(await env.failing()).toEqual([]);
  });
});
