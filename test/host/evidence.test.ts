import { beforeEach, describe, expect, test } from "vitest";
import { diagnose } from "../../components/vxlan/diagnosis/diagnose.ts";
import type { EvidencePair } from "../../components/vxlan/diagnosis/end.ts";
import type { FailedProbe } from "../../components/vxlan/connectivityTest/failedProbe.ts";
import { evidenceInput } from "../../components/vxlan/diagnosis/evidence.ts";
import type { Evidence } from "../../components/vxlan/diagnosis/evidence.ts";
import { QUESTION, collectEvidence } from "./evidence.ts";
import { HOST, OTHER, OVERLAY, PEER, host, install, useHostForEachTest } from "./overlay.ts";

useHostForEachTest();

/** Rules without their places in the ruleset. */
const ruleTexts = ({ rules }: Evidence) =>
  rules.map(({ tool, hook, packets, text }) => `${tool} ${hook} ${packets ?? "-"} ${text}`);

test("an overlay in sync shows its state", async () => {
  const { mac } = await install();
  const { values, counters, rules } = await collectEvidence();
  expect(values).toMatchObject({
    "device.state": "up",
    "device.mtu": "8950",
    "device.vni": "100",
    "device.port": "4789",
    "device.local": HOST.underlayAddress,
    "device.mac": mac,
    "nic.name": "eth0",
    "nic.mtu": "9000",
    "address.192.168.0.1": "yes",
    "local-route.192.168.0.1": "yes",
    "peer.host02.mac": PEER.mac,
    "peer.host02.fdb": PEER.underlayAddress,
    "peer.host02.neighbour.192.168.0.2": PEER.mac,
    "peer.host02.route.192.168.0.2": "vxlan0",
    "peer.host02.filter": "admitted",
    "echo-ignore4": "0",
    "unit.name": `oci-vxlan@${OVERLAY}.service`,
    "unit.state": "active",
    listeners: "",
  });
  expect(rules).toEqual([]);
  expect(counters["device.tx_packets"]).toBeTypeOf("number");
  expect(counters["Tcp.InCsumErrors"]).toBe(0);
});

test("faults of the overlay's own parts show", async () => {
  await install();
  await host.on(`
    ip route del table local local 192.168.0.1 dev vxlan0
    bridge fdb replace ${PEER.mac} dev vxlan0 dst 10.1.1.1 self permanent
    ip neigh del 192.168.0.2 dev vxlan0
    ip route add 192.168.0.2/32 dev eth0 mtu 1400
    sysctl -qw net.ipv4.icmp_echo_ignore_all=1 net.ipv4.conf.eth0.rp_filter=1
    ip link set dev eth0 mtu 1500
    systemctl stop oci-vxlan@${OVERLAY}.service
    ss -Hltn`);
  expect((await collectEvidence({ ...QUESTION, peers: [PEER, OTHER] })).values).toMatchObject({
    "address.192.168.0.1": "yes",
    "local-route.192.168.0.1": "no",
    "peer.host02.fdb": "10.1.1.1",
    "peer.host02.neighbour.192.168.0.2": "",
    "peer.host02.route.192.168.0.2": "eth0",
    "peer.host02.route-mtu.192.168.0.2": "1400",
    "peer.host03.fdb": "",
    "peer.host03.filter": "missing",
    "echo-ignore4": "1",
    "rp-filter.nic": "1",
    "nic.mtu": "1500",
    "unit.state": "inactive",
  });
  await host.on("ip link del vxlan0");
  const { values } = await collectEvidence();
  expect(values["device.name"]).toBeUndefined();
  expect(values["address.192.168.0.1"]).toBe("no");
});

