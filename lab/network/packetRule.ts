/** The rules of Security Lists and network security groups, each as the matches that nft tests packets by. */

interface PortRange {
  min: number;
  max: number;
}

/** One rule, in either direction. */
export interface PacketRule {
  isStateless: boolean;
  /** An IP protocol's number, or "all". */
  protocol: number | "all";
  /** The packet's source (ingress) or destination (egress). */
  cidr: string;
  destinationPorts?: PortRange;
  sourcePorts?: PortRange;
  icmp?: { type: number; code?: number };
}

export type Direction = "egress" | "ingress";

const ICMP = 1;

/** Protocols whose ports nft matches by name. */
const PROTOCOLS_WITH_PORTS: Readonly<Record<number, string>> = { 6: "tcp", 17: "udp" };

/** The type of the answer to an ICMP request, by the request's type. No other ICMP message begins a connection. */
const ICMP_ANSWERS: Readonly<Record<number, number>> = { 8: 0, 13: 14, 15: 16, 17: 18 };

const ANY_IPV4 = "meta nfproto ipv4";

/** The field of the address that a rule's CIDR is about: the peer's. */
const peerAddress = (direction: Direction) => (direction === "egress" ? "daddr" : "saddr");

const portsText = ({ min, max }: PortRange) => (min === max ? String(min) : `${min}-${max}`);

/** Matches the packets that a rule allows. */
export function packetMatch(rule: PacketRule, direction: Direction): string {
  const { protocol, cidr, destinationPorts, sourcePorts, icmp } = rule;
  const parts = [cidr === "0.0.0.0/0" ? ANY_IPV4 : `ip ${peerAddress(direction)} ${cidr}`];
  if (protocol !== "all") parts.push(`ip protocol ${protocol}`);
  const name = protocol === "all" ? undefined : PROTOCOLS_WITH_PORTS[protocol];
  if (name !== undefined && sourcePorts) parts.push(`${name} sport ${portsText(sourcePorts)}`);
  if (name !== undefined && destinationPorts) parts.push(`${name} dport ${portsText(destinationPorts)}`);
  if (protocol === ICMP && icmp) {
    parts.push(`icmp type ${icmp.type}`);
    if (icmp.code !== undefined) parts.push(`icmp code ${icmp.code}`);
  }
  return parts.join(" ");
}

/** Matches the replies of the connections that a rule allows; undefined where the rule allows none to begin. */
export function replyMatch(rule: PacketRule, direction: Direction): string | undefined {
  const { protocol, cidr, destinationPorts, sourcePorts, icmp } = rule;
  const parts = [cidr === "0.0.0.0/0" ? ANY_IPV4 : `ct original ip ${peerAddress(direction)} ${cidr}`];
  if (protocol !== "all") parts.push(`meta l4proto ${protocol}`);
  if (sourcePorts) parts.push(`ct original proto-src ${portsText(sourcePorts)}`);
  if (destinationPorts) parts.push(`ct original proto-dst ${portsText(destinationPorts)}`);
  if (protocol === ICMP && icmp) {
    const answer = ICMP_ANSWERS[icmp.type];
    if (answer === undefined || (icmp.code ?? 0) !== 0) return undefined;
    parts.push(`icmp type ${answer}`);
  }
  return parts.join(" ");
}
