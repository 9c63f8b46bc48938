import { contains, parseCidr } from "../vxlan/addresses.ts";

/** One rule of a Security List, beside those that an environment makes by itself. */
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

/** A rule in the fields of OCI's API, less its direction. */
interface RuleBody {
  protocol: string;
  stateless: boolean;
  description?: string;
  tcpOptions?: Ports;
  udpOptions?: Ports;
  icmpOptions?: { type: number; code?: number };
}

export type IngressRule = RuleBody & { source: string };
export type EgressRule = RuleBody & { destination: string };

/** What the shared Security List admits. */
export interface SecuritySettings {
  /** CIDRs of the VXLAN members: their subnets, and single addresses outside of them. */
  members: readonly string[];
  operatorCidrs: readonly string[];
  vxlanPort: number;
  sshPort: number;
  /** Whether VXLAN takes a connection-tracking entry a flow. */
  stateful: boolean;
  ingress: readonly SecurityRule[];
  egress: readonly SecurityRule[];
}

/** Rules of one direction in one Security List: Oracle's default limit. */
export const RULE_LIMIT = 200;

const ANYWHERE = "0.0.0.0/0";
const PROTOCOLS: Readonly<Record<string, string>> = { icmp: "1", tcp: "6", udp: "17", all: "all" };

/** The number that OCI knows a protocol by; undefined where it is none. */
export function protocolNumber(protocol: string): string | undefined {
  const known = PROTOCOLS[protocol];
  if (known !== undefined) return known;
  return /^\d{1,3}$/.test(protocol) && Number(protocol) <= 255 ? String(Number(protocol)) : undefined;
}

/**
 * The rules of the shared Security List. VXLAN packets of both directions *go to* the VXLAN port, so each direction
 * has one rule a member by destination port; a rule by source port would open all of UDP to whoever sends from it.
 */
export function securityRules(settings: SecuritySettings): { ingress: IngressRule[]; egress: EgressRule[] } {
  const members = withoutContained(settings.members);
  const vxlan = (description: string): RuleBody => ({
    protocol: "17",
    stateless: !settings.stateful,
    description,
    udpOptions: { min: settings.vxlanPort, max: settings.vxlanPort },
  });
  return {
    ingress: [
      ...members.map((source) => ({ ...vxlan("VXLAN from members of the overlay"), source })),
      ...withoutContained(settings.operatorCidrs).map((source) => ({
        protocol: "6",
        source,
        stateless: false,
        description: "SSH from operators",
        tcpOptions: { min: settings.sshPort, max: settings.sshPort },
      })),
      {
        protocol: "1",
        source: ANYWHERE,
        stateless: false,
        description: "Path MTU discovery: fragmentation needed",
        icmpOptions: { type: 3, code: 4 },
      },
      ...settings.ingress.map((rule) => ({ ...bodyOf(rule), source: rule.cidr })),
    ],
    egress: [
      // A stateful rule that opens everything is there in any case, and no stateless one beside it is needed.
      ...(settings.stateful
        ? []
        : members.map((destination) => ({ ...vxlan("VXLAN to members of the overlay"), destination }))),
      { protocol: "all", destination: ANYWHERE, stateless: false, description: "The way out" },
      ...settings.egress.map((rule) => ({ ...bodyOf(rule), destination: rule.cidr })),
    ],
  };
}

/** Each CIDR once, and none that lies in another of them. */
export function withoutContained(cidrs: readonly string[]): string[] {
  const once = [...new Set(cidrs)];
  return once.filter((text) => {
    const cidr = parseCidr(text);
    return !once.some((other) => {
      const wider = parseCidr(other);
      return other !== text && cidr && wider && wider.prefix < cidr.prefix && contains(wider, cidr.network);
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
    ...(rule.description === undefined ? {} : { description: rule.description }),
    ...(ports && protocol === "6" ? { tcpOptions: ports } : {}),
    ...(ports && protocol === "17" ? { udpOptions: ports } : {}),
    ...(rule.icmpType === undefined
      ? {}
      : {
          icmpOptions: {
            type: rule.icmpType,
            ...(rule.icmpCode === undefined ? {} : { code: rule.icmpCode }),
          },
        }),
  };
}
