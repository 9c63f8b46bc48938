/**
 * The rules of the lab's cloud as nft reads them: security lists, internet gateways and public addresses.
 * They stand in a table of their own beside the one for hosts that no cloud made, so either is replaced
 * without touching the other.
 */

/** One rule of a security list, in either direction. */
export interface PacketRule {
  isStateless: boolean;
  /** An IP protocol's number, or "all". */
  protocol: number | "all";
  /** Where the packet comes from (ingress) or goes to (egress). */
  cidr: string;
  destinationPorts?: readonly [number, number];
  sourcePorts?: readonly [number, number];
  icmp?: { type: number; code?: number };
}

/** The rules that several VNICs share: those of a subnet's security lists. */
export interface PacketPolicy {
  egress: readonly PacketRule[];
  ingress: readonly PacketRule[];
}

/** A VNIC behind a policy. */
export interface SecuredVnic {
  /** The VNIC's interface in the router. */
  port: string;
  address: string;
  /** Index of its policy. */
  policy: number;
  /** Its VCN: nothing passes from one to another. */
  vcn: string;
  /** Whether it may send from other addresses than its own. */
  forwards: boolean;
  /** Its address on the outside, if an internet gateway serves it. */
  publicAddress?: string;
  /** What its subnet routes to an internet gateway. */
  outside: readonly string[];
}

/** All that the router has to know of the cloud. */
export interface CloudNetwork {
  policies: readonly PacketPolicy[];
  vnics: readonly SecuredVnic[];
  /** Where public addresses come from. */
  publicAddresses: string;
}

/** What the names of such VNICs' interfaces in the router begin with. */
export const SECURED = "c";

type Side = "egress" | "ingress";

/**
 * How a packet passes. Each VNIC decides for itself, as in Oracle's network: first the sender's egress rules,
 * then the receiver's ingress rules. A rule speaks of the packet as it is; a stateful rule speaks of replies
 * too, and those are known by the connection's first packet, which connection tracking remembers. So a rule
 * that is taken away stops its connections at once, and one flow may be stateful at one end and stateless at
 * the other. Flows that stateless rules carry at every end are not tracked at all. Fragments are looked at
 * before tracking would put them together again: without ports, they match no rule that names one.
 */
export function cloudRules({ policies, vnics, publicAddresses }: CloudNetwork): string {
  const served = vnics.filter(({ publicAddress }) => publicAddress !== undefined);
  const vcns = [...new Set(vnics.map(({ vcn }) => vcn))];
  const own = vnics.filter(({ forwards }) => !forwards);
  const element = <T>(items: readonly T[], each: (item: T) => string) =>
    items.length === 0 ? "" : `elements = { ${items.map(each).join(", ")} }`;
  const outside = vnics.flatMap(({ address, outside }) => outside.map((cidr) => `${address} . ${cidr}`));
  return `
table inet ocivx_cloud
delete table inet ocivx_cloud
table inet ocivx_cloud {
  counter spoofed { }
  counter multicast { }
  counter gre { }
  counter refused_egress { }
  counter refused_ingress { }
  set own {
    type ifname . ipv4_addr
    ${element(own, ({ port, address }) => `"${port}" . ${address}`)}
  }
  set ports {
    type ifname
    ${element(vnics, ({ port }) => `"${port}"`)}
  }
  set forwarding {
    type ifname
    ${element(
      vnics.filter(({ forwards }) => forwards),
      ({ port }) => `"${port}"`,
    )}
  }
  map to_private {
    type ipv4_addr : ipv4_addr
    ${element(served, ({ publicAddress, address }) => `${publicAddress ?? ""} : ${address}`)}
  }
  map to_public {
    type ipv4_addr : ipv4_addr
    ${element(served, ({ publicAddress, address }) => `${address} : ${publicAddress ?? ""}`)}
  }
  set outside {
    type ipv4_addr . ipv4_addr
    flags interval
    ${element(outside, (pair) => pair)}
  }
${policies.map((policy, index) => policyChains(policy, index)).join("")}
  map egress {
    type ifname : verdict
    ${element(vnics, ({ port, policy }) => `"${port}" : jump egress_${policy}`)}
  }
  map ingress {
    type ifname : verdict
    ${element(vnics, ({ port, policy }) => `"${port}" : jump ingress_${policy}`)}
  }
  map ingress_of {
    type ipv4_addr : verdict
    ${element(vnics, ({ address, policy }) => `${address} : jump ingress_${policy}`)}
  }
  map stateless_egress {
    type ifname : verdict
    ${element(vnics, ({ port, policy }) => `"${port}" : goto stateless_egress_${policy}`)}
  }
  map stateless_ingress_of {
    type ipv4_addr : verdict
    ${element(vnics, ({ address, policy }) => `${address} : goto stateless_ingress_${policy}`)}
  }
${vcns
  .map(
    (vcn, index) => `  set vcn_${index} {
    type ifname
    ${element(
      vnics.filter((vnic) => vnic.vcn === vcn),
      ({ port }) => `"${port}"`,
    )}
  }
  chain within_${index} {
    oifname "${SECURED}*" oifname != @vcn_${index} drop
  }
`,
  )
  .join("")}
  map within {
    type ifname : verdict
    ${element(vnics, ({ port, vcn }) => `"${port}" : jump within_${vcns.indexOf(vcn)}`)}
  }
  chain from_vnic {
    meta nfproto ipv6 drop
    ip version != 4 accept
    iifname . ip saddr != @own iifname != @forwarding counter name spoofed drop
    ip daddr { 224.0.0.0/4, 255.255.255.255 } counter name multicast drop
    ip protocol gre counter name gre drop
    ip daddr ${publicAddresses} drop
  }
  chain arriving {
    type filter hook prerouting priority -460; policy accept;
    iifname "${SECURED}*" jump from_vnic
    iifname "outside" ip daddr @to_private meta mark set 0x1 ip daddr set ip daddr map @to_private
    iifname "outside" ip daddr ${publicAddresses} drop
  }
  chain fragments {
    type filter hook prerouting priority -450; policy accept;
    ip frag-off & 0x1fff != 0 iifname vmap @egress
    ip frag-off & 0x1fff != 0 ip daddr vmap @ingress_of
  }
  chain untracked_at_receiver {
    ip daddr vmap @stateless_ingress_of
    notrack
  }
  chain tracking {
    type filter hook prerouting priority -300; policy accept;
    iifname vmap @stateless_egress
    iifname != "${SECURED}*" ip daddr vmap @stateless_ingress_of
  }
  chain forwarding_chain {
    type filter hook forward priority 0; policy accept;
    oifname "${SECURED}*" oifname != @ports drop
    iifname vmap @within
    iifname vmap @egress
    iifname "${SECURED}*" oifname "outside" ip saddr . ip daddr != @outside drop
    iifname "outside" oifname "${SECURED}*" meta mark != 0x1 drop
    oifname vmap @ingress
  }
  chain leaving {
    type filter hook postrouting priority 100; policy accept;
    oifname "outside" ip saddr set ip saddr map @to_public
  }
}
`;
}

