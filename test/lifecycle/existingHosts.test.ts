import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { REFERENCE_HOSTS } from "../../lab/cli/existingHosts.ts";
import { killHost, rebootHost } from "../../lab/hosts/power.ts";
import { startHosts } from "../../lab/hosts/boot.ts";
import type { HostSpec } from "../../lab/hosts/inventory.ts";
import { silentProgress } from "../../lab/system/progress.ts";
import { fileTimes, installationTraces, kernelTables, readEach } from "./support/hostState.ts";
import { expectSuccess } from "./support/outcome.ts";
import { commandLinesDuring, readableByOthers, secretsOf, textsWithSecrets } from "./support/secretLeaks.ts";
import { TestStack } from "./support/testStack.ts";

/** The reference environment's two hosts, which exist before the stack. Each test starts where the one before ended. */
describe("an overlay between two existing hosts", () => {
  let stack: TestStack;
  let tracesBefore: Record<string, string>;
  let macs: Record<string, string>;
  const HOSTS = ["host01", "host02"];
  const readTraces = () => readEach(HOSTS, (host) => installationTraces(stack, host));
  const readFileTimes = () => readEach(HOSTS, (host) => fileTimes(stack, host));
  const readTables = () => readEach(HOSTS, (host) => kernelTables(stack, host));

  beforeAll(async () => {
    stack = await TestStack.boot("test-existing-hosts", REFERENCE_HOSTS, { isCold: true });
    await Promise.all(HOSTS.map((host) => stack.waitForBoot(host)));
    tracesBefore = await readTraces();
  });
  afterAll(() => stack.remove());

  test("preview counts what up will create, and touches no host", async () => {
    const { counts } = expectSuccess(await stack.pulumi(["preview"]));
    expect(counts).toEqual({ create: 8 });
    expect(await readTraces()).toEqual(tracesBefore);
  });

  test("up creates it, and all traffic passes", async () => {
    const { counts } = expectSuccess(await stack.up());
    expect(counts).toEqual({ created: 8 });
    expect(await stack.failingPairs()).toEqual([]);
    macs = (await stack.outputs()).macs;
    expect(Object.keys(macs)).toEqual(HOSTS);
  });

  test("each kernel holds what the reference environment's commands would have set", async () => {
    const peers = {
      host01: ["host02", "10.196.218.226", "192.168.0.2"],
      host02: ["host01", "10.196.218.222", "192.168.0.1"],
    };
    for (const [host, [peer = "", underlay, overlay]] of Object.entries(peers)) {
      expect(await stack.on(host, "bridge fdb show dev vxlan0")).toContain(
        `${macs[peer]} dst ${underlay} self permanent`,
      );
      expect(await stack.on(host, "ip neigh show dev vxlan0")).toMatch(
        new RegExp(`^${overlay} lladdr ${macs[peer]} PERMANENT`, "m"),
      );
      const link = await stack.on(host, "ip -d -o link show vxlan0");
      expect(link).toContain(`link/ether ${macs[host]}`);
      expect(link).toMatch(/vxlan id 100 local 10\.196\.218\.\d+ dev eth0 .*dstport 4789 nolearning/);
      expect(link).toContain("mtu 8950");
    }
  });

  test("a second up changes no resource, no file and no kernel table", async () => {
    const [times, tables] = [await readFileTimes(), await readTables()];
    const { counts } = expectSuccess(await stack.up());
    expect(counts).toEqual({ unchanged: 8 });
    expect(await readFileTimes()).toEqual(times);
    expect(await readTables()).toEqual(tables);
  });

  test("the hosts' program, run once more by hand, changes nothing and prints nothing", async () => {
    const [times, tables] = [await readFileTimes(), await readTables()];
    for (const host of HOSTS) {
      expect(await stack.on(host, "/usr/local/sbin/oci-vxlan reconcile lab.overlay 2>&1")).toBe("");
    }
    expect(await readFileTimes()).toEqual(times);
    expect(await readTables()).toEqual(tables);
  });

  describe("the lab's connectivity test fails in the direction that is broken", () => {
    // A stopped unit repairs nothing during the test. A start repairs everything.
    const onBoth = (script: string) => Promise.all(HOSTS.map((host) => stack.on(host, script)));
    const startUnits = () => onBoth("systemctl start oci-vxlan@lab.overlay");
    beforeEach(() => onBoth("systemctl stop oci-vxlan@lab.overlay"));
    afterAll(startUnits);

    test("traffic to a peer stops without its FDB entries, the all-zero one included", async () => {
      for (const mac of [macs["host02"], "00:00:00:00:00:00"])
        await stack.on("host01", `bridge fdb del ${mac} dev vxlan0 dst 10.196.218.226`);
      expect(await stack.failingPairs()).toContain("host01 -> host02");
      await startUnits();
      expect(await stack.failingPairs()).toEqual([]);
    });

    test("without our host firewall rule ping is answered, and TCP is not", async () => {
      const rules = await stack.on("host02", "iptables -S INPUT");
      const jump = rules.split("\n").find((line) => line.includes("oci-vxlan")) ?? "";
      await stack.on(
        "host02",
        `iptables ${jump.replace("-A", "-D")} && iptables -I INPUT -p udp --dport 4789 -j ACCEPT`,
      );
      const [forwardResult, backwardResult] = await stack.testConnectivity();
      expect(forwardResult).toMatchObject({ from: "host01", to: "host02", icmpBytes: 8922, tcpBytes: 0 });
      expect(forwardResult?.failure).toMatch(/^TCP to 192\.168\.0\.2: .*No route to host/);
      expect(backwardResult?.failure).toBeUndefined();
      await stack.on("host02", "iptables -D INPUT -p udp --dport 4789 -j ACCEPT");
      await startUnits();
      expect(await stack.failingPairs()).toEqual([]);
    });

    test("traffic stops when a peer's device is down, and when it is deleted", async () => {
      await stack.on("host02", "ip link set vxlan0 down");
      expect(await stack.failingPairs()).toContain("host01 -> host02");
      await stack.on("host02", "ip link del vxlan0");
      const failures = (await stack.testConnectivity()).map(({ from, to, failure }) => [from, to, failure]);
      expect(failures).toEqual([
        ["host01", "host02", "host02 has no vxlan0 IPv4 device"],
        ["host02", "host01", "host02 has no vxlan0 IPv4 device"],
      ]);
      await startUnits();
      expect(await stack.failingPairs()).toEqual([]);
    });
  });

  test("after a reboot of both hosts traffic passes with the same MACs, without Pulumi", async () => {
    await Promise.all(HOSTS.map((host) => rebootHost(stack.lab, host, REFERENCE_HOSTS[host] as HostSpec)));
    await Promise.all(HOSTS.map((host) => stack.waitForBoot(host)));
    expect(await stack.failingPairs()).toEqual([]);
    for (const host of HOSTS) expect(await stack.on(host, "ip -o link show vxlan0")).toContain(macs[host]);
  });

  test("after a power cut traffic passes again, without Pulumi", async () => {
    await killHost(stack.lab, "host02");
    await startHosts(stack.lab, REFERENCE_HOSTS, silentProgress);
    await stack.waitForBoot("host02");
    expect(await stack.failingPairs()).toEqual([]);
  });

  test("another VNI and port recreate the devices with the same MACs, and replace no resource", async () => {
    const otherVni = stack.config((e) => Object.assign(e.overlay, { vni: 101, port: 8472 }));
    const { counts } = expectSuccess(await stack.up(otherVni));
    expect(counts).toEqual({ updated: 2, unchanged: 6 });
    expect(await stack.failingPairs()).toEqual([]);
    expect(await stack.on("host01", "ip -d -o link show vxlan0")).toMatch(/vxlan id 101 .*dstport 8472/);
    expect((await stack.outputs()).macs).toEqual(macs);
    expectSuccess(await stack.up());
  });

  test("another device name and MTU take effect, and so do the previous ones afterwards", async () => {
    const otherDevice = stack.config((e) => Object.assign(e.overlay, { device: "overlay1", mtu: 1400 }));
    expectSuccess(await stack.up(otherDevice));
    expect(await stack.on("host01", "ip -o link show type vxlan")).toMatch(/^\d+: overlay1: .* mtu 1400 /);
    expect(await stack.failingPairs()).toEqual([]);
    expectSuccess(await stack.up());
    expect(await stack.on("host01", "ip -o link show type vxlan")).toMatch(/^\d+: vxlan0: .* mtu 8950 /);
  });

  test("a raised generation sets the host up again, peers included", async () => {
    const { counts } = await stack.up(stack.config((e) => (e.hosts.host01.generation = 1)));
    expect(counts).toEqual({ updated: 3, unchanged: 5 }); // Device, its report, and peers of host01.
    expect(await stack.failingPairs()).toEqual([]);
    expectSuccess(await stack.up());
  });

  test("no key or passphrase appears in the state, on a command line or in a world-readable file", async () => {
    const secrets = secretsOf(stack.lab);
    const upRun = stack.up(stack.config((e) => (e.hosts.host01.generation = 2)));
    const commandLines = [...(await commandLinesDuring(upRun))];
    expect(commandLines.some((line) => /oci-vxlan (device|peers) /.test(line))).toBe(true);
    expect(textsWithSecrets(commandLines, secrets)).toEqual([]);
    expect(await readableByOthers(stack.lab, secrets)).toEqual([]);
    const { text: state } = await stack.pulumi(["stack", "export"]);
    expect(state).toContain("ciphertext");
    expect(textsWithSecrets([state], secrets)).toEqual([]);
    expect(textsWithSecrets([(await upRun).text], secrets)).toEqual([]);
  });

  test("destroy leaves the hosts as they were", async () => {
    const { counts } = expectSuccess(await stack.destroy());
    expect(counts).toEqual({ deleted: 8 });
    expect(await readTraces()).toEqual(tracesBefore);
  });
});
