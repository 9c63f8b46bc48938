import { describe, expect, test } from "vitest";
import { checksumSenders } from "../../components/vxlan/diagnosis/counterFindings.ts";
import { diagnose } from "../../components/vxlan/diagnosis/diagnose.ts";
import type { EvidencePair } from "../../components/vxlan/diagnosis/end.ts";
import type { FailedProbe } from "../../components/vxlan/connectivityTest/failedProbe.ts";
import { evidenceCommand, evidenceInput, parseEvidence } from "../../components/vxlan/diagnosis/evidence.ts";

const SETTINGS = { device: "vxlan0", port: 4789, vni: 100, mtu: 8950, admitsAll: true };
const PROBE: FailedProbe = {
  from: "host01",
  to: "host02",
  fromUnderlay: "10.0.0.1",
  toUnderlay: "10.0.0.2",
  address: "192.168.0.2",
  probe: "icmp",
  size: 8922,
  answer: "silent",
};
const TCP: Partial<FailedProbe> = { probe: "tcp", port: 22, size: undefined };
const MACS = { host01: "02:00:00:00:00:01", host02: "02:00:00:00:00:02" };

/** The evidence that a healthy host prints, as seen on a real one. */
function healthyEvidence(name: "host01" | "host02"): string {
  const ownNumber = name === "host01" ? 1 : 2;
  const peer = name === "host01" ? "host02" : "host01";
  const other = 3 - ownNumber;
  return `
    value device.name vxlan0
    value device.state up
    value device.mtu 8950
    value device.master -
    value device.vni 100
    value device.port 4789
    value device.local 10.0.0.${ownNumber}
    value device.mac ${MACS[name]}
    value nic.name ens3
    value nic.state up
    value nic.mtu 9000
    value nic.master -
    count device.rx_packets 100
    count device.rx_errors 0
    count device.rx_dropped 0
    count device.tx_packets 100
    count device.tx_errors 0
    count device.tx_dropped 7
    count Icmp.InEchos 20
    count Icmp.OutEchoReps 20
    count Tcp.InCsumErrors 0
    count Udp.InCsumErrors 2
    count Udp.NoPorts 3
    count TcpExt.IPReversePathFilter 4
    value address.192.168.0.${ownNumber} yes
    value local-route.192.168.0.${ownNumber} yes
    value peer.${peer}.mac ${MACS[peer]}
    value peer.${peer}.fdb 10.0.0.${other}
    value peer.${peer}.underlay-route ens3
    value peer.${peer}.path-mtu -
    value peer.${peer}.filter admitted
    value peer.${peer}.neighbour.192.168.0.${other} ${MACS[peer]}
    value peer.${peer}.route.192.168.0.${other} vxlan0
    value echo-ignore4 0
    value echo-ignore6 0
    value rp-filter.all 0
    value rp-filter.device 0
    value rp-filter.nic 2
    value conntrack.count 12
    value conntrack.max 1000
    value offload on
    value unit.name oci-vxlan@lab.overlay.service
    value unit.state active
    value listeners 0.0.0.0:22 [::]:22
    end`;
}

/** Lines that take the place of those with the same key, or come in addition. */
function withLines(text: string, lines: readonly string[]): string {
  const keyOf = (line: string) => line.trim().split(" ").slice(0, 2).join(" ");
  const keys = lines.filter((line) => !line.startsWith("rule")).map(keyOf);
  return [...lines, ...text.split("\n").filter((line) => !keys.includes(keyOf(line)))].join("\n");
}

const print = (text: string) => text.replace(/^ *(?=\S)/gm, "oci-vxlan evidence ");

/** The counters after the repeated probe: its packets have passed both hosts, unless a case changes that. */
const PASSED_COUNTERS = [
  "count device.rx_packets 101",
  "count device.tx_packets 101",
  "count Icmp.InEchos 21",
  "count Icmp.OutEchoReps 20",
];

/** Evidence in which some lines are others before the probe, and some after it. */
function pair(
  name: "host01" | "host02",
  lines: readonly string[] = [],
  before: readonly string[] = [],
): EvidencePair {
  return {
    before: parseEvidence(print(withLines(healthyEvidence(name), before))),
    after: parseEvidence(print(withLines(withLines(healthyEvidence(name), PASSED_COUNTERS), lines))),
  };
}

interface Case {
  /** Lines of what each host shows after the probe, and before. */
  from?: string[];
  to?: string[];
  before?: string[];
  probe?: Partial<FailedProbe>;
}

