import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { until } from "../../lab/system/commands.ts";
import type { Inventory } from "../../lab/hosts/hosts.ts";
import { inNetwork } from "../../lab/network/network.ts";
import { TestEnvironment } from "./environment.ts";
import type { Outcome } from "./environment.ts";

/** Three hosts of one subnet, so that one of them can fail towards two. */
const THREE: Inventory = {
  alpha: { address: "10.196.219.2/24", mac: "02:00:17:00:00:01", nic: "ens3" },
  beta: { address: "10.196.219.3/24", mac: "02:00:17:00:00:02", nic: "ens3" },
  gamma: { address: "10.196.219.4/24", mac: "02:00:17:00:00:03", nic: "ens3" },
};
const HOSTS = Object.keys(THREE);

/** `up` ends in proof that traffic passes, or says between whom it does not, and why. */
describe("the connectivity test", () => {
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
    const restore = "nft delete table inet cut 2>/dev/null || true";
    await inNetwork(env.lab.namespace("router"), restore);
    for (const host of HOSTS) await env.on(host, restore);
  });

  /** Drops or rejects, ahead of every other rule. */
  const cut = (hook: string, rule: string) =>
    `nft 'add table inet cut; add chain inet cut c { type filter hook ${hook} priority -150; }'; nft 'add rule inet cut c ${rule}'`;
  const cutOn = (host: string, rule: string) => env.on(host, cut("input", `iifname "vxlan0" ${rule}`));
  const cutBetween = (rule: string) => inNetwork(env.lab.namespace("router"), cut("forward", rule));

  /** A run in which nothing is to be done: it counts as no change, whatever its end says. */
  const unchanged = async (change?: (environment: any) => void): Promise<Outcome> => {
    const outcome = await env.up(config(change));
    // The program itself counts as one that errored.
    const operations = Object.keys(outcome.counts).filter((kind) => kind !== "errored");
    expect(operations, outcome.text).toEqual(["unchanged"]);
    return outcome;
  };
  const fails = async (change?: (environment: any) => void): Promise<string> => {
    const { exitCode, text } = await unchanged(change);
    expect(exitCode, text).not.toBe(0);
    return text;
  };
  const passes = async (change?: (environment: any) => void): Promise<string> => {
    const { exitCode, text } = await unchanged(change);
    expect(exitCode, text).toBe(0);
    return text;
  };

  test("a mesh that does not pass from the start fails up, with every pair at once", async () => {
    await cutBetween("udp dport 4789 ip saddr 10.196.219.2 drop");
    const { exitCode, text } = await env.up(config());
    expect(exitCode).not.toBe(0);
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
    expect(text).toMatch(/Security List.*UDP port 4789/);
    expect(text).not.toMatch(/beta -> gamma|gamma -> beta/);
  });

  test("once the way is free the next up passes, though nothing changed, and says what was seen", async () => {
    await passes();
    const { lastVerified } = await env.outputs();
    expect(lastVerified.what).toBe(
      "12 of 12 directions: ICMP of 8922 and 8902 bytes that may not fragment, TCP to sshd with its banner read, 256 KiB by TCP to 3 of 3 hosts",
    );
    expect(Math.abs(Date.now() - Date.parse(lastVerified.time))).toBeLessThan(60_000);
  });

  test("no Command is left in the stack but device and peers", async () => {
    const { text } = await env.pulumi(["stack", "export"]);
    const commands = [...text.matchAll(/command:remote:Command::([\w-]+)"/g)].map(([, name]) => name);
    expect([...new Set(commands)].sort()).toEqual(
      HOSTS.flatMap((host) => [`overlay-${host}-device`, `overlay-${host}-peers`]),
    );
  });

  /** What breaks a path although nothing of the stack changed, on which host, and what `up` says of it. */
  const FAULTS: [string, string, string, RegExp[]][] = [
    [
      "a rule that drops the port, in a chain that is called ahead of ours",
      "beta",
      "iptables -N foreign; iptables -A foreign -p udp --dport 4789 -j DROP; iptables -I INPUT -j foreign; " +
        "systemctl stop oci-vxlan@lab.overlay; iptables -D INPUT -j foreign; iptables -I INPUT -j foreign; systemctl start oci-vxlan@lab.overlay",
      [],
    ],
    [
      "a rule that drops the port, at the head",
      "beta",
      "iptables -I INPUT 1 -p udp --dport 4789 -j DROP",
      [],
    ],
    [
      "full-sized packets that do not pass",
      "router",
      cut("forward", "udp dport 4789 ip daddr 10.196.219.3 meta length > 1500 drop"),
      [/alpha -> beta .*: ICMP of 8922 bytes timed out, while a small one is answered/, /Set mtu|MTU/i],
    ],
    [
      "a peer whose kernel answers no echo",
      "beta",
      "sysctl -qw net.ipv4.icmp_echo_ignore_all=1",
      [/alpha -> beta \(192\.168\.0\.2, .*\): ICMP of 8922 bytes timed out/, /beta.*icmp_echo_ignore_all/],
    ],
    [
      "TCP that a firewall drops",
      "beta",
      cut("input", `iifname "vxlan0" tcp dport 22 drop`),
      [/alpha -> beta .*: TCP to port 22 timed out/],
    ],
    [
      "TCP that a firewall rejects",
      "beta",
      cut("input", `iifname "vxlan0" tcp dport 22 reject with icmpx type admin-prohibited`),
      [/alpha -> beta .*: TCP to port 22 found its destination unreachable/],
    ],
    [
      "answers that do not leave",
      "beta",
      cut("output", `oifname "vxlan0" drop`),
      [/alpha -> beta .*timed out/],
    ],
    [
      "larger transfers that stop, while a banner passes",
      "beta",
      cut("output", `oifname "vxlan0" tcp sport 22 meta length > 3000 drop`),
      [/alpha -> beta .*a transfer of 256 KiB does not arrive/],
    ],
  ];

  test.each(FAULTS)("%s", async (_, where, fault, messages) => {
    if (where === "router") await inNetwork(env.lab.namespace("router"), fault);
    else await env.on(where, fault);
    if (messages.length === 0) return void (await passes()); // Repaired by the unit.
    const text = await fails();
    for (const message of messages) expect(text).toMatch(message);
    expect(text).not.toMatch(/alpha -> gamma|gamma -> alpha/);
    await env.on(
      "beta",
      "sysctl -qw net.ipv4.icmp_echo_ignore_all=0; nft delete table inet cut 2>/dev/null || true",
    );
    await inNetwork(env.lab.namespace("router"), "nft delete table inet cut 2>/dev/null || true");
    await passes();
  });

  test("the address's own route, taken away, comes back", async () => {
    await env.on("beta", "ip route del local 192.168.0.2 dev vxlan0 table local");
    await passes();
    expect(await env.on("beta", "ip route show table local 192.168.0.2")).toContain(
      "local 192.168.0.2 dev vxlan0",
    );
  });

  test("another sshd port than the hosts listen on is refused, by name", async () => {
    const text = await fails((e) => (e.overlay.verifyPort = 2222));
    expect(text).toMatch(/alpha -> beta .*: TCP to port 2222 was refused/);
  });

  test("something that is no sshd answers", async () => {
    const listen = "import socket, time; s = socket.create_server(('', 2222)); time.sleep(120)";
    for (const host of HOSTS) {
      await env.on(host, `systemd-run --unit=mute --quiet python3 -c "${listen}"`);
      await until("a listener", 5_000, async () => (await env.on(host, "ss -Hltn")).includes(":2222"));
    }
    const text = await fails((e) => (e.overlay.verifyPort = 2222));
    expect(text).toMatch(/alpha -> beta .*: TCP to port 2222 connected, and no SSH banner came/);
    for (const host of HOSTS) await env.on(host, "systemctl stop mute");
  });

  test("TCP is not asked for where the hosts' administrators decide it, and a refusal of ICMP crosses too", async () => {
    await cutOn("beta", "meta l4proto tcp drop");
    const { exitCode, text } = await env.up(config((e) => (e.overlay.overlayIngress = "none")));
    expect(exitCode, text).toBe(0);
    expect((await env.outputs()).lastVerified.what).not.toContain("TCP");
    await env.on(
      "beta",
      "nft flush chain inet cut c; nft 'add rule inet cut c iifname vxlan0 icmp type echo-request reject with icmpx type admin-prohibited; add rule inet cut c iifname vxlan0 icmpv6 type echo-request reject with icmpx type admin-prohibited'",
    );
    await passes((e) => (e.overlay.overlayIngress = "none"));
    await env.on("beta", "nft delete table inet cut");
    expect((await env.up(config())).exitCode).toBe(0);
  });

  test("where sshd forwards nothing, it says so and does without the transfer", async () => {
    const forward = (value: string) =>
      `echo AllowTcpForwarding ${value} >/etc/ssh/sshd_config.d/forward.conf; systemctl reload ssh`;
    await env.on("alpha", forward("no"));
    const text = await passes();
    expect(text).toMatch(/alpha: its sshd forwards no connections \(AllowTcpForwarding\)/);
    expect((await env.outputs()).lastVerified.what).toContain("256 KiB by TCP to 2 of 3 hosts");
    await env.on("alpha", "rm /etc/ssh/sshd_config.d/forward.conf; systemctl reload ssh");
  });

  test("a host that cannot be asked, or does not finish, fails up after all else was done", async () => {
    const table = (verdict: string) => cut("forward", `ip daddr 10.196.219.3 tcp dport 22 ${verdict}`);
    for (const [verdict, reason] of [
      ["reject", /ECONNREFUSED/],
      ["drop", /no answer within 15 s/],
    ] as const) {
      await inNetwork(env.lab.namespace("router"), table(verdict));
      const text = await fails();
      expect(text).toMatch(
        /beta could not be asked whether its overlay is in sync: SSH to 10\.196\.219\.3: /,
      );
      expect(text).toMatch(reason);
      expect(text).toContain("set hosts.beta.down to true");
      expect(text).not.toContain("alpha could not be asked");
      await inNetwork(env.lab.namespace("router"), "nft delete table inet cut");
    }
  });

  test("a device that is down while the program's lock is held fails up, and names the run that holds it", async () => {
    await env.on("beta", "systemd-run --unit=holder --quiet flock /root sleep 100; ip link set vxlan0 down");
    const text = await fails();
    expect(text).toMatch(/beta: .*another run of oci-vxlan on beta does not end/);
    await env.on("beta", "systemctl stop holder");
    await passes();
  });

  test("a check that never ends is a failure too", async () => {
    // The check is the only one that asks for digests, so the unit goes on beside it.
    const tool = "/usr/bin/sha256sum";
    await env.on(
      "beta",
      `mv ${tool} ${tool}.real; printf '#!/bin/sh\\nexec sleep 1000\\n' >${tool}; chmod +x ${tool}`,
    );
    const text = await fails();
    expect(text).toMatch(/beta let us in and did not finish its check within 40 s/);
    await env.on("beta", `mv ${tool}.real ${tool}`);
    await passes();
  });

  test("a host that is down on purpose is left alone, and nothing waits for it", async () => {
    const timeOf = async (run: () => Promise<unknown>) => {
      const started = Date.now();
      await run();
      return Date.now() - started;
    };
    const usual = await timeOf(() => passes());
    await inNetwork(env.lab.namespace("router"), cut("forward", "ip daddr 10.196.219.3 drop"));
    const down = (e: any) => (e.hosts.beta.down = true);
    // A login that nobody answers is waited for 15 s.
    expect(await timeOf(() => passes(down))).toBeLessThan(usual + 10_000);
    expect((await env.outputs()).lastVerified.what).toMatch(/^4 of 4 directions/);
    // What changes meanwhile reaches it when it is up again.
    const other = (e: any) => (e.hosts.alpha.generation = 1);
    const { exitCode, counts, text } = await env.up(config((e) => (down(e), other(e))));
    expect(exitCode, text).toBe(0);
    expect(counts["updated"]).toBe(2);
    const vni = await env.up(config((e) => (down(e), other(e), (e.overlay.vni = 101))));
    expect(vni.exitCode, vni.text).toBe(0);
    await inNetwork(env.lab.namespace("router"), "nft delete table inet cut");
    const back = await env.up(config((e) => (other(e), (e.overlay.vni = 101))));
    expect(back.exitCode, back.text).toBe(0);
    expect(await env.on("beta", "ip -d -o link show vxlan0")).toContain("vxlan id 101");
    expect(await env.failing()).toEqual([]);
  });

  test("probes can be switched off, and the question whether a host is in sync stays", async () => {
    await cutBetween("udp dport 4789 drop");
    const off = (e: any) => (e.overlay.verify = false);
    const { exitCode, text } = await env.up(config(off));
    expect(exitCode, text).toBe(0);
    expect((await env.outputs()).lastVerified).toBeUndefined();
    await env.on("beta", "systemctl stop oci-vxlan@lab.overlay");
    expect((await env.up(config(off))).text).toMatch(/overlay lab\.overlay is paused on beta/);
    const silent = await env.pulumi(["up", "--yes", "--skip-preview"], config(off), { OCI_VXLAN_ASK: "no" });
    expect(silent.exitCode, silent.text).toBe(0);
    await env.on("beta", "systemctl start oci-vxlan@lab.overlay");
  });
});