describe("firewall rules", () => {
  /** To a port beside the overlay's, since our own table drops VXLAN from non-peers at the overlay's port. */
  const SEND = `echo x >/dev/udp/${HOST.underlayAddress}/4788`;

  test("of iptables that refuse are shown with what they counted, and where our jump stands", async () => {
    await host.on(`
      iptables -A INPUT -j REJECT
      iptables -A FORWARD -p udp --dport 4789 -j DROP
      iptables -N unused; iptables -A unused -p udp --dport 4789 -j DROP`);
    await install();
    await host.on(`
      iptables -N mine; iptables -A mine -p udp --dport 4788:4789 -j DROP; iptables -I INPUT -j mine
      iptables -A INPUT -s 1.2.3.4 -j DROP
      ip6tables -P INPUT DROP
      ${SEND}; ${SEND}`);
    expect(ruleTexts(await collectEvidence())).toEqual([
      expect.stringMatching(/^iptables input 0 -A INPUT .* -j oci-vxlan-100-4789$/),
      "iptables input 2 -A mine -p udp -m udp --dport 4788:4789 -j DROP",
      "ip6tables input 0 -P INPUT DROP",
    ]);
  });

  test("of legacy iptables are shown where there are some", async () => {
    await install();
    await host.on(`iptables-legacy -A INPUT -p udp --dport 4788:4789 -j DROP; ${SEND}`);
    expect(ruleTexts(await collectEvidence())).toEqual([
      "iptables-legacy input 1 -A INPUT -p udp -m udp --dport 4788:4789 -j DROP",
    ]);
  });

  test("of nftables are shown with their handle, and a count where they have one", async () => {
    await install();
    await host.on(`nft -f - <<'END'
      table inet other {
        set banned { type ipv4_addr; elements = { 1.1.1.1, 2.2.2.2 }; }
        chain unused { udp dport 4789 drop; }
        chain forward { type filter hook forward priority 0; policy drop; udp dport 4789 drop; }
        chain more { udp dport { 4788, 4789 } counter drop comment "jump unused"; }
        chain first { type filter hook prerouting priority -400; policy accept; log prefix "drop " jump more; }
        chain input { type filter hook input priority 0; policy drop; iifname "lo" accept; ip saddr @banned drop; }
      }
END
      ${SEND}`);
    const evidence = await collectEvidence();
    expect(ruleTexts(evidence)).toEqual([
      'nft prerouting 1 udp dport { 4788, 4789 } counter drop comment "jump unused"',
      "nft input - policy drop",
      "nft input - ip saddr @banned drop",
    ]);
    const [rule] = evidence.rules;
    await host.on(`nft delete rule ${rule?.family} ${rule?.table} ${rule?.chain} handle ${rule?.handle}`);
    expect(ruleTexts(await collectEvidence())).toHaveLength(2);
  });

  test("that ban two thousand addresses neither take long nor fill the answer", async () => {
    await install();
    await host.on(`{ echo '*filter'; for i in {1..2000}; do echo "-A INPUT -s 10.9.$((i / 250)).$((i % 250)) -j DROP"; done
      echo '-A INPUT -p udp --dport 4789 -j DROP'; echo COMMIT; } | iptables-restore`);
    const peers = Array.from({ length: 100 }, (_, index) => ({ ...PEER, name: `peer${index}` }));
    // Of the processor's time: the machine may be busy.
    const { values, rules } = await collectEvidence(
      { ...QUESTION, peers },
      "TIMEFORMAT='%U %S'; { time bash -s; } 2>/run/seconds",
    );
    const [user = "", system = ""] = (await host.on("cat /run/seconds")).trim().split(" ");
    expect(Number(user) + Number(system)).toBeLessThan(2);
    expect(rules).toHaveLength(1);
    expect(Object.keys(values).filter((key) => key.endsWith(".fdb"))).toHaveLength(16);
  });
});

test("collecting evidence changes nothing, and creates no tables of iptables", async () => {
  const state = () =>
    host.on(`
      nft list ruleset; cat /proc/net/ip_tables_names /proc/net/ip6_tables_names /proc/modules 2>/dev/null || true
      { ip -o address; ip -d -o link show dev vxlan0; ip route show table all; ip -6 route show table all; ip rule; ip neigh
      bridge fdb; } | grep -v -e fe80 -e ff02
      sysctl -a 2>/dev/null | grep '^net\\.' | grep -v -e conntrack_count -e conntrack_buckets | sort
      find /etc /var /usr/local /run /tmp -xdev -newer /etc/os-release -printf '%p %T@ %C@\\n' | grep -v systemctl.log | sort`);
  await install();
  const before = await state();
  await collectEvidence();
  expect(await state()).toBe(before);
});

test("without iptables, nft, ethtool, ss and systemctl, everything else is shown", async () => {
  await install();
  await host.on(
    "rm -f /usr/sbin/*tables* /usr/sbin/nft /usr/sbin/ethtool /usr/bin/ss /usr/bin/systemctl /usr/bin/busctl",
  );
  const { values, rules } = await collectEvidence();
  expect(values).toMatchObject({
    "device.state": "up",
    "peer.host02.fdb": PEER.underlayAddress,
    "unit.state": "",
  });
  expect(rules).toEqual([]);
});

test("a question that did not arrive whole is not answered", async () => {
  const input = evidenceInput(QUESTION).replace(/end\n$/, "");
  await expect(host.on(`bash -s <<'END_OF_INPUT'\n${input}END_OF_INPUT`)).rejects.toThrow(
    /did not arrive whole/,
  );
});