const findings = ({ from, to, before, probe }: Case) =>
  diagnose({ ...PROBE, ...probe }, pair("host01", from), pair("host02", to, before), SETTINGS);

const RESTART = "sudo systemctl restart oci-vxlan@lab.overlay.service";
const LOST_COUNTERS = {
  from: ["count device.rx_packets 100"],
  to: ["count device.rx_packets 100", "count device.tx_packets 100"],
};
const dropRule = (packets: number, ruleEnd = "-p udp -m udp --dport 4789 -j DROP", chain = "INPUT") =>
  `rule iptables ip filter ${chain} ${chain.toLowerCase()} ${packets} - -A ${chain} ${ruleEnd}`;
const JUMP =
  'rule iptables ip filter INPUT input 5 - -A INPUT -m comment --comment "oci-vxlan lab.overlay" -j oci-vxlan-100-4789';

describe("the first finding", () => {
  test.each<[string, Case, string]>([
    [
      "a rule ahead of ours that counted the probe",
      { to: [dropRule(3), JUMP] },
      "host02: 3 packets were dropped by the iptables rule `-A INPUT -p udp -m udp --dport 4789 -j DROP`, which stands ahead of the overlay's, while the probe ran: remove it with `sudo iptables -D INPUT -p udp -m udp --dport 4789 -j DROP`, and from the file that it is loaded from.",
    ],
    [
      "a rule for outgoing packets in another table",
      { from: ["rule iptables ip raw OUTPUT output 4 - -A OUTPUT -o vxlan0 -j DROP"] },
      "host01: 4 packets were dropped by the iptables rule `-A OUTPUT -o vxlan0 -j DROP` in table raw, while the probe ran: remove it with `sudo iptables -t raw -D OUTPUT -o vxlan0 -j DROP`, and from the file that it is loaded from.",
    ],
    [
      "a rule that refuses all ahead of ours, which must stay",
      {
        ...LOST_COUNTERS,
        to: [...LOST_COUNTERS.to, dropRule(1, "-j REJECT --reject-with icmp-port-unreachable"), JUMP],
      },
      "host02: 1 packet was rejected by the iptables rule `-A INPUT -j REJECT --reject-with icmp-port-unreachable`, which stands ahead of the overlay's, while the probe ran: let the overlay pass ahead of it: `sudo iptables -I INPUT -p udp --dport 4789 -j ACCEPT`.",
    ],
    [
      "a rule behind ours that refused what came out of the tunnel",
      { to: [JUMP, dropRule(1, "-j REJECT"), "count device.tx_packets 100"] },
      "host02: 1 packet was rejected by the iptables rule `-A INPUT -j REJECT`, while the probe ran: let the overlay pass ahead of it: `sudo iptables -I INPUT -i vxlan0 -j ACCEPT`.",
    ],
    [
      "an nft rule that counts",
      { to: ["rule nft inet fw in input 2 7 udp dport 4789 counter drop"] },
      "host02: 2 packets were dropped by the nft rule `udp dport 4789 counter drop` in table inet fw, chain in (hook input), while the probe ran: remove it with `sudo nft delete rule inet fw in handle 7`, and from the file that it is loaded from.",
    ],
    [
      "an nft rule that does not count is a suspect",
      { ...LOST_COUNTERS, to: [...LOST_COUNTERS.to, "rule nft inet fw in input - 7 udp dport 4789 drop"] },
      "host02: the nft rule `udp dport 4789 drop` in table inet fw, chain in (hook input) refuses packets and counts none, so it is a suspect and not proven: remove it with `sudo nft delete rule inet fw in handle 7`, and from the file that it is loaded from.",
    ],
    [
      "our own table, where it counts what it drops",
      {
        ...LOST_COUNTERS,
        to: [...LOST_COUNTERS.to, "rule nft ip oci-vxlan port-4789 prerouting 2 9 counter drop"],
      },
      `host02: 2 packets were dropped by the nft rule \`counter drop\` in table ip oci-vxlan, chain port-4789 (hook prerouting), while the probe ran: put the set of its peers right with ${RESTART}.`,
    ],
    [
      "our own table, where the path cuts packets into fragments",
      {
        ...LOST_COUNTERS,
        to: [
          ...LOST_COUNTERS.to,
          "rule nft ip oci-vxlan vni-100-4789 prerouting 2 9 ip frag-off & 16383 != 0 counter drop",
        ],
      },
      "host02: 2 packets were dropped by the nft rule `ip frag-off & 16383 != 0 counter drop` in table ip oci-vxlan, chain vni-100-4789 (hook prerouting), while the probe ran: the network between host02 and host01 cuts packets of 9000 bytes into fragments: set mtu to what it carries less 50.",
    ],
    [
      "our own table, where packets arrive by another interface",
      {
        ...LOST_COUNTERS,
        to: [
          ...LOST_COUNTERS.to,
          "rule nft ip oci-vxlan vni-100-4789 prerouting 2 9 fib daddr . iif type != local fib saddr . iif oif missing counter drop",
        ],
      },
      "host02: 2 packets were dropped by the nft rule `fib daddr . iif type != local fib saddr . iif oif missing counter drop` in table ip oci-vxlan, chain vni-100-4789 (hook prerouting), while the probe ran: they arrive by an interface that neither has 10.0.0.2 nor leads to host01: see which by `sudo tcpdump -ni any src 10.0.0.1`, and have them arrive by the one that `ip route get 10.0.0.1 from 10.0.0.2` names.",
    ],
    [
      "echo switched off",
      { to: ["value echo-ignore4 1"] },
      "host02 answers no ICMP echo: net.ipv4.icmp_echo_ignore_all is 1 there: sudo sysctl -w net.ipv4.icmp_echo_ignore_all=0.",
    ],
    [
      "packets that are lost between the hosts",
      LOST_COUNTERS,
      "host01 sent 1 packet of VXLAN by ens3, and vxlan0 on host02 received none: they are lost between the hosts: check that the Security List of host02 lets UDP port 4789 in from 10.0.0.1 to 10.0.0.2 and that of host01 lets it out; stateless rules are needed in both directions.",
    ],
    [
      "answers that are lost between the hosts",
      { from: ["count device.rx_packets 100"] },
      "host02 sent 1 packet of VXLAN by ens3, and vxlan0 on host01 received none: the answers are lost between the hosts: check that the Security List of host01 lets UDP port 4789 in from 10.0.0.2 to 10.0.0.1 and that of host02 lets it out; stateless rules are needed in both directions.",
    ],
    [
      "answers that did not leave",
      { to: ["count device.tx_packets 100"], from: ["count device.rx_packets 100"] },
      "host02 received packets and sent none back: vxlan0 on host01 counted 1 packet out and 0 in, vxlan0 on host02 1 in and 0 out, and host02 took 1 ICMP echoes and answered 0; nothing else in devices, MTU, addresses, routes, FDB, neighbours, checksums and counting firewall rules of both hosts explains it: on host02: sudo nft list ruleset; sudo tcpdump -ni vxlan0 host 192.168.0.2.",
    ],
    [
      "a probe that was not sent",
      { from: ["count device.tx_packets 100", "count device.tx_dropped 9"] },
      "host01: vxlan0 sent none of the probe's packets; it discarded 2 packets instead: ip route get 192.168.0.2; sudo nft list ruleset.",
    ],
    [
      "broken checksum offload",
      { probe: { ...TCP, answer: "silent" }, to: ["count Tcp.InCsumErrors 5"] },
      "host02 discarded 5 packets of TCP with a wrong checksum, as the NIC of host01 leaves them where it cannot compute them inside VXLAN: set overlay.checksumOffload to off, or until the device is made again: on host01: sudo ethtool -K vxlan0 tx-checksum-ip-generic off.",
    ],
    [
      "broken checksum offload of the peer",
      { probe: { ...TCP, answer: "silent" }, from: ["count Udp.InCsumErrors 3"] },
      "host01 discarded 1 packet of UDP with a wrong checksum, as the NIC of host02 leaves them where it cannot compute them inside VXLAN: set overlay.checksumOffload to off, or until the device is made again: on host02: sudo ethtool -K vxlan0 tx-checksum-ip-generic off.",
    ],
    [
      "the MTU of a device",
      { probe: { answer: "too-long" }, from: ["value device.mtu 1450"] },
      "host01: vxlan0 has MTU 1450 where the overlay has 8950: sudo ip link set dev vxlan0 mtu 8950.",
    ],
    [
      "the MTU of a NIC",
      { probe: { answer: "only-small" }, to: ["value nic.mtu 1500"] },
      "host02: its NIC ens3 has MTU 1500, and vxlan0 with MTU 8950 needs 9000: sudo ip link set dev ens3 mtu 9000, or set the overlay's mtu to 1450 or less.",
    ],
    [
      "the MTU that the kernel learned of the path",
      { probe: { answer: "too-long" }, from: ["value peer.host02.path-mtu 1400"] },
      "host01: the way to host02 (10.0.0.2) carries 1400 bytes, and vxlan0 with MTU 8950 needs 9000: raise the MTU of that route or of the router behind it, or set the overlay's mtu to 1350 or less.",
    ],
    [
      "an MTU that the kernel remembers of a path that carries more by now",
      { probe: { answer: "too-long" }, from: ["value peer.host02.route-mtu.192.168.0.2 1450"] },
      "host01 remembers for up to ten minutes that only 1450 bytes passed to 192.168.0.2, and nothing on it needs that any more: sudo ip route flush cache.",
    ],
    [
      "such an MTU of IPv6, whose memory is another",
      {
        probe: { answer: "too-long", address: "fd00::2" },
        from: ["value peer.host02.route-mtu.fd00::2 1450"],
      },
      "host01 remembers for up to ten minutes that only 1450 bytes passed to fd00::2, and nothing on it needs that any more: sudo ip -6 route flush cache.",
    ],
    [
      "the MTU of the network in between",
      { probe: { answer: "only-small" } },
      "host01 gets no answer to an ICMP echo of 8922 bytes from 192.168.0.2, and one to a small echo: the network between host01 and host02 carries less than 9000 bytes: set mtu to what it carries less 50.",
    ],
    [
      "a route that leads elsewhere",
      { from: ["value peer.host02.route.192.168.0.2 tun0"] },
      "host01 sends what is for 192.168.0.2 by tun0 instead of vxlan0: remove the route or rule that leads there: ip route get 192.168.0.2; ip rule.",
    ],
    [
      "a way back that is missing",
      { to: ["value peer.host01.route.192.168.0.1 -"] },
      `host02 has no route to 192.168.0.1: ${RESTART}.`,
    ],
    [
      "an underlay that is routed into the overlay",
      { from: ["value peer.host02.underlay-route vxlan0"] },
      "host01 sends what is for host02's underlay address 10.0.0.2 into vxlan0 itself: remove that route: ip route get 10.0.0.2.",
    ],
    [
      "a local route that is missing",
      { to: ["value local-route.192.168.0.2 no"] },
      "host02: its overlay address 192.168.0.2 has no route in table local, so the kernel refuses what is sent to it: sudo ip -4 route add local 192.168.0.2 dev vxlan0 table local proto kernel.",
    ],
    [
      "an address that is missing",
      { from: ["value address.192.168.0.1 no"] },
      `host01: its overlay address 192.168.0.1 is not on vxlan0: ${RESTART}.`,
    ],
    [
      "an FDB entry that leads elsewhere",
      { from: ["value peer.host02.fdb 10.0.0.9"] },
      `host01: the FDB of vxlan0 leads to 10.0.0.9 for MAC ${MACS.host02} of host02, which is at 10.0.0.2: ${RESTART}.`,
    ],
    [
      "a neighbour entry that is missing, while the unit is stopped",
      { to: ["value peer.host01.neighbour.192.168.0.1", "value unit.state inactive"] },
      `host02: vxlan0 has no neighbour entry for 192.168.0.1, which host01 has with MAC ${MACS.host01}: sudo systemctl enable --now oci-vxlan@lab.overlay.service.`,
    ],
    [
      "a peer that is not admitted",
      { to: ["value peer.host01.filter missing"] },
      `host02: the overlay's own nftables table ip oci-vxlan drops VXLAN from host01, since 10.0.0.1 is not in its set of peers: ${RESTART}.`,
    ],
    [
      "a MAC that is another by now",
      { to: ["value device.mac 02:00:00:00:00:99"] },
      `host02: vxlan0 has MAC 02:00:00:00:00:99, and host01 sends to ${MACS.host02}: ${RESTART}.`,
    ],
    [
      "a device that is down",
      { to: ["value device.state down"] },
      "host02: vxlan0 is down: sudo ip link set dev vxlan0 up.",
    ],
    [
      "a device of another VNI",
      { to: ["value device.vni 7"] },
      `host02: vxlan0 has VNI, port and local address 7, 4789, 10.0.0.2 where the overlay has 100, 4789, 10.0.0.2: ${RESTART}.`,
    ],
    [
      "a unit that is stopped, where nothing else is wrong",
      { ...LOST_COUNTERS, to: [...LOST_COUNTERS.to, "value unit.state inactive"] },
      "host02: oci-vxlan@lab.overlay.service, which repairs the overlay, is inactive: sudo systemctl enable --now oci-vxlan@lab.overlay.service.",
    ],
    [
      "a strict rp_filter",
      { to: ["count TcpExt.IPReversePathFilter 6", "value rp-filter.nic 1"] },
      "host02 discarded 2 packets because the way back to their source leaves by another interface, and rp_filter of ens3 is strict: sudo sysctl -w net.ipv4.conf.all.rp_filter=2 net.ipv4.conf.ens3.rp_filter=2.",
    ],
    [
      "connection tracking that is full",
      { to: ["value conntrack.count 1000"] },
      "host02 tracks 1000 connections, which is the most that it may, and drops new ones: sudo sysctl -w net.netfilter.nf_conntrack_max=2000.",
    ],
    [
      "sshd that listens elsewhere",
      { probe: { ...TCP, answer: "refused" }, to: ["value listeners 10.0.0.2:22 [::1]:22"] },
      "host02: nothing listens at TCP port 22 of 192.168.0.2, only at 10.0.0.2:22 and [::1]:22: add it as ListenAddress to /etc/ssh/sshd_config and restart sshd, or set verifyPort to sshd's port.",
    ],
    [
      "sshd without a banner",
      { probe: { ...TCP, answer: "no-banner" } },
      "host02 takes connections to TCP port 22 and sends no SSH banner: it is another program than sshd, or sshd is overloaded or limits connections (MaxStartups): sudo journalctl -u ssh -u sshd.",
    ],
    [
      "a sender that may not send",
      { probe: { answer: "not-permitted" } },
      "host01 may not send the probe: a rule for outgoing packets refuses it: sudo nft list ruleset.",
    ],
  ])("is %s", (_, setting, first) => expect(findings(setting)[0]).toBe(first));
});

