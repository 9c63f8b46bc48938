import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { killHost, rebootHost, upHosts } from "../../lab/hosts/hosts.ts";
import type { HostSpec } from "../../lab/hosts/hosts.ts";
import { MEMO } from "../../lab/cli/existingHosts.ts";
import { silentProgress } from "../../lab/system/progress.ts";
import { TestEnvironment } from "./environment.ts";
import { commandLinesDuring, readableByOthers, secretsOf } from "./secrets.ts";

/** The memo's two hosts, from nothing to `destroy`: each test goes on where the one before it stopped. */
describe("the memo's hosts", () => {
  let env: TestEnvironment;
  let before: Record<string, string>;
  let macs: Record<string, string>;
  const HOSTS = ["host01", "host02"];
  const onBoth = async (look: (host: string) => Promise<string>) =>
    Object.fromEntries(await Promise.all(HOSTS.map(async (host) => [host, await look(host)] as const)));

  beforeAll(async () => {
    env = await TestEnvironment.boot("test-overlay", MEMO);
    await onBoth((host) => env.on(host, "systemctl is-system-running --wait || true"));
    before = await onBoth((host) => env.traces(host));
  });
  afterAll(() => env.remove());

  test("preview says what it will make, and touches no host", async () => {
    const { exitCode, counts } = await env.pulumi(["preview"]);
    expect(exitCode).toBe(0);
    expect(counts).toEqual({ to: 7 });
    expect(await onBoth((host) => env.traces(host))).toEqual(before);
  });

  test("up joins them, and all traffic passes", async () => {
    const { exitCode, text, counts } = await env.up();
    expect(exitCode, text).toBe(0);
    expect(counts).toEqual({ created: 7 });
    expect(await env.failing()).toEqual([]);
    macs = (await env.outputs()).macs;
    expect(Object.keys(macs)).toEqual(HOSTS);
  });

  test("each kernel holds what the memo's commands would have entered", async () => {
    const peers = {
      host01: ["host02", "10.196.218.226", "192.168.0.2"],
      host02: ["host01", "10.196.218.222", "192.168.0.1"],
    };
    for (const [host, [peer = "", underlay, overlay]] of Object.entries(peers)) {
      expect(await env.on(host, "bridge fdb show dev vxlan0")).toContain(
        `${macs[peer]} dst ${underlay} self permanent`,
      );
      expect(await env.on(host, "ip neigh show dev vxlan0")).toMatch(
        new RegExp(`^${overlay} lladdr ${macs[peer]} PERMANENT`, "m"),
      );
      const link = await env.on(host, "ip -d -o link show vxlan0");
      expect(link).toContain(`link/ether ${macs[host]}`);
      expect(link).toMatch(/vxlan id 100 local 10\.196\.218\.\d+ dev eth0 .*dstport 4789 nolearning/);
      expect(link).toContain("mtu 8950");
    }
  });

  test("a second up changes nothing: no operation, no file, no table", async () => {
    const [files, tables] = [
      await onBoth((host) => env.writtenAt(host)),
      await onBoth((host) => env.tables(host)),
    ];
    const { exitCode, counts } = await env.up();
    expect(exitCode).toBe(0);
    expect(counts).toEqual({ unchanged: 7 });
    expect(await onBoth((host) => env.writtenAt(host))).toEqual(files);
    expect(await onBoth((host) => env.tables(host))).toEqual(tables);
  });

  test("the host side run again by hand changes nothing either", async () => {
    const [files, tables] = [
      await onBoth((host) => env.writtenAt(host)),
      await onBoth((host) => env.tables(host)),
    ];
    for (const host of HOSTS) {
      expect(await env.on(host, "/usr/local/sbin/oci-vxlan reconcile lab.overlay 2>&1")).toBe("");
    }
    expect(await onBoth((host) => env.writtenAt(host))).toEqual(files);
    expect(await onBoth((host) => env.tables(host))).toEqual(tables);
  });

  describe("the proof fails in the direction that is cut", () => {
    // Paused, so that nothing is mended while the proof is measured; starting the unit mends it all.
    const unit = (verb: string) => onBoth((host) => env.on(host, `systemctl ${verb} oci-vxlan@lab.overlay`));
    const mend = () => unit("start");
    beforeEach(() => unit("stop"));
    afterAll(mend);

    test("FDB entries removed, the one for what is sent to all too", async () => {
      for (const mac of [macs["host02"], "00:00:00:00:00:00"])
        await env.on("host01", `bridge fdb del ${mac} dev vxlan0 dst 10.196.218.226`);
      expect(await env.failing()).toContain("host01 -> host02");
      await mend();
      expect(await env.failing()).toEqual([]);
    });

    test("host firewall rule removed: ping still answers, TCP does not", async () => {
      const jump =
        (await env.on("host02", "iptables -S INPUT"))
          .split("\n")
          .find((line) => line.includes("oci-vxlan")) ?? "";
      await env.on(
        "host02",
        `iptables ${jump.replace("-A", "-D")} && iptables -I INPUT -p udp --dport 4789 -j ACCEPT`,
      );
      const [there, back] = await env.prove();
      expect(there).toMatchObject({ from: "host01", to: "host02", icmp: 8922, tcp: 0 });
      expect(there?.failure).toMatch(/^TCP to 192\.168\.0\.2: .*No route to host/);
      expect(back?.failure).toBeUndefined();
      await env.on("host02", "iptables -D INPUT -p udp --dport 4789 -j ACCEPT");
      await mend();
      expect(await env.failing()).toEqual([]);
    });

    test("peer down, peer without its device", async () => {
      await env.on("host02", "ip link set vxlan0 down");
      expect(await env.failing()).toContain("host01 -> host02");
      await env.on("host02", "ip link del vxlan0");
      const failures = (await env.prove()).map(({ from, to, failure }) => [from, to, failure]);
      expect(failures).toEqual([
        ["host01", "host02", "host02 has no vxlan0 IPv4 device"],
        ["host02", "host01", "host02 has no vxlan0 IPv4 device"],
      ]);
      await mend();
      expect(await env.failing()).toEqual([]);
    });
  });

  test("both hosts rebooted: it passes again with the same MACs, without pulumi", async () => {
    await Promise.all(HOSTS.map((host) => rebootHost(env.lab, host, MEMO[host] as HostSpec)));
    await Promise.all(
      HOSTS.map((host) => env.on(host, "systemctl is-system-running --wait >/dev/null || true")),
    );
    expect(await env.failing()).toEqual([]);
    for (const host of HOSTS) expect(await env.on(host, "ip -o link show vxlan0")).toContain(macs[host]);
  });

  test("a power cut is no different", async () => {
    await killHost(env.lab, "host02");
    await upHosts(env.lab, MEMO, silentProgress);
    await env.on("host02", "systemctl is-system-running --wait >/dev/null || true");
    expect(await env.failing()).toEqual([]);
  });

  test("another VNI and port: the devices are made again, MACs kept, nothing replaced", async () => {
    const other = env.config((e) => Object.assign(e.overlay, { vni: 101, port: 8472 }));
    const { exitCode, counts, text } = await env.up(other);
    expect(exitCode, text).toBe(0);
    expect(counts).toEqual({ updated: 2, unchanged: 5 });
    expect(await env.failing()).toEqual([]);
    expect(await env.on("host01", "ip -d -o link show vxlan0")).toMatch(/vxlan id 101 .*dstport 8472/);
    expect((await env.outputs()).macs).toEqual(macs);
    expect((await env.up()).exitCode).toBe(0);
  });

  test("another device name and MTU", async () => {
    const other = env.config((e) => Object.assign(e.overlay, { device: "overlay1", mtu: 1400 }));
    expect((await env.up(other)).exitCode).toBe(0);
    expect(await env.on("host01", "ip -o link show type vxlan")).toMatch(/^\d+: overlay1: .* mtu 1400 /);
    expect(await env.failing()).toEqual([]);
    expect((await env.up()).exitCode).toBe(0);
    expect(await env.on("host01", "ip -o link show type vxlan")).toMatch(/^\d+: vxlan0: .* mtu 8950 /);
  });

  test("a raised generation is another installation: the host gets its peers again", async () => {
    const { counts } = await env.up(env.config((e) => (e.hosts.host01.generation = 1)));
    expect(counts).toEqual({ updated: 2, unchanged: 5 }); // device and peers of host01
    expect(await env.failing()).toEqual([]);
    expect((await env.up()).exitCode).toBe(0);
  });

  test("no key and no passphrase stands in the state, on a command line or in a world-readable file", async () => {
    const secrets = secretsOf(env.lab);
    const again = env.up(env.config((e) => (e.hosts.host01.generation = 2)));
    const lines = [...(await commandLinesDuring(again))];
    expect(lines.some((line) => /oci-vxlan (device|peers) /.test(line))).toBe(true);
    expect(lines.filter((line) => secrets.some((secret) => line.includes(secret)))).toEqual([]);
    expect(await readableByOthers(env.lab, secrets)).toEqual([]);
    const { text: state } = await env.pulumi(["stack", "export"]);
    expect(state).toContain("ciphertext");
    for (const text of [state, (await again).text]) {
      expect(secrets.filter((secret) => text.includes(secret))).toEqual([]);
    }
  });

  test("destroy leaves nothing on the hosts, which stay", async () => {
    const { exitCode, text, counts } = await env.destroy();
    expect(exitCode, text).toBe(0);
    expect(counts).toEqual({ deleted: 7 });
    expect(await onBoth((host) => env.traces(host))).toEqual(before);
  });
});
