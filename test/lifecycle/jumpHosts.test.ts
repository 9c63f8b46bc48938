import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { hostKey, publicKey } from "../../lab/hosts/keys.ts";
import { withoutPrefix } from "../../lab/hosts/inventory.ts";
import type { Inventory } from "../../lab/hosts/inventory.ts";
import { addRules } from "./support/faults.ts";
import { installationTraces, readEach } from "./support/hostState.ts";
import { expectFailure, expectSuccess, expectUnchanged } from "./support/outcome.ts";
import { newLoginKey } from "./support/newLoginKey.ts";
import { echoesLostDuring } from "./support/steadyEcho.ts";
import { secretsOf, textsWithSecrets } from "./support/secretLeaks.ts";
import { TestStack } from "./support/testStack.ts";
import type { ConfigChange } from "./support/testStack.ts";

const INVENTORY: Inventory = {
  behind1: { address: "10.196.218.222/30", mac: "02:00:17:00:02:01", nic: "ens3" },
  behind2: { address: "10.196.218.226/30", mac: "02:00:17:00:02:02", nic: "ens3" },
  jump: { address: "10.196.217.2/24", mac: "02:00:17:00:02:03", nic: "ens3" },
};
const JUMP = withoutPrefix(INVENTORY["jump"]?.address ?? "");
const HOSTS_BEHIND = ["behind1", "behind2"];

const stateOf = (stack: TestStack) =>
  readFileSync(join(stack.lab.directory, "state/.pulumi/stacks/oci-vxlan/lab.json"), "utf8");

/** Expects that a resource was deleted after all of the others. */
function expectDeletedLast(text: string, lastName: string, otherNames: readonly string[]): void {
  const lineOf = (name: string) =>
    text.split("\n").findIndex((line) => line.includes(`overlay-${name} `) && /deleted/.test(line));
  for (const name of [lastName, ...otherNames]) expect([name, lineOf(name)]).not.toEqual([name, -1]);
  expect(Math.max(...otherNames.map(lineOf)), text).toBeLessThan(lineOf(lastName));
}

/** Two hosts that refuse SSH on their NIC from everybody but a third. Each test starts where the one before ended. */
describe("hosts that only a jump host reaches", () => {
  let stack: TestStack;
  let tracesBefore: Record<string, string>;
  const traces = () => readEach(Object.keys(INVENTORY), (host) => installationTraces(stack, host));
  beforeAll(async () => {
    stack = await TestStack.boot("test-jump-hosts", INVENTORY);
    for (const host of Object.keys(INVENTORY)) await stack.waitForBoot(host);
    const refusal = `iifname "ens3" ip saddr != ${JUMP} tcp dport 22 reject with tcp reset`;
    for (const host of HOSTS_BEHIND) await stack.on(host, addRules("input", refusal));
    tracesBefore = await traces();
  });
  afterAll(() => stack.remove());

  /** The overlay of the two hosts, with a jump host that is none of its hosts. */
  const configWithProxy = (change: ConfigChange = () => undefined) =>
    stack.config((e) => {
      delete e.hosts.jump;
      e.ssh.proxy = { address: JUMP, hostKeyPath: ".lab/keys/jump_host_ed25519.pub" };
      change(e);
    });
  /** The overlay of all three, one of which is the jump host of the others. */
  const via = (change: ConfigChange = () => undefined) =>
    stack.config((e) => {
      e.ssh.via = "jump";
      change(e);
    });

  test("cannot be set up directly", async () => {
    const text = expectFailure(await stack.up(configWithProxy((e) => delete e.ssh.proxy)));
    expect(text).toMatch(/behind1: its program could not be delivered by SSH to .*ECONNREFUSED/);
  });

  describe("which is a machine of its own", () => {
    test("up sets them up, all traffic passes, and a second up changes nothing", async () => {
      const { counts, text } = expectSuccess(await stack.up(configWithProxy()));
      expect(counts).toMatchObject({ created: expect.any(Number) });
      expect(await stack.failingPairs()).toEqual([]);
      expect(textsWithSecrets([text, stateOf(stack)], secretsOf(stack.lab))).toEqual([]);
      expectUnchanged(await stack.up(configWithProxy()));
      expect(await stack.on("jump", "ls -d /etc/oci-vxlan 2>/dev/null || true")).toBe("");
    });

    test("an overlay that holds its address is refused by the hosts where the config cannot tell", async () => {
      const change: ConfigChange = (e) => {
        e.ssh.proxy.sourceAddress = "203.0.113.99";
        e.overlay.cidrs = ["10.196.217.0/24"];
        HOSTS_BEHIND.forEach(
          (host, index) => (e.hosts[host].overlayAddresses = [`10.196.217.${index + 101}`]),
        );
      };
      const text = expectFailure(await stack.up(configWithProxy(change)));
      expect(text).toContain(`10.196.217.101/24 overlaps ${JUMP}, the SSH client that makes this change`);
      expect(await stack.failingPairs()).toEqual([]);
    });

    test("another host key of it fails up, which says that it is the jump host's", async () => {
      const otherKey = publicKey(hostKey(stack.lab, "behind1"));
      const text = expectFailure(
        await stack.up(configWithProxy((e) => (e.ssh.proxy = { address: JUMP, hostKey: otherKey }))),
      );
      expect(text).toContain(`the jump host ${JUMP} port 22 has another host key than the pinned one`);
    });

    test("up says that the jump host is down, or that it does not reach a host, and finishes afterwards", async () => {
      await stack.on(
        "jump",
        addRules("output", "tcp dport 22 ip daddr 10.196.218.226 reject with tcp reset"),
      );
      const failedText = expectFailure(await stack.up(configWithProxy()));
      expect(failedText).toContain(`the jump host ${JUMP} port 22 does not reach 10.196.218.226 port 22 (`);
      await stack.on(
        "jump",
        `nft delete table inet fault; ${addRules("input", "tcp dport 22 reject with tcp reset")}`,
      );
      const down = expectFailure(await stack.up(configWithProxy()));
      expect(down).toContain(`the jump host ${JUMP} port 22 does not answer`);
      expect(down).not.toContain("down to true");
      await stack.on("jump", "nft delete table inet fault");
      expectSuccess(await stack.up(configWithProxy()));
      expect(await stack.failingPairs()).toEqual([]);
    });

    test("destroy leaves nothing", async () => {
      expectSuccess(await stack.destroy(configWithProxy()));
      expect(await traces()).toEqual(tracesBefore);
    });
  });

  describe("which is a host of the overlay", () => {
    test("up sets up all three, and a second up changes nothing", async () => {
      expectSuccess(await stack.up(via()));
      expect(await stack.failingPairs()).toEqual([]);
      expectUnchanged(await stack.up(via()));
    });

    test("a change reaches all of them, and so does a refused one none", async () => {
      expectSuccess(await stack.up(via((e) => (e.overlay.vni = 101))));
      expect(await stack.failingPairs()).toEqual([]);
      const operators = via((e) => {
        e.overlay.cidrs = ["198.51.100.0/24"];
        Object.keys(INVENTORY).forEach(
          (host, index) => (e.hosts[host].overlayAddresses = [`198.51.100.${index + 101}`]),
        );
      });
      const text = expectFailure(await stack.up(operators));
      expect(text).toContain(
        "198.51.100.103/24 overlaps 198.51.100.10, the SSH client that makes this change",
      );
      for (const host of HOSTS_BEHIND)
        expect(await stack.on(host, "cat /etc/oci-vxlan/*/device")).toContain("\naddress 192.168.0.");
    });

    test("a host behind it leaves, and comes back while a new login key replaces the old one on all", async () => {
      expectSuccess(await stack.up(via((e) => delete e.hosts.behind2)));
      expect(await stack.failingPairs()).toEqual([]);
      const { text } = expectSuccess(await stack.up(via(await newLoginKey(stack))));
      expect(text).toContain("the new login key logs in to behind1, behind2, jump, and the old one does not");
      expect(await stack.failingPairs()).toEqual([]);
    });

    test("destroy removes the jump host's overlay last and leaves nothing", async () => {
      const { text } = expectSuccess(await stack.destroy(via()));
      for (const phase of ["device", "peers"])
        expectDeletedLast(
          text,
          `jump-${phase}`,
          HOSTS_BEHIND.map((host) => `${host}-${phase}`),
        );
      expect(await traces()).toEqual(tracesBefore);
    });
  });
});