describe("no finding is", () => {
  const PATH = /^packets cross in both directions: /;

  test.each<[string, string[]]>([
    ["a rule that counted nothing meanwhile", [dropRule(5)]],
    ["a rule for another port", [dropRule(9, "-p udp -m udp --dport 53 -j DROP")]],
    ["a rule for other ports", [dropRule(9, "-p udp -m multiport --dports 53,100:200 -j DROP")]],
    ["an nft rule for other ports", ["rule nft inet fw in input 4 9 udp dport { 53, 100-200 } counter drop"]],
    ["a rule for another protocol", [dropRule(9, "-p tcp -j DROP")]],
    ["a rule for somebody else", [dropRule(9, "-s 45.9.1.7/32 -j DROP")]],
    ["our jump", [JUMP.replace("input 5", "input 9")]],
    [
      "a rule of firewalld's that does not count",
      ["rule nft inet firewalld filter_INPUT input - 9 reject with icmpx admin-prohibited"],
    ],
    ["a listener where ICMP was asked for", ["value listeners"]],
  ])("%s", (_, lines) => {
    const before = lines[0]?.includes(" 5 ") ? lines : [];
    const all = findings({ to: lines, before });
    expect(all).toEqual([expect.stringMatching(PATH)]);
  });

  test("an IPv4 address where the probe was of IPv6", () => {
    const from = ["value local-route.192.168.0.1 no", "value peer.host02.route.192.168.0.2 -"];
    expect(findings({ from, probe: { address: "fd00::2" } })).toEqual([expect.stringMatching(PATH)]);
  });
});

