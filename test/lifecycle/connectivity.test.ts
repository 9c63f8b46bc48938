import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { until } from "../../lab/system/commands.ts";
import { countTries } from "../triedCounts.ts";
import {
  addRules,
  endPartition,
  LARGE_TCP_STOPS,
  onRouter,
  partition,
  REMOVE_RULES,
  unwrapTool,
  wrapTool,
} from "./support/faults.ts";
import { bothFamilies, HOSTS, threeHosts } from "./support/fleet.ts";
import { expectFailure, expectSuccess } from "./support/outcome.ts";
import type { Outcome } from "../../lab/test/support/outcome.ts";
import { TestStack, UP } from "./support/testStack.ts";
import type { ConfigChange } from "./support/testStack.ts";

/**
 * `up` succeeds if traffic passes between all hosts. Otherwise it fails, and names the pairs and the cause. There are
 * three hosts, so that one fails towards two others while these two reach each other.
 */
describe("the connectivity test at the end of up", () => {
  let stack: TestStack;
  const config = (change?: ConfigChange) => bothFamilies(stack, change);

  beforeAll(async () => {
    stack = await TestStack.boot("test-connectivity", threeHosts());
  });
  afterAll(() => stack.remove());
  beforeEach(countTries("faults"));
  afterEach(async () => {
    await onRouter(stack, REMOVE_RULES);
    for (const host of HOSTS) await stack.on(host, REMOVE_RULES);
  });

  /** Runs `up`, and expects it to change no resource. */
  const unchangedUp = async (change?: ConfigChange): Promise<Outcome> => {
    const outcome = await stack.up(config(change));
    // The engine counts a program that failed as "1 errored".
    const operations = Object.keys(outcome.counts).filter((kind) => kind !== "errored");
    expect(operations, outcome.text).toEqual(["unchanged"]);
    return outcome;
  };
  const unchangedUpFails = async (change?: ConfigChange) => expectFailure(await unchangedUp(change));
  const unchangedUpSucceeds = async (change?: ConfigChange) => expectSuccess(await unchangedUp(change)).text;
  const lastVerified = async () => (await stack.outputs()).lastVerified;

  test("up fails and names every pair when traffic does not pass from the start", async () => {
    await onRouter(stack, addRules("forward", "udp dport 4789 ip saddr 10.196.219.2 drop"));
    const text = expectFailure(await stack.up(config()));
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

  test("once traffic passes, the next up succeeds without a change, and its output tells what was tested", async () => {
    await unchangedUpSucceeds();
    const { what, time } = await lastVerified();
    expect(what).toBe(
      "12 of 12 directions: ICMP of 8922 and 8902 bytes that may not fragment, TCP to sshd with its banner read, 256 KiB by TCP to 3 of 3 hosts",
    );
    expect(Math.abs(Date.now() - Date.parse(time))).toBeLessThan(60_000);
  });

  test("the state has no Commands but those of the phases device and peers", async () => {
    const { text } = await stack.pulumi(["stack", "export"]);
    const commands = [...text.matchAll(/command:remote:Command::([\w-]+)"/g)].map(([, name]) => name);
    expect([...new Set(commands)].sort()).toEqual(
      HOSTS.flatMap((host) => [`overlay-${host}-device`, `overlay-${host}-peers`]),
    );
  });

  /** Test name, host or router, the fault's script, and what `up` prints: nothing if the host repairs the fault. */
  const FAULTS: [string, string, string, RegExp[]][] = [
    [
      "the host repairs a rule that drops VXLAN, in a chain ahead of ours",
      "beta",
      "iptables -N foreign; iptables -A foreign -p udp --dport 4789 -j DROP; iptables -I INPUT -j foreign; " +
        "systemctl stop oci-vxlan@lab.overlay; iptables -D INPUT -j foreign; iptables -I INPUT -j foreign; systemctl start oci-vxlan@lab.overlay",
      [],
    ],
    [
      "the host repairs a rule that drops VXLAN, at the head of INPUT",
      "beta",
      "iptables -I INPUT 1 -p udp --dport 4789 -j DROP",
      [],
    ],
    [
      "up fails and names the MTU when full-sized packets are lost",
      "router",
      addRules("forward", "udp dport 4789 ip daddr 10.196.219.3 meta length > 1500 drop"),
      [/alpha -> beta .*: ICMP of 8922 bytes timed out, while a small one is answered/, /Set mtu|MTU/i],
    ],
    [
      "up fails and names the sysctl when a peer's kernel answers no ICMP echo",
      "beta",
      "sysctl -qw net.ipv4.icmp_echo_ignore_all=1",
      [/alpha -> beta \(192\.168\.0\.2, .*\): ICMP of 8922 bytes timed out/, /beta.*icmp_echo_ignore_all/],
    ],
    [
      "up fails when a firewall drops TCP",
      "beta",
      addRules("input", `iifname "vxlan0" tcp dport 22 drop`),
      [
        /alpha -> beta .*: TCP to port 22 timed out/,
        /beta: table inet fault, chain input \(hook input\) refuses what arrives by vxlan0 by the rule `iifname "vxlan0" tcp dport 22 drop/,
      ],
    ],
    [
      "up fails when a firewall rejects TCP",
      "beta",
      addRules("input", `iifname "vxlan0" tcp dport 22 reject with icmpx type admin-prohibited`),
      [
        /alpha -> beta .*: TCP to port 22 found its destination unreachable/,
        /beta: table inet fault, chain input \(hook input\) refuses what arrives by vxlan0 by the rule `iifname "vxlan0" tcp dport 22 reject/,
      ],
    ],
    [
      "up fails when a peer's answers do not leave it",
      "beta",
      addRules("output", `oifname "vxlan0" drop`),
      [
        /alpha -> beta .*timed out/,
        /beta: table inet fault, chain output \(hook output\) refuses what leaves by vxlan0 by the rule `oifname "vxlan0" drop`/,
      ],
    ],
    [
      "up fails when larger transfers stop, while sshd's banner passes",
      "beta",
      LARGE_TCP_STOPS,
      [
        /alpha -> beta .*a transfer of 256 KiB does not arrive/,
        /beta: the nft rule `oifname "vxlan0" tcp sport 22 meta length > 3000 drop` in table inet fault, chain output \(hook output\) refuses packets/,
      ],
    ],
  ];

  test.each(FAULTS)("%s", async (_, place, fault, messages) => {
    if (place === "router") await onRouter(stack, fault);
    else await stack.on(place, fault);
    if (messages.length === 0) {
      await unchangedUpSucceeds();
      expect(await stack.on("beta", "iptables -S INPUT | sed -n 2p")).toContain("-j oci-vxlan-100-4789");
      expect(await stack.failingPairs()).toEqual([]);
      return;
    }
    const text = await unchangedUpFails();
    for (const message of messages) expect(text).toMatch(message);
    expect(text).not.toMatch(/alpha -> gamma|gamma -> alpha/);
    await stack.on("beta", `sysctl -qw net.ipv4.icmp_echo_ignore_all=0; ${REMOVE_RULES}`);
    await onRouter(stack, REMOVE_RULES);
    await unchangedUpSucceeds();
  });

  test("a foreign nftables ruleset that drops the overlay fails up with the rules to add, which then are enough", async () => {
    await stack.on(
      "beta",
      `nft -f - <<'END'
table inet mine {
  chain input {
    type filter hook input priority 10; policy drop;
    ct state established,related accept
    iifname "lo" accept
    iifname != "vxlan0" tcp dport 22 accept
  }
}
END`,
    );
    try {
      const text = await unchangedUpFails();
      expect(text).toMatch(
        /beta: table inet mine, chain input \(hook input\) refuses VXLAN \(UDP port 4789\) by its policy/,
      );
      const commands = text.match(/sudo nft insert rule .*$/gm)?.map((line) => line.trim()) ?? [];
      expect([...new Set(commands)]).toEqual([
        "sudo nft insert rule inet mine input udp dport 4789 accept",
        'sudo nft insert rule inet mine input iifname "vxlan0" accept',
      ]);
      await stack.on("beta", commands.join("\n"));
      await unchangedUpSucceeds();
    } finally {
      await stack.on("beta", "nft delete table inet mine");
    }
  });

  describe("while another program insists on the first place in INPUT", () => {
    const rule = (verdict: string) => `INPUT -p udp -m udp --dport 4789 -j ${verdict}`;
    const firstRule = () => stack.on("beta", "iptables -S INPUT | sed -n 2p");

    /** Has a program put its rule first whenever another one is, for two minutes at most. */
    const insistOnVerdict = (verdict: string) =>
      stack.on(
        "beta",
        `systemd-run --unit=insister --quiet --property=RuntimeMaxSec=120 bash -c 'while sleep 0.02; do
  [[ $(iptables -S INPUT | sed -n 2p) == "-A ${rule(verdict)}" ]] && continue
  iptables -w -D ${rule(verdict)} 2>/dev/null
  iptables -w -I ${rule(verdict)}
done'`,
      );
    const stopInsister = () => stack.on("beta", "systemctl stop insister");
    const warning = (verdict: string) =>
      `warning: beta: another program keeps putting its rule ahead of ours in INPUT (iptables: "-A ${rule(verdict)}")`;

    test("up warns, and succeeds where its rule lets VXLAN pass", async () => {
      await insistOnVerdict("ACCEPT");
      expect(await unchangedUpSucceeds()).toContain(warning("ACCEPT"));
      expect(await firstRule()).toBe(`-A ${rule("ACCEPT")}`);
      expect(await stack.failingPairs()).toEqual([]);
      await stopInsister();
      await stack.on("beta", `iptables -D ${rule("ACCEPT")}`);
    });

    test("up warns, and fails with its rule where that drops VXLAN", async () => {
      await insistOnVerdict("DROP");
      await until("the other program", 10_000, async () => (await firstRule()).endsWith("DROP"));
      const text = await unchangedUpFails();
      expect(text).toContain(warning("DROP"));
      expect(text).toMatch(
        /beta: \d+ packets were dropped by the iptables rule `-A INPUT -p udp -m udp --dport 4789 -j DROP`, which stands ahead of the overlay's/,
      );
      expect(text).not.toMatch(/alpha -> gamma|gamma -> alpha/);
      await stopInsister();
    });

    test("and once it has ended, our jump is first again after ten minutes, and its rule stays", async () => {
      expect(await firstRule()).toBe(`-A ${rule("DROP")}`);
      // The program goes by the uptime that the host's processes see.
      await stack.on(
        "beta",
        "awk '{ print $1 + 600, $2 }' /proc/uptime >/run/uptime; mount --bind /run/uptime /proc/uptime",
      );
      expect(await unchangedUpSucceeds()).not.toContain("another program");
      expect(await firstRule()).toContain("-j oci-vxlan-100-4789");
      expect(await stack.on("beta", "iptables -S INPUT")).toContain(`-A ${rule("DROP")}`);
      await stack.on("beta", `umount /proc/uptime; iptables -D ${rule("DROP")}`);
      expect(await unchangedUpSucceeds()).not.toContain("another program");
      expect(await stack.failingPairs()).toEqual([]);
    });
  });

  test("a deleted local route of the overlay address comes back", async () => {
    await stack.on("beta", "ip route del local 192.168.0.2 dev vxlan0 table local");
    await unchangedUpSucceeds();
    expect(await stack.on("beta", "ip route show table local 192.168.0.2")).toContain(
      "local 192.168.0.2 dev vxlan0",
    );
  });

  test("up fails and names the port when nothing listens on verifyPort", async () => {
    const text = await unchangedUpFails((e) => (e.overlay.verifyPort = 2222));
    expect(text).toMatch(/alpha -> beta .*: TCP to port 2222 was refused/);
  });

  test("up fails when a server other than sshd listens on verifyPort", async () => {
    const listen = "import socket, time; s = socket.create_server(('', 2222)); time.sleep(120)";
    for (const host of HOSTS) {
      await stack.on(host, `systemd-run --unit=mute --quiet python3 -c "${listen}"`);
      await until("a listener", 20_000, async () => (await stack.on(host, "ss -Hltn")).includes(":2222"));
    }
    const text = await unchangedUpFails((e) => (e.overlay.verifyPort = 2222));
    expect(text).toMatch(/alpha -> beta .*: TCP to port 2222 connected, and no SSH banner came/);
    for (const host of HOSTS) await stack.on(host, "systemctl stop mute");
  });

  test("with overlayIngress none, TCP is not tested, and an ICMP echo that a host rejects counts as passed", async () => {
    const noIngress: ConfigChange = (e) => (e.overlay.overlayIngress = "none");
    await stack.on("beta", addRules("input", `iifname "vxlan0" meta l4proto tcp drop`));
    expectSuccess(await stack.up(config(noIngress)));
    expect((await lastVerified()).what).not.toContain("TCP");
    const rejections = ["icmp", "icmpv6"].map(
      (protocol) => `iifname "vxlan0" ${protocol} type echo-request reject with icmpx type admin-prohibited`,
    );
    await stack.on("beta", `${REMOVE_RULES}; ${addRules("input", ...rejections)}`);
    await unchangedUpSucceeds(noIngress);
    await stack.on("beta", REMOVE_RULES);
    expectSuccess(await stack.up(config()));
  });

  test("up warns and does without the transfer where sshd forwards no connections", async () => {
    const forward = (value: string) =>
      `echo AllowTcpForwarding ${value} >/etc/ssh/sshd_config.d/forward.conf; systemctl reload ssh`;
    await stack.on("alpha", forward("no"));
    const text = await unchangedUpSucceeds();
    expect(text).toMatch(/alpha: its sshd forwards no connections \(AllowTcpForwarding\)/);
    expect((await lastVerified()).what).toContain("256 KiB by TCP to 2 of 3 hosts");
    await stack.on("alpha", "rm /etc/ssh/sshd_config.d/forward.conf; systemctl reload ssh");
  });

  test("up fails and names a host that refuses SSH, or does not answer", async () => {
    for (const [verdict, reason] of [
      ["reject", /ECONNREFUSED/],
      ["drop", /no answer within 15 s/],
    ] as const) {
      await onRouter(stack, addRules("forward", `ip daddr 10.196.219.3 tcp dport 22 ${verdict}`));
      const text = await unchangedUpFails();
      expect(text).toMatch(
        /beta could not be asked whether its overlay is in sync: SSH to 10\.196\.219\.3: /,
      );
      expect(text).toMatch(reason);
      expect(text).toContain("set hosts.beta.down to true");
      expect(text).not.toContain("alpha could not be asked");
      await onRouter(stack, REMOVE_RULES);
    }
  });

  test("up fails and names the run that holds the program's lock while a device is down", async () => {
    await stack.on(
      "beta",
      "systemd-run --unit=holder --quiet flock /run/oci-vxlan/lock sleep 100; ip link set vxlan0 down",
    );
    const text = await unchangedUpFails();
    expect(text).toMatch(/beta: .*another run of oci-vxlan on beta does not end/);
    await stack.on("beta", "systemctl stop holder");
    await unchangedUpSucceeds();
  });

  test("up fails when a host's check does not end", async () => {
    // Only the check runs sha256sum, so the host's unit works on.
    await stack.on("beta", wrapTool("/usr/bin/sha256sum", "exec sleep 1000"));
    const text = await unchangedUpFails();
    expect(text).toMatch(/beta accepted the login and did not finish its check within 40 s/);
    await stack.on("beta", unwrapTool("/usr/bin/sha256sum"));
    await unchangedUpSucceeds();
  });

  test("up fails when a host's probes do not end", async () => {
    await stack.on("beta", wrapTool("/usr/bin/ping", "exec sleep 1000"));
    const text = await unchangedUpFails();
    expect(text).toMatch(
      /beta could not probe its peers: its probes did not end within 50 s\. .*such as ping, hangs.* On the host: ps -ef \| grep ping/,
    );
    expect(text).not.toMatch(/(alpha|gamma) could not probe its peers/);
    await stack.on("beta", unwrapTool("/usr/bin/ping"));
    await unchangedUpSucceeds();
  });

  test("up does not wait for a host that is marked as down, and changes it once it is back", async () => {
    const millisecondsOf = async (run: () => Promise<unknown>) => {
      const startedAt = Date.now();
      await run();
      return Date.now() - startedAt;
    };
    const usualMilliseconds = await millisecondsOf(() => unchangedUpSucceeds());
    await partition(stack, "10.196.219.3", "drop");
    const down: ConfigChange = (e) => (e.hosts.beta.down = true);
    // A login without an answer takes 15 s.
    expect(await millisecondsOf(() => unchangedUpSucceeds(down))).toBeLessThan(usualMilliseconds + 10_000);
    expect((await lastVerified()).what).toMatch(/^4 of 4 directions/);
    const { exitCode, text } = await stack.status();
    expect(text).toMatch(/^beta +down [^]*\n4 of 4 paths pass/m);
    expect(exitCode, text).toBe(0);

    const upWith = async (...changes: ConfigChange[]) =>
      expectSuccess(await stack.up(config((e) => changes.forEach((change) => change(e)))));
    const raiseGeneration: ConfigChange = (e) => (e.hosts.alpha.generation = 1);
    const otherVni: ConfigChange = (e) => (e.overlay.vni = 101);
    expect((await upWith(down, raiseGeneration)).counts["updated"]).toBe(3);
    await upWith(down, raiseGeneration, otherVni);
    await endPartition(stack);
    await upWith(raiseGeneration, otherVni);
    expect(await stack.on("beta", "ip -d -o link show vxlan0")).toContain("vxlan id 101");
    expect(await stack.failingPairs()).toEqual([]);
  });

  test("with verify off, up sends no probes, and still fails where a host is not in sync", async () => {
    await onRouter(stack, addRules("forward", "udp dport 4789 drop"));
    const verifyOff: ConfigChange = (e) => (e.overlay.verify = false);
    expectSuccess(await stack.up(config(verifyOff)));
    expect(await lastVerified()).toBeUndefined();
    await stack.on("beta", "systemctl stop oci-vxlan@lab.overlay");
    expect((await stack.up(config(verifyOff))).text).toMatch(/overlay lab\.overlay is paused on beta/);
    expectSuccess(await stack.pulumi(UP, config(verifyOff), { variables: { OCI_VXLAN_ASK: "no" } }));
    await stack.on("beta", "systemctl start oci-vxlan@lab.overlay");
  });
});