/** An instance in a private subnet, which nothing outside of the cloud reaches. */
describe("a private instance behind a public one", () => {
  let stack: TestStack;
  beforeAll(async () => {
    stack = await TestStack.bootCloud("test-private-instances");
  });
  afterAll(() => stack.remove());

  const config = (change: ConfigChange = () => undefined) =>
    stack.referenceConfig((e) => {
      e.ssh.via = "host02";
      e.network.subnets.host01.private = true;
      delete e.hosts.host02.instance.privateIp; // The list then admits its subnet.
      change(e);
    });

  test("up boots and joins them, and a second up changes nothing", async () => {
    expectSuccess(await stack.up(config()));
    expect((await stack.outputs()).addresses.host01.publicIp).toBe("");
    expect(await stack.failingPairs()).toEqual([]);
    expectUnchanged(await stack.up(config()));
  });

  test("a new instance of the jump host leads to the others", async () => {
    const id = () => stack.instances().find(({ host }) => host === "host02")?.id;
    const before = id();
    const movedConfig = config((e) => (e.hosts.host02.instance.availabilityDomain = "AD-2"));
    expectSuccess(await stack.up(movedConfig));
    expect(id()).not.toBe(before);
    expect(await stack.failingPairs()).toEqual([]);
  });

  test("a Network Security Group alone admits them, VXLAN and SSH from the jump host included", async () => {
    const configWithGroup = (securityGroup: boolean | "only") =>
      config((e) => (e.network.securityGroup = securityGroup));
    const lostEchoes = await echoesLostDuring(stack, "host01", "192.168.0.2", async () => {
      expectSuccess(await stack.up(configWithGroup(true)));
      expectSuccess(await stack.up(configWithGroup("only")));
    });
    expect(lostEchoes).toBe(0);
    expect(await stack.failingPairs()).toEqual([]);
  });

  test("destroy takes the private host's phases away before the public one", async () => {
    const { text } = expectSuccess(await stack.destroy(config()));
    expectDeletedLast(text, "host02-instance", ["host01-peers", "host01-device", "host01-ready"]);
    expect(stack.instances().filter(({ state }) => state !== "TERMINATED")).toEqual([]);
  });
});