describe("with a real peer, the first finding is the fault", () => {
  const FAILED_PROBE: FailedProbe = {
    from: "host01",
    to: "host02",
    fromUnderlay: HOST.underlayAddress,
    toUnderlay: PEER.underlayAddress,
    address: "192.168.0.2",
    probe: "icmp",
    size: 8922,
    answer: "silent",
  };
  const SETTINGS = { device: "vxlan0", port: 4789, vni: 100, mtu: 8950, admitsAll: true };
  const IN_PEER = "ip netns exec host02";
  const PING = "ping -n -c 1 -W 0.5 -M do -s 8922 192.168.0.2";
  let mac: string;

  /** A second host in a namespace of the first, with an overlay that was set up by hand. */
  beforeEach(async () => {
    await host.on(`
      ip netns add host02
      ip link add to-host02 mtu 9000 type veth peer name ens3 mtu 9000 netns host02
      ip link set to-host02 master eth0 up
      ip route add ${PEER.underlayAddress} dev eth0
      ip -n host02 link set lo up
      ip -n host02 link set ens3 up
      ip -n host02 address add ${PEER.underlayAddress}/32 dev ens3
      ip -n host02 route add ${HOST.underlayAddress} dev ens3`);
    ({ mac } = await install());
    await host.on(`
      ip -n host02 link add vxlan0 address ${PEER.mac} mtu 8950 type vxlan id 100 dstport 4789 local ${PEER.underlayAddress} dev ens3 nolearning
      ip -n host02 link set vxlan0 up
      ip -n host02 address add 192.168.0.2/24 dev vxlan0
      ip -n host02 neigh add 192.168.0.1 lladdr ${mac} dev vxlan0 nud permanent
      ${IN_PEER} bridge fdb append ${mac} dev vxlan0 dst ${HOST.underlayAddress} self permanent`);
  });

  /** Collects the evidence of both hosts before and after the probe is sent once more, which must fail. */
  async function firstFinding(): Promise<string | undefined> {
    const overPeer: typeof QUESTION = {
      ...QUESTION,
      underlayAddress: PEER.underlayAddress,
      overlayAddresses: ["192.168.0.2"],
      peers: [{ ...HOST, name: "host01", mac }],
    };
    const ends = () => Promise.all([collectEvidence(), collectEvidence(overPeer, `${IN_PEER} bash -s`)]);
    const before = await ends();
    await host.on(`! ${PING}`);
    const after = await ends();
    const pair = (at: 0 | 1): EvidencePair => ({ before: before[at], after: after[at] });
    return diagnose(FAILED_PROBE, pair(0), pair(1), SETTINGS)[0];
  }

  /** A fault, the command that undoes it, and the finding. */
  const FAULTS: [string, string, RegExp][] = [
    [
      `${IN_PEER} iptables -A INPUT -p udp --dport 4789 -j DROP`,
      `${IN_PEER} iptables -F INPUT`,
      /^host02: \d+ packets? (was|were) dropped by the iptables rule `-A INPUT .*: remove it with `sudo iptables -D INPUT -p udp -m udp --dport 4789 -j DROP`/,
    ],
    [
      `${IN_PEER} iptables -A OUTPUT -p udp --dport 4789 -j DROP`,
      `${IN_PEER} iptables -F OUTPUT`,
      /^host02: \d+ packets? (was|were) dropped by the iptables rule `-A OUTPUT /,
    ],
    [
      "iptables -A INPUT -i vxlan0 -p icmp -j DROP",
      "iptables -F INPUT",
      /^host01: 1 packet was dropped by the iptables rule `-A INPUT -i vxlan0 -p icmp -j DROP`/,
    ],
    [
      "ip -n host02 route del local 192.168.0.2 dev vxlan0 table local",
      "ip -n host02 route add local 192.168.0.2 dev vxlan0 table local proto kernel",
      /^host02: its overlay address 192\.168\.0\.2 has no route in table local/,
    ],
    [
      `ip neigh replace ${PEER.underlayAddress} lladdr 02:00:00:00:00:01 dev eth0 nud permanent`,
      `ip neigh del ${PEER.underlayAddress} dev eth0`,
      /^host01 sent \d+ packets? of VXLAN by eth0, and vxlan0 on host02 received none: .*Security List of host02 lets UDP port 4789 in from 10\.196\.218\.222 to 10\.196\.218\.226/,
    ],
    [
      `ip -n host02 neigh replace ${HOST.underlayAddress} lladdr 02:00:00:00:00:01 dev ens3 nud permanent`,
      `ip -n host02 neigh del ${HOST.underlayAddress} dev ens3`,
      /^host02 sent \d+ packets? of VXLAN by ens3, and vxlan0 on host01 received none: the answers are lost/,
    ],
    [
      `${IN_PEER} nft 'table ip x { chain y { type filter hook input priority 0; udp dport 4789 drop; }; }'`,
      `${IN_PEER} nft delete table ip x`,
      /^host02: table ip x, chain y \(hook input\) refuses VXLAN \(UDP port 4789\) by the rule `udp dport 4789 drop`\. .*\n {4}sudo nft delete rule ip x y handle \d+$/,
    ],
    ["ip -n host02 link set vxlan0 down", ":", /^host02: vxlan0 is down/],
  ];

  test("and is named with the command that repairs it", async () => {
    for (const [fault, cure, finding] of FAULTS) {
      await host.on(PING);
      await host.on(fault);
      expect(await firstFinding(), fault).toMatch(finding);
      await host.on(cure);
    }
  }, 120_000);
});
