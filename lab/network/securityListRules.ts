import { packetMatch, replyMatch } from "./packetRule.ts";
import type { Direction, PacketRule } from "./packetRule.ts";

/**
 * The router's rules for the cloud's instances, as nft reads them: Security Lists and network security groups, internet
 * and NAT gateways, and public addresses. They have a table of their own beside the one of existing hosts, so that
 * either is replaced without touching the other.
 */

/** All rules of a VNIC: of its subnet's Security Lists and of its network security groups. */
export interface PacketPolicy {
  egress: readonly PacketRule[];
  ingress: readonly PacketRule[];
}

/** A block that a subnet routes to a NAT gateway, and that gateway's address. */
export interface TranslatedRoute {
  cidr: string;
  natIp: string;
}

/** A VNIC behind a policy. */
export interface SecuredVnic {
  /** The VNIC's interface in the router. */
  port: string;
  address: string;
  /** Index of its policy. */
  policy: number;
  /** Its VCN. No packet passes from one VCN to another. */
  vcn: string;
  /** Whether it may send from other addresses than its own. */
  forwards: boolean;
  /** Its address on the outside, if an internet gateway serves it. */
  publicAddress?: string;
  /** The blocks that its subnet routes to an internet gateway. */
  internetCidrs: readonly string[];
  natRoutes: readonly TranslatedRoute[];
}

export interface CloudNetwork {
  policies: readonly PacketPolicy[];
  vnics: readonly SecuredVnic[];
  /** The block of public addresses. */
  publicAddresses: string;
  /** The addresses in it that NAT gateways have. */
  natAddresses: readonly string[];
}

/** The first letter of instances' interfaces in the router. */
export const SECURED_PREFIX = "c";

/**
 * How a packet passes: each VNIC decides for itself, as in Oracle's network. First come the sender's egress rules, then
 * the receiver's ingress rules.
 * - A stateless rule allows the packets that match it. A stateful rule also allows their replies, which connection
 *   tracking knows by the connection's first packet. So a connection stops at once when its rule is removed, and one
 *   flow may be stateful at one end and stateless at the other.
 * - Flows that stateless rules allow at both ends are not tracked at all.
 * - What a NAT gateway sends out is tracked in any case, since answers need the translation.
 * - Fragments are checked before tracking reassembles them. A later fragment has no ports, so it matches no rule that
 *   names a port.
 */
export function securityListRules(network: CloudNetwork): string {
  const parts = [
    ...COUNTERS,
    ...addressSets(network),
    ...network.policies.map(policyChains),
    ...policyMaps(network),
    ...vcnChains(network),
    ...hookChains(network),
  ];
  return `
table inet ocivx_cloud
delete table inet ocivx_cloud
table inet ocivx_cloud {
${parts.join("")}}
`;
}

const block = (head: string, lines: readonly string[]) =>
  `  ${head} {\n${lines.map((line) => `    ${line}\n`).join("")}  }\n`;

const chain = (name: string, ...lines: readonly string[]) => block(`chain ${name}`, lines);

/** A set; `elements` may be empty, which nft writes as none. */
const set = (name: string, type: string, elements: readonly string[], ...flags: readonly string[]) =>
  block(`set ${name}`, [`type ${type}`, ...flags, ...elementsLine(elements)]);

const map = (name: string, type: string, elements: readonly string[], ...flags: readonly string[]) =>
  block(`map ${name}`, [`type ${type}`, ...flags, ...elementsLine(elements)]);

const elementsLine = (elements: readonly string[]) =>
  elements.length === 0 ? [] : [`elements = { ${elements.join(", ")} }`];

const ports = (vnics: readonly SecuredVnic[]) => vnics.map(({ port }) => `"${port}"`);

/** Counters of dropped packets, for the tests and for a person who looks for a packet. */
const COUNTERS = ["spoofed", "multicast", "gre", "refused_egress", "refused_ingress"].map(
  (name) => `  counter ${name} { }\n`,
);

