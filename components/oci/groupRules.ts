import { securityRules } from "./securityRules.ts";
import type { RuleBody, SecuritySettings } from "./securityRules.ts";

/** What the hosts' Network Security Group has to admit, beside VXLAN between the hosts in it. */
export interface GroupSettings extends Omit<SecuritySettings, "members" | "echoCidrs"> {
  /** CIDRs of VTEPs that are not in the group. */
  outsideCidrs: readonly string[];
  /** Whether SSH comes from a host in the group, the jump host. */
  hasJumpHost: boolean;
}

/** A rule of the group. */
export interface GroupRule extends RuleBody {
  /** Made from what the rule admits, so that a rule keeps its name when others come and go. */
  name: string;
  direction: "INGRESS" | "EGRESS";
  /** A CIDR, or `GROUP`. */
  peer: string;
}

/** Stands for the hosts in the group, where a Security List has a CIDR. */
export const GROUP = "group";

/** Oracle's default limit for the rules of one group, of both directions together. */
export const GROUP_RULE_LIMIT = 120;

/**
 * The rules of the Security List, about the hosts in the group and not about their subnets. Each host outside takes two
 * rules of the few that a group holds, and none for its echoes.
 */
export function groupRules({ outsideCidrs, hasJumpHost, ...settings }: GroupSettings): GroupRule[] {
  const { ingress, egress } = securityRules({
    ...settings,
    members: [GROUP, ...outsideCidrs],
    echoCidrs: [GROUP],
    jumpHostCidrs: [...settings.jumpHostCidrs, ...(hasJumpHost ? [GROUP] : [])],
  });
  const rules = [
    ...ingress.map(({ source, ...rule }) => namedRule("INGRESS", source, rule)),
    ...egress.map(({ destination, ...rule }) => namedRule("EGRESS", destination, rule)),
  ];
  // The config may name a rule twice.
  return rules.filter(({ name }, index) => rules.findIndex((other) => other.name === name) === index);
}

const PROTOCOL_NAMES: Readonly<Record<string, string>> = { 1: "icmp", 6: "tcp", 17: "udp" };

/** Names a rule, for example ingress-tcp-22-from-198.51.100.10-32. */
function namedRule(direction: GroupRule["direction"], peer: string, rule: RuleBody): GroupRule {
  const { protocol, stateless, tcpOptions, udpOptions, icmpOptions } = rule;
  const { min, max } = tcpOptions ?? udpOptions ?? {};
  const name = [
    direction.toLowerCase(),
    PROTOCOL_NAMES[protocol] ?? protocol,
    min,
    max === min ? undefined : max,
    icmpOptions?.type,
    icmpOptions?.code,
    stateless ? "stateless" : undefined,
    direction === "INGRESS" ? "from" : "to",
    peer.replace("/", "-"),
  ];
  return { ...rule, name: name.filter((part) => part !== undefined).join("-"), direction, peer };
}