test.each([
  "! -s 45.9.1.7/32 -j DROP",
  "-p udp -m multiport --dports 53,4000:5000 -j DROP",
  "-p udp ! --dport 53 -j DROP",
])("a rule that may match the probe is one: %s", (rule) =>
  expect(findings({ to: [dropRule(9, rule)] })[0]).toContain(`rule \`-A INPUT ${rule}\``),
);

test("a rule that stands twice is named once, with what both counted", () => {
  const ruleFindings = findings({ to: [dropRule(2), dropRule(1)] });
  expect(ruleFindings).toEqual([expect.stringMatching(/^host02: 3 packets were dropped/)]);
});

test("our own table may count packets of non-peers, so that is not proven", () =>
  expect(
    findings({
      ...LOST_COUNTERS,
      to: [
        ...LOST_COUNTERS.to,
        "rule nft ip oci-vxlan prerouting prerouting 2 9 udp dport 4789 counter drop",
      ],
    }),
  ).toEqual([
    expect.stringContaining("in table ip oci-vxlan"),
    expect.stringContaining("they are lost between the hosts"),
  ]));

test("without evidence of the peer, only the sender is explained", () => {
  const from = pair("host01", ["count device.rx_packets 100"]);
  expect(diagnose(PROBE, from, undefined, SETTINGS)).toEqual([
    "host01 sent 1 packet of VXLAN by ens3, and received none; host02 could not be examined, so see first that it is up: check that the Security List of host02 lets UDP port 4789 in from 10.0.0.1 to 10.0.0.2 and that of host01 lets it out; stateless rules are needed in both directions.",
  ]);
  const down = pair("host01", ["value device.state down"]);
  expect(diagnose(PROBE, down, undefined, SETTINGS)).toEqual([
    "host01: vxlan0 is down: sudo ip link set dev vxlan0 up.",
  ]);
});

