import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { withDefaults } from "../../components/vxlan/settings.ts";
import type { OverlaySettings } from "../../components/vxlan/settings.ts";
import { verifyPhase } from "../../components/vxlan/verify.ts";
import type { VerifySettings } from "../../components/vxlan/verify.ts";
import { attempt, until } from "../../lab/commands.ts";
import { insideOf, plain } from "../../lab/hosts/hosts.ts";
import type { Inventory } from "../../lab/hosts/hosts.ts";
import { inNetwork } from "../../lab/network/network.ts";
import { TestEnvironment } from "./environment.ts";

/** Three hosts of one subnet, so that one of them can fail towards two. */
const THREE: Inventory = {
  alpha: { address: "10.196.219.2/24", mac: "02:00:17:00:00:01", nic: "ens3" },
  beta: { address: "10.196.219.3/24", mac: "02:00:17:00:00:02", nic: "ens3" },
  gamma: { address: "10.196.219.4/24", mac: "02:00:17:00:00:03", nic: "ens3" },
};
const HOSTS = Object.keys(THREE);

/** `up` ends in proof that traffic passes, or says between whom it does not, and why. */
describe("verify", () => {
  let env: TestEnvironment;
  /** An overlay of both families. */
  const config = (change: (environment: any) => void = () => undefined) =>
    env.config((e) => {
      e.overlay.cidrs.push("fd00:6::/64");
      HOSTS.forEach((host, index) => e.hosts[host].overlayAddresses.push(`fd00:6::${index + 1}`));
      change(e);
    });

  beforeAll(async () => {
    env = await TestEnvironment.boot("test-verify", THREE);
  });
  afterAll(() => env.remove());
  afterEach(async () => {
    const mend = "nft delete table inet cut 2>/dev/null || true";
    await inNetwork(env.lab.namespace("router"), mend);
    for (const host of HOSTS) await env.on(host, mend);
  });

  /** Drops or rejects, ahead of every other rule. */
  const cut = (hook: string, rule: string) =>
    `nft 'add table inet cut; add chain inet cut c { type filter hook ${hook} priority -150; }'; nft 'add rule inet cut c ${rule}'`;
  const cutOn = (host: string, rule: string) => env.on(host, cut("input", `iifname "vxlan0" ${rule}`));
  const cutBetween = (rule: string) => inNetwork(env.lab.namespace("router"), cut("forward", rule));

  test("a mesh that does not pass from the start fails up, with every pair of a host at once", async () => {
    await cutBetween("udp dport 4789 ip saddr 10.196.219.2 drop");
    const { exitCode, text } = await env.up(config());
    expect(exitCode).not.toBe(0);
    expect(text).toContain("the overlay does not pass from alpha to 4 of 4 addresses:");
    for (const [peer, overlay, underlay, bytes] of [
      ["beta", "192.168.0.2", "10.196.219.3", 8922],
      ["beta", "fd00:6::2", "10.196.219.3", 8902],
      ["gamma", "192.168.0.3", "10.196.219.4", 8922],
      ["gamma", "fd00:6::3", "10.196.219.4", 8902],
    ]) {
      expect(text).toContain(
        `alpha -> ${peer} (${overlay}, by 10.196.219.2 -> ${underlay}): ICMP of ${bytes} bytes timed out`,
      );
    }
    expect(text).toMatch(/Security List and both hosts' firewalls pass UDP port 4789/);
    expect(text).toContain("the overlay does not pass from beta to 2 of 4 addresses:");
    expect(text).not.toMatch(/beta -> gamma|gamma -> beta/);
  });

  test("mended, the next up verifies again and nothing else", async () => {
    const { exitCode, text, counts } = await env.up(config());
    expect(exitCode, text).toBe(0);
    expect(counts).toEqual({ created: 3, unchanged: 9 });
    const { lastVerified } = await env.outputs();
    expect(lastVerified.what).toBe(
      "12 ways: ICMP of 8922 and 8902 bytes that may not fragment, TCP to sshd with its banner read",
    );
    expect(Math.abs(Date.now() - Date.parse(lastVerified.time))).toBeLessThan(60_000);
  });

  test("what has not changed is not verified again", async () => {
    const before = (await env.outputs()).lastVerified;
    await cutBetween("udp dport 4789 drop");
    expect((await env.up(config())).counts).toEqual({ unchanged: 12 });
    expect((await env.outputs()).lastVerified).toEqual(before);
  });

  test("a change that breaks a verified mesh fails, and is verified again at the next up", async () => {
    const changed = config((e) => (e.hosts.alpha.generation = 1));
    await cutOn("beta", "ip saddr 192.168.0.1 icmp type echo-request drop");
    const { exitCode, text } = await env.up(changed);
    expect(exitCode).not.toBe(0);
    expect(text).toMatch(/alpha -> beta \(192\.168\.0\.2, .*\): ICMP of 8922 bytes timed out/);
    expect(text).not.toContain("alpha -> beta (fd00:6::2");
    await env.on("beta", "nft delete table inet cut");
    const next = await env.up(changed);
    expect(next.exitCode, next.text).toBe(0);
    // Those that the failure kept from running come along.
    expect(next.text).toMatch(/overlay-alpha-verify updated/);
  });

  /** What alpha's probes say: the very input of its command, without the engine around it. */
  const probe = (overlay: Partial<OverlaySettings> = {}, settings: VerifySettings = {}) => {
    const hosts = Object.fromEntries(
      HOSTS.map((host, index) => [
        host,
        {
          underlayAddress: plain(THREE[host]?.address ?? ""),
          overlayAddresses: [`192.168.0.${index + 1}`],
          sshPort: 22,
        },
      ]),
    );
    const all = withDefaults({ cidrs: ["192.168.0.0/24"], ...overlay });
    const { stdin } = verifyPhase(all, settings, "alpha", hosts, 8950, "0");
    return attempt(
      [
        "nsenter",
        ...insideOf(env.lab, "alpha"),
        "setpriv",
        "--reuid=opc",
        "--regid=opc",
        "--clear-groups",
        "bash",
        "-s",
      ],
      {
        input: stdin,
      },
    );
  };

  test("one probe by hand: no root needed, one line said", async () => {
    const { exitCode, stdout, stderr } = await probe();
    expect([exitCode, stderr]).toEqual([0, ""]);
    expect(stdout).toMatch(/^oci-vxlan verified time=\S+ targets=2$/);
  });

  test("full-sized packets that do not pass are told from none that do", async () => {
    await cutBetween("udp dport 4789 ip daddr 10.196.219.3 meta length > 1500 drop");
    const { exitCode, stderr } = await probe();
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/alpha -> beta .*: ICMP of 8922 bytes timed out, while a small one is answered/);
    expect(stderr).toMatch(/carries less than 9000 bytes\. Set mtu/);
    expect(stderr).not.toContain("gamma");
  });

  describe("TCP that does not pass although ICMP does", () => {
    test("refused: nothing listens", async () => {
      const { stderr } = await probe({}, { verifyPort: 2222 });
      expect(stderr).toMatch(/alpha -> beta .*: TCP to port 2222 was refused/);
      expect(stderr).toMatch(/alpha -> gamma .*: TCP to port 2222 was refused/);
      expect(stderr).toMatch(/Does its sshd listen on the overlay address\?/);
    });
    test("unreachable: a firewall rejects", async () => {
      await cutOn("beta", "tcp dport 22 reject with icmpx type admin-prohibited");
      const { stderr } = await probe();
      expect(stderr).toMatch(/alpha -> beta .*: TCP to port 22 found its destination unreachable/);
      expect(stderr).toMatch(/the peer's firewall that rejects TCP/);
    });
    test("timed out: a firewall drops", async () => {
      await cutOn("beta", "tcp dport 22 drop");
      const { stderr } = await probe();
      expect(stderr).toMatch(/alpha -> beta .*: TCP to port 22 timed out/);
      expect(stderr).toMatch(/a firewall that drops TCP without a word/);
    });
    test("no banner: something else listens", async () => {
      const listen = "import socket, time; s = socket.create_server(('', 2222)); time.sleep(60)";
      await env.on("beta", `systemd-run --unit=mute --quiet python3 -c "${listen}"`);
      await until("a listener", 5_000, async () => (await env.on("beta", "ss -Hltn")).includes(":2222"));
      const { stderr } = await probe({}, { verifyPort: 2222 });
      expect(stderr).toMatch(/alpha -> beta .*: TCP to port 2222 connected, and no SSH banner came/);
      await env.on("beta", "systemctl stop mute");
    });
    test("is not asked for where the hosts' administrators decide it", async () => {
      await cutOn("beta", "meta l4proto tcp drop");
      expect((await probe({ overlayIngress: "none" })).exitCode).toBe(0);
      expect((await probe({ hostFirewall: "leave" })).exitCode).toBe(0);
      await env.on("beta", "nft flush chain inet cut c");
      await env.on(
        "beta",
        "nft 'add rule inet cut c iifname vxlan0 reject with icmpx type admin-prohibited'",
      );
      expect((await probe({ overlayIngress: "none" })).exitCode).toBe(0);
      expect((await probe()).stderr).toMatch(
        /alpha -> beta .*: ICMP of 8922 bytes was refused by a firewall/,
      );
    });
  });

  test("a device that lost its address, its MTU or its way", async () => {
    await env.on("alpha", "systemctl stop oci-vxlan@lab.overlay; ip link set vxlan0 mtu 1400");
    const short = (await probe()).stderr;
    await env.on("alpha", "ip link set vxlan0 mtu 8950 down");
    const down = (await probe()).stderr;
    await env.on("alpha", "systemctl start oci-vxlan@lab.overlay");
    expect(short).toMatch(/alpha -> beta .*: ICMP of 8922 bytes is too long for this host's device/);
    expect(down).toMatch(
      /alpha -> beta .*: (ICMP of 8922 bytes (found its destination unreachable|timed out))/,
    );
  });

  test("can be switched off", async () => {
    await cutBetween("udp dport 4789 drop");
    const { exitCode, counts } = await env.up(
      config((e) => {
        e.hosts.alpha.generation = 1;
        e.overlay.verify = false;
      }),
    );
    expect(exitCode).toBe(0);
    expect(counts).toEqual({ deleted: 3, unchanged: 9 });
    expect((await env.outputs()).lastVerified).toBeUndefined();
  });
});
