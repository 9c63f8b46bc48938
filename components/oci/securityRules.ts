import { contains, parseCidr } from "../vxlan/addresses.ts";

/** One rule of a Security List or a Network Security Group, beside those that every environment has. */
export interface SecurityRule {
  /** `tcp`, `udp`, `icmp`, `all`, or an IP protocol number as text. */
  protocol: string;
  /** Where packets may come from (ingress) or go to (egress). */
  cidr: string;
  /** First destination port, TCP and UDP only. Default: all ports. */
  minPort?: number;
  /** Last destination port. Default: the first. */
  maxPort?: number;
  /** ICMP only. Default: all types. */
  icmpType?: number;
  /** ICMP only, beside a type. Default: all codes. */
  icmpCode?: number;
  /** Without connection tracking; answers then need a rule of their own. Default false. */
  stateless?: boolean;
  /** Shown in Oracle's console. */
  description?: string;
}

interface Ports {
  min: number;
  max: number;
}

/** A rule in the fields of OCI's API, without its direction. */
export interface RuleBody {
  protocol: string;
  stateless: boolean;
  description?: string;
  tcpOptions?: Ports;
  udpOptions?: Ports;
  icmpOptions?: { type: number; code?: number };
}

export type IngressRule = RuleBody & { source: string };
export type EgressRule = RuleBody & { destination: string };

/** What the shared Security List has to admit. */
export interface SecuritySettings {
  /** CIDRs of the VTEPs: their subnets, and single addresses outside of them. */
  members: readonly string[];
  /** CIDRs of the VTEPs that may measure paths to the others by ICMP echoes. Default: all members. */
  echoCidrs?: readonly string[];
  operatorCidrs: readonly string[];
  /** Where SSH from jump hosts comes from. */
  jumpHostCidrs: readonly string[];
  vxlanPort: number;
  sshPort: number;
  /** Whether connections are tracked for VXLAN. */
  stateful: boolean;
  ingress: readonly SecurityRule[];
  egress: readonly SecurityRule[];
}

/** Oracle's default limit for rules of one direction in one Security List. */
export const RULE_LIMIT = 200;

const ANYWHERE = "0.0.0.0/0";
const PROTOCOLS: Readonly<Record<string, string>> = { icmp: "1", tcp: "6", udp: "17", all: "all" };

/** OCI's number of a protocol; undefined where there is no such protocol. */
export function protocolNumber(protocol: string): string | undefined {
  const number = PROTOCOLS[protocol];
  if (number !== undefined) return number;
  return /^\d{1,3}$/.test(protocol) && Number(protocol) <= 255 ? String(Number(protocol)) : undefined;
}

/**
 * The rules of the shared Security List. VXLAN packets of both directions go to the VXLAN port, so each direction has
 * one rule a member by destination port. A rule by source port would open all UDP ports to packets from that port.
 * Echoes only measure paths, so they are left out where the list has no room for them.
 */
export function securityRules(settings: SecuritySettings): { ingress: IngressRule[]; egress: EgressRule[] } {
  const members = withoutContained(settings.members);
  const vxlan = (description: string): RuleBody => ({
    protocol: "17",
    stateless: !settings.stateful,
    description,
    udpOptions: { min: settings.vxlanPort, max: settings.vxlanPort },
  });
  const ingress = [
    ...members.map((source) => ({ ...vxlan("VXLAN from members of the overlay"), source })),
    ...withoutContained([...settings.operatorCidrs, ...settings.jumpHostCidrs]).map((source) => ({
      protocol: "6",
      source,
      stateless: false,
      description: settings.operatorCidrs.includes(source) ? "SSH from operators" : "SSH from the jump host",
      tcpOptions: { min: settings.sshPort, max: settings.sshPort },
    })),
    icmpRule("Path MTU discovery: fragmentation needed", ANYWHERE, { type: 3, code: 4 }),
  ];
  const echoes = withoutContained(settings.echoCidrs ?? members).map((source) =>
    icmpRule("Measurement of the path MTU: echoes from members of the overlay", source, { type: 8 }),
  );
  const ownIngress = settings.ingress.map((rule) => ({ ...bodyOf(rule), source: rule.cidr }));
  const hasRoom = ingress.length + echoes.length + ownIngress.length <= RULE_LIMIT;
  return {
    ingress: [...ingress, ...(hasRoom ? echoes : []), ...ownIngress],
    egress: [
      // With connection tracking, the stateful rule below covers VXLAN as well.
      ...(settings.stateful
        ? []
        : members.map((destination) => ({ ...vxlan("VXLAN to members of the overlay"), destination }))),
      { protocol: "all", destination: ANYWHERE, stateless: false, description: "The way out" },
      ...settings.egress.map((rule) => ({ ...bodyOf(rule), destination: rule.cidr })),
    ],
  };
}

const icmpRule = (
  description: string,
  source: string,
  icmpOptions: RuleBody["icmpOptions"],
): IngressRule => ({
  protocol: "1",
  source,
  stateless: false,
  description,
  icmpOptions,
});

/** Removes CIDRs that are in the list twice, or lie in another one of the list. */
export function withoutContained(cidrs: readonly string[]): string[] {
  const uniqueCidrs = [...new Set(cidrs)];
  return uniqueCidrs.filter((text) => {
    const cidr = parseCidr(text);
    return !uniqueCidrs.some((other) => {
      const otherCidr = parseCidr(other);
      return (
        other !== text &&
        cidr &&
        otherCidr &&
        otherCidr.prefix < cidr.prefix &&
        contains(otherCidr, cidr.network)
      );
    });
  });
}

function bodyOf(rule: SecurityRule): RuleBody {
  const protocol = protocolNumber(rule.protocol) ?? rule.protocol;
  const ports =
    rule.minPort === undefined ? undefined : { min: rule.minPort, max: rule.maxPort ?? rule.minPort };
  return {
    protocol,
    stateless: rule.stateless ?? false,
    description: rule.description,
    tcpOptions: protocol === "6" ? ports : undefined,
    udpOptions: protocol === "17" ? ports : undefined,
    icmpOptions: rule.icmpType === undefined ? undefined : { type: rule.icmpType, code: rule.icmpCode },
  };
}