/** The chains of one policy. A packet that is allowed returns to whoever asked; the others are dropped. */
function policyChains({ egress, ingress }: PacketPolicy, index: number): string {
  const chain = (name: string, lines: readonly string[]) =>
    `  chain ${name}_${index} {\n${lines.map((line) => `    ${line}\n`).join("")}  }\n`;
  const side = (name: Side, rules: readonly PacketRule[], opposite: Side, others: readonly PacketRule[]) => {
    const dropped = `counter name refused_${name} drop`;
    return [
      // Where both kinds of rule speak of a packet, the stateless one counts.
      chain(`reply_${name}`, [
        ...originals(stateless(others), opposite).map((packets) => `${packets} ${dropped}`),
        ...originals(stateful(others), opposite).map((packets) => `${packets} return`),
        dropped,
      ]),
      chain(name, [
        ...rules.map((rule) => `${direct(rule, name)} return`),
        // An error about a connection that is tracked.
        "ct state related ip protocol icmp return",
        `ct direction reply goto reply_${name}_${index}`,
        dropped,
      ]),
    ];
  };
  return [
    ...side("egress", egress, "ingress", ingress),
    ...side("ingress", ingress, "egress", egress),
    chain(
      "stateless_ingress",
      stateless(ingress).map((rule) => `${direct(rule, "ingress")} notrack return`),
    ),
    chain(
      "stateless_egress",
      stateless(egress).map((rule) => `${direct(rule, "egress")} goto untracked_at_receiver`),
    ),
  ].join("");
}

const stateless = (rules: readonly PacketRule[]) => rules.filter(({ isStateless }) => isStateless);
const stateful = (rules: readonly PacketRule[]) => rules.filter(({ isStateless }) => !isStateless);

const originals = (rules: readonly PacketRule[], side: Side) =>
  rules.map((rule) => original(rule, side)).filter((packets) => packets !== undefined);

/** Protocols that nft knows ports of. */
const WITH_PORTS: Readonly<Record<number, string>> = { 6: "tcp", 17: "udp" };
const ICMP = 1;

const range = ([from, to]: readonly [number, number]) => (from === to ? String(from) : `${from}-${to}`);

/** The packets that a rule speaks of. */
function direct({ protocol, cidr, destinationPorts, sourcePorts, icmp }: PacketRule, side: Side): string {
  const parts = [
    cidr === "0.0.0.0/0" ? "meta nfproto ipv4" : `ip ${side === "egress" ? "daddr" : "saddr"} ${cidr}`,
  ];
  if (protocol !== "all") parts.push(`ip protocol ${protocol}`);
  const name = protocol === "all" ? undefined : WITH_PORTS[protocol];
  if (name !== undefined && sourcePorts) parts.push(`${name} sport ${range(sourcePorts)}`);
  if (name !== undefined && destinationPorts) parts.push(`${name} dport ${range(destinationPorts)}`);
  if (protocol === ICMP && icmp) {
    parts.push(`icmp type ${icmp.type}`);
    if (icmp.code !== undefined) parts.push(`icmp code ${icmp.code}`);
  }
  return parts.join(" ");
}

/** What answers an ICMP request, by the request's type; no other ICMP message begins a connection. */
const ICMP_ANSWERS: Readonly<Record<number, number>> = { 8: 0, 13: 14, 15: 16, 17: 18 };

/** The replies of connections that a rule speaks of; undefined where it speaks of none. */
function original(
  { protocol, cidr, destinationPorts, sourcePorts, icmp }: PacketRule,
  side: Side,
): string | undefined {
  const parts = [
    cidr === "0.0.0.0/0"
      ? "meta nfproto ipv4"
      : `ct original ip ${side === "egress" ? "daddr" : "saddr"} ${cidr}`,
  ];
  if (protocol !== "all") parts.push(`meta l4proto ${protocol}`);
  if (sourcePorts) parts.push(`ct original proto-src ${range(sourcePorts)}`);
  if (destinationPorts) parts.push(`ct original proto-dst ${range(destinationPorts)}`);
  if (protocol === ICMP && icmp) {
    const answer = ICMP_ANSWERS[icmp.type];
    if (answer === undefined || (icmp.code ?? 0) !== 0) return undefined;
    parts.push(`icmp type ${answer}`);
  }
  return parts.join(" ");
}