test("what is proven comes before what is likely, and that before what is possible", () => {
  const to = [
    "value firewalld running",
    "value zone public",
    "value unit.state failed",
    "value echo-ignore4 1",
  ];
  expect(findings({ to })).toEqual([
    expect.stringContaining("echo_ignore_all"),
    expect.stringContaining("is failed"),
    expect.stringContaining("firewalld has vxlan0 in zone public"),
  ]);
});

describe("the senders of wrong checksums", () => {
  const senders = ({ from, to, probe }: Case) =>
    Object.fromEntries(checksumSenders({ ...PROBE, ...probe }, pair("host01", from), pair("host02", to)));
  const SILENT: Case["probe"] = { ...TCP, answer: "silent" };

  test("are those whose peer discarded packets while TCP failed", () => {
    expect(senders({ probe: SILENT, to: ["count Udp.InCsumErrors 3"] })).toEqual({ host01: "host02" });
    const checksumErrors = { from: ["count Tcp.InCsumErrors 1"], to: ["count Tcp.InCsumErrors 2"] };
    expect(senders({ probe: { ...TCP, probe: "transfer" }, ...checksumErrors })).toEqual({
      host01: "host02",
      host02: "host01",
    });
  });

  test("are none where ICMP failed, or where nothing was discarded", () => {
    expect(senders({ to: ["count Udp.InCsumErrors 3"] })).toEqual({});
    expect(senders({ probe: SILENT })).toEqual({});
  });
});

