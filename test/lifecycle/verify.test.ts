import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import type { Inventory } from "../../lab/hosts/hosts.ts";
import { inNetwork } from "../../lab/network/network.ts";
import { TestEnvironment } from "./environment.ts";

/** Three hosts of one subnet, so that one of them can fail towards two. */
const THREE: Inventory = {
  alpha: { address: "10.196.219.2/24", mac: "02:00:17:00:00:01", nic: "ens3" },
  beta: { address: "10.196.219.3/24", mac: "02:00:17:00:00:02", nic: "ens3" },
  gamma: { address: "10.196.219.4/24", mac: "02:00:17:00:00:03", nic: "ens3" },
};

/** `up` ends in proof that traffic passes, or says between whom it does not, and why. */
describe("verify", () => {
  let env: TestEnvironment;
  /** Raised to have everything verified again without another change. */
  let generation = 0;

  beforeAll(async () => {
    env = await TestEnvironment.boot("test-verify", THREE);
  });
  afterAll(() => env.remove());
  afterEach(async () => {
    await inNetwork(env.lab.namespace("router"), "nft delete table inet cut 2>/dev/null || true");
    for (const host of Object.keys(THREE))
      await env.on(host, "nft delete table inet cut 2>/dev/null || true");
  });

  /** Drops or rejects in the router, or on a host ahead of every other rule. */
  const cutIn = async (place: (script: string) => Promise<string>, hook: string, rule: string) => {
    await place(
      `nft 'add table inet cut; add chain inet cut c { type filter hook ${hook} priority -150; }'; nft 'add rule inet cut c ${rule}'`,
    );
  };
  const cutOn = (host: string, rule: string) => cutIn((script) => env.on(host, script), "input", rule);
  const cutBetween = (rule: string) =>
    cutIn((script) => inNetwork(env.lab.namespace("router"), script), "forward", rule);

  const again = (change: (environment: any) => void = () => undefined) =>
    env.config((e) => {
      e.hosts.alpha.generation = generation;
      change(e);
    });
  /** Verifies once more; it must fail. */
  const failing = async (change?: (environment: any) => void): Promise<string> => {
    generation++;
    const { exitCode, text } = await env.up(again(change));
    expect(exitCode, text).not.toBe(0);
    return text;
  };
  const passing = async (change?: (environment: any) => void): Promise<string> => {
    const { exitCode, text } = await env.up(again(change));
    expect(exitCode, text).toBe(0);
    return text;
  };

  test("a mesh that does not pass from the start fails up, with every pair of a host at once", async () => {
    await cutBetween("udp dport 4789 ip saddr 10.196.219.2 drop");
    const { exitCode, text } = await env.up();
    expect(exitCode).not.toBe(0);
    expect(text).toContain("the overlay does not pass from alpha to 2 of 2 addresses:");
    for (const [peer, overlay, underlay] of [
      ["beta", "192.168.0.2", "10.196.219.3"],
      ["gamma", "192.168.0.3", "10.196.219.4"],
    ]) {
      expect(text).toContain(
        `alpha -> ${peer} (${overlay}, by 10.196.219.2 -> ${underlay}): ICMP of 8922 bytes timed out`,
      );
    }
    expect(text).toMatch(/Security List and both hosts' firewalls pass UDP port 4789/);
    expect(text).toContain("the overlay does not pass from beta to 1 of 2 addresses:");
    expect(text).not.toMatch(/beta -> gamma|gamma -> beta/);
  });

  test("mended, the next up verifies again and nothing else", async () => {
    const { exitCode, text, counts } = await env.up();
    expect(exitCode, text).toBe(0);
    expect(counts).toEqual({ created: 3, unchanged: 8 });
    const { lastVerified } = await env.outputs();
    expect(lastVerified.what).toBe(
      "6 ways: ICMP of 8922 bytes that may not fragment, TCP to sshd with its banner read",
    );
    expect(Math.abs(Date.now() - Date.parse(lastVerified.time))).toBeLessThan(60_000);
  });

  test("what has not changed is not verified again", async () => {
    const before = (await env.outputs()).lastVerified;
    await cutBetween("udp dport 4789 drop");
    expect((await env.up()).counts).toEqual({ unchanged: 11 });
    expect((await env.outputs()).lastVerified).toEqual(before);
  });

  test("a change that breaks a verified mesh fails, and is verified again at the next up", async () => {
    await cutOn("beta", 'iifname "vxlan0" ip saddr 192.168.0.1 icmp type echo-request drop');
    expect(await failing()).toMatch(/alpha -> beta .*: ICMP of 8922 bytes timed out/);
    await env.on("beta", "nft delete table inet cut");
    expect(await passing()).toMatch(/verify updated/);
  });

  test("full-sized packets that do not pass are told from none that do", async () => {
    await cutBetween("udp dport 4789 ip daddr 10.196.219.3 meta length > 1500 drop");
    const text = await failing();
    expect(text).toMatch(/alpha -> beta .*: ICMP of 8922 bytes timed out, while a small one is answered/);
    expect(text).toMatch(/carries less than 9000 bytes\. Set mtu/);
  });

  describe("TCP that does not pass although ICMP does", () => {
    test("refused: nothing listens", async () => {
      const text = await failing((e) => (e.overlay.verifyPort = 2222));
      expect(text).toMatch(/alpha -> beta .*: TCP to port 2222 was refused/);
      expect(text).toMatch(/Does its sshd listen on the overlay address\?/);
    });
    test("unreachable: a firewall rejects", async () => {
      await cutOn("beta", 'iifname "vxlan0" tcp dport 22 reject with icmpx type admin-prohibited');
      const text = await failing();
      expect(text).toMatch(/alpha -> beta .*: TCP to port 22 found its destination unreachable/);
      expect(text).toMatch(/the peer's firewall that rejects TCP/);
    });
    test("timed out: a firewall drops", async () => {
      await cutOn("beta", 'iifname "vxlan0" tcp dport 22 drop');
      const text = await failing();
      expect(text).toMatch(/alpha -> beta .*: TCP to port 22 timed out/);
      expect(text).toMatch(/a firewall that drops TCP without a word/);
    });
    test("no banner: something else listens", async () => {
      await env.on(
        "beta",
        "systemd-run --unit=mute --quiet python3 -c 'import socket,time; s=socket.create_server((\"\", 2222)); time.sleep(300)'",
      );
      await env.on(
        "gamma",
        "systemd-run --unit=mute --quiet python3 -c 'import socket,time; s=socket.create_server((\"\", 2222)); time.sleep(300)'",
      );
      const text = await failing((e) => (e.overlay.verifyPort = 2222));
      expect(text).toMatch(/alpha -> beta .*: TCP to port 2222 connected, and no SSH banner came/);
      await Promise.all(["beta", "gamma"].map((host) => env.on(host, "systemctl stop mute")));
    });
    test("is not asked for where the hosts' administrators decide it", async () => {
      for (const host of Object.keys(THREE)) await cutOn(host, 'iifname "vxlan0" meta l4proto tcp drop');
      await passing((e) => (e.overlay.ingress = "none"));
      expect((await env.outputs()).lastVerified.what).not.toContain("TCP");
    });
  });

  test("an overlay of both families is verified in both", async () => {
    const both = (e: any) => {
      e.overlay.cidrs.push("fd00:6::/64");
      Object.values<any>(e.hosts).forEach((host, index) =>
        host.overlayAddresses.push(`fd00:6::${index + 1}`),
      );
    };
    await passing(both);
    expect((await env.outputs()).lastVerified.what).toMatch(/^12 ways: ICMP of 8922 and 8902 bytes/);
    await cutOn("beta", 'iifname "vxlan0" icmpv6 type echo-request drop');
    const text = await failing(both);
    expect(text).toMatch(/alpha -> beta \(fd00:6::2, .*\): ICMP of 8902 bytes timed out/);
    expect(text).not.toMatch(/alpha -> beta \(192/);
    await passing();
  });

  test("can be switched off", async () => {
    generation++;
    await cutBetween("udp dport 4789 drop");
    const { exitCode, counts } = await env.up(again((e) => (e.overlay.verify = false)));
    expect(exitCode).toBe(0);
    expect(counts["deleted"]).toBe(3);
    expect((await env.outputs()).lastVerified).toBeUndefined();
  });

  test("leaves nothing behind", async () => {
    expect((await env.destroy()).exitCode).toBe(0);
    for (const host of Object.keys(THREE)) {
      expect(await env.on(host, "ls /etc/oci-vxlan /usr/local/lib/oci-vxlan 2>/dev/null || true")).toBe("");
    }
  });
});