function addressSets({ vnics, natAddresses }: CloudNetwork): string[] {
  const ownAddressVnics = vnics.filter(({ forwards }) => !forwards);
  const ownAddresses = ownAddressVnics.map(({ port, address }) => `"${port}" . ${address}`);
  const forwarding = vnics.filter(({ forwards }) => forwards);
  const publicVnics = vnics.filter(({ publicAddress }) => publicAddress !== undefined);
  const toPrivate = publicVnics.map(({ address, publicAddress = "" }) => `${publicAddress} : ${address}`);
  const toPublic = publicVnics.map(({ address, publicAddress = "" }) => `${address} : ${publicAddress}`);
  const internetRoutes = vnics.flatMap((vnic) =>
    vnic.internetCidrs.map((cidr) => `${vnic.address} . ${cidr}`),
  );
  const natRoutes = vnics.flatMap((vnic) => vnic.natRoutes.map(({ cidr }) => `${vnic.address} . ${cidr}`));
  const toGateway = vnics.flatMap((vnic) =>
    vnic.natRoutes.map(({ cidr, natIp }) => `${vnic.address} . ${cidr} : ${natIp}`),
  );
  return [
    set("own_addresses", "ifname . ipv4_addr", ownAddresses),
    set("ports", "ifname", ports(vnics)),
    set("forwarding", "ifname", ports(forwarding)),
    map("to_private", "ipv4_addr : ipv4_addr", toPrivate),
    map("to_public", "ipv4_addr : ipv4_addr", toPublic),
    set("outside_routes", "ipv4_addr . ipv4_addr", [...internetRoutes, ...natRoutes], "flags interval"),
    set("nat_routes", "ipv4_addr . ipv4_addr", natRoutes, "flags interval"),
    set("nat_addresses", "ipv4_addr", natAddresses),
    map("to_nat_address", "ipv4_addr . ipv4_addr : ipv4_addr", toGateway, "flags interval"),
  ];
}

/** The chains of one policy. An allowed packet returns to the calling chain; the others are dropped. */
function policyChains({ egress, ingress }: PacketPolicy, index: number): string {
  return [
    directionChains("egress", egress, "ingress", ingress, index),
    directionChains("ingress", ingress, "egress", egress, index),
    chain(
      `stateless_ingress_${index}`,
      ...stateless(ingress).map((rule) => `${packetMatch(rule, "ingress")} notrack return`),
    ),
    chain(
      `stateless_egress_${index}`,
      ...stateless(egress).map((rule) => `${packetMatch(rule, "egress")} goto untracked_at_receiver`),
    ),
  ].join("");
}

/** The chains for one direction: its own rules, and replies to what the opposite direction's rules allowed. */
function directionChains(
  direction: Direction,
  rules: readonly PacketRule[],
  opposite: Direction,
  oppositeRules: readonly PacketRule[],
  index: number,
): string {
  const dropStatement = `counter name refused_${direction} drop`;
  const replies = (allowingRules: readonly PacketRule[]) =>
    allowingRules.flatMap((rule) => replyMatch(rule, opposite) ?? []);
  return [
    // Where a stateless and a stateful rule match the same packet, the stateless one counts.
    chain(
      `reply_${direction}_${index}`,
      ...replies(stateless(oppositeRules)).map((match) => `${match} ${dropStatement}`),
      ...replies(stateful(oppositeRules)).map((match) => `${match} return`),
      dropStatement,
    ),
    chain(
      `${direction}_${index}`,
      ...rules.map((rule) => `${packetMatch(rule, direction)} return`),
      // An ICMP error about a tracked connection.
      "ct state related ip protocol icmp return",
      `ct direction reply goto reply_${direction}_${index}`,
      dropStatement,
    ),
  ].join("");
}

const stateless = (rules: readonly PacketRule[]) => rules.filter(({ isStateless }) => isStateless);
const stateful = (rules: readonly PacketRule[]) => rules.filter(({ isStateless }) => !isStateless);

/** Maps that lead from a VNIC's interface or address to the chains of its policy. */
function policyMaps({ vnics }: CloudNetwork): string[] {
  const byPort = (name: string, verdict: string) =>
    map(
      name,
      "ifname : verdict",
      vnics.map(({ port, policy }) => `"${port}" : ${verdict}_${policy}`),
    );
  const byAddress = (name: string, verdict: string) =>
    map(
      name,
      "ipv4_addr : verdict",
      vnics.map(({ address, policy }) => `${address} : ${verdict}_${policy}`),
    );
  return [
    byPort("egress", "jump egress"),
    byPort("ingress", "jump ingress"),
    byAddress("ingress_of", "jump ingress"),
    byPort("stateless_egress", "goto stateless_egress"),
    byAddress("stateless_ingress_of", "goto stateless_ingress"),
  ];
}