describe("evidence", () => {
  test("is read from its own lines alone", () => {
    const text = `Welcome\noci-vxlan evidence value unit.state active\r\n${print('rule nft inet fw in input - 7 log prefix "a b" drop')}\noci-vxlan evidence end\nBye`;
    expect(parseEvidence(text)).toEqual({
      values: { "unit.state": "active" },
      counters: {},
      tables: [],
      rules: [
        {
          tool: "nft",
          family: "inet",
          table: "fw",
          chain: "in",
          hook: "input",
          handle: "7",
          text: 'log prefix "a b" drop',
        },
      ],
    });
  });

  test.each([
    ["that ends early", "oci-vxlan evidence value unit.state active", /did not arrive whole/],
    [
      "with a count that is none",
      "oci-vxlan evidence count device.rx_packets many\noci-vxlan evidence end",
      /malformed line/,
    ],
    ["with half a rule", "oci-vxlan evidence rule nft inet fw\noci-vxlan evidence end", /malformed line/],
  ])("%s is refused", (_, text, error) => expect(() => parseEvidence(text)).toThrow(error));

  test("is asked for as root, with everything that varies on standard input", () => {
    expect(evidenceCommand()).toMatch(/timeout -k \d+ \d+ bash -s' # /);
    const input = evidenceInput({
      overlay: "lab.overlay",
      device: "vxlan0",
      port: 4789,
      underlayAddress: "10.0.0.1",
      overlayAddresses: ["192.168.0.1"],
      tcpPort: 22,
      peers: [
        {
          name: "host02",
          mac: MACS.host02,
          underlayAddress: "10.0.0.2",
          overlayAddresses: ["192.168.0.2", "fd00::2"],
        },
      ],
    });
    expect(input.split("\nmain\n")[1]).toBe(
      `overlay lab.overlay\ndevice vxlan0\nport 4789\nunderlay 10.0.0.1\naddress 192.168.0.1\ntcp 22\npeer host02 10.0.0.2 ${MACS.host02} 192.168.0.2 fd00::2\nend\n`,
    );
  });
});