/** The chains that keep packets within their VCN, and the map that leads to them. */
function vcnChains({ vnics }: CloudNetwork): string[] {
  const vcns = [...new Set(vnics.map(({ vcn }) => vcn))];
  const chains = vcns.flatMap((vcn, index) => [
    set(`vcn_${index}`, "ifname", ports(vnics.filter((vnic) => vnic.vcn === vcn))),
    chain(`same_vcn_${index}`, `oifname "${SECURED_PREFIX}*" oifname != @vcn_${index} drop`),
  ]);
  const verdicts = vnics.map(({ port, vcn }) => `"${port}" : jump same_vcn_${vcns.indexOf(vcn)}`);
  return [...chains, map("same_vcn", "ifname : verdict", verdicts)];
}

/** The chains that nft calls for each packet, in the order in which a packet passes them. */
function hookChains({ publicAddresses }: CloudNetwork): string[] {
  return [
    ...arrivalChains(publicAddresses),
    ...trackingChains(),
    unsolicitedChain(publicAddresses),
    ...forwardChains(),
  ];
}

/** Drops what Oracle's network does not carry, and translates public addresses to private ones. */
const arrivalChains = (publicAddresses: string) => [
  chain(
    "from_vnic",
    "meta nfproto ipv6 drop",
    "ip version != 4 accept",
    "iifname . ip saddr != @own_addresses iifname != @forwarding counter name spoofed drop",
    "ip daddr { 224.0.0.0/4, 255.255.255.255 } counter name multicast drop",
    "ip protocol gre counter name gre drop",
    `ip daddr ${publicAddresses} drop`,
  ),
  chain(
    "prerouting",
    "type filter hook prerouting priority -460; policy accept;",
    `iifname "${SECURED_PREFIX}*" jump from_vnic`,
    'iifname "outside" ip daddr @to_private meta mark set 0x1 ip daddr set ip daddr map @to_private',
    // The answer to a host behind a NAT gateway is translated behind connection tracking.
    'iifname "outside" ip daddr @nat_addresses meta mark set 0x1 accept',
    `iifname "outside" ip daddr ${publicAddresses} drop`,
  ),
];

/** Checks fragments before tracking reassembles them, and keeps stateless flows untracked. */
const trackingChains = () => [
  chain(
    "fragments",
    "type filter hook prerouting priority -450; policy accept;",
    "ip frag-off & 0x1fff != 0 iifname vmap @egress",
    "ip frag-off & 0x1fff != 0 ip daddr vmap @ingress_of",
  ),
  chain("untracked_at_receiver", "ip daddr vmap @stateless_ingress_of", "notrack"),
  chain(
    "tracking",
    "type filter hook prerouting priority -300; policy accept;",
    `iifname "${SECURED_PREFIX}*" fib daddr oifname "outside" ip saddr . ip daddr @nat_routes accept`,
    "iifname vmap @stateless_egress",
    `iifname != "${SECURED_PREFIX}*" ip daddr vmap @stateless_ingress_of`,
  ),
];

/** Drops packets to a NAT gateway that answer no connection of a host behind it. */
const unsolicitedChain = (publicAddresses: string) =>
  chain(
    "unasked",
    "type filter hook prerouting priority -90; policy accept;",
    `iifname "outside" ip daddr ${publicAddresses} drop`,
  );

/** Applies the Security Lists and routes, and translates private addresses to public ones. */
const forwardChains = () => [
  chain(
    "forward",
    "type filter hook forward priority 0; policy accept;",
    `oifname "${SECURED_PREFIX}*" oifname != @ports drop`,
    "iifname vmap @same_vcn",
    "iifname vmap @egress",
    `iifname "${SECURED_PREFIX}*" oifname "outside" ip saddr . ip daddr != @outside_routes drop`,
    `iifname "outside" oifname "${SECURED_PREFIX}*" meta mark != 0x1 drop`,
    "oifname vmap @ingress",
  ),
  chain(
    "postrouting",
    "type filter hook postrouting priority 100; policy accept;",
    'oifname "outside" ip saddr set ip saddr map @to_public',
  ),
  chain(
    "nat_gateways",
    "type nat hook postrouting priority 100; policy accept;",
    'oifname "outside" ip saddr . ip daddr @nat_routes snat ip to ip saddr . ip daddr map @to_nat_address',
  ),
];
