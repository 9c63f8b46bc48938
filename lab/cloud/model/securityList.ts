import { parseCidr } from "../../network/cidr.ts";
import type { EgressRuleDetails, IngressRuleDetails, RequestBody } from "../requestSchemas.ts";
import type { Cloud } from "./cloud.ts";
import { conflict, invalid, limitExceeded } from "./errors.ts";
import type { EgressSecurityRule, IngressSecurityRule, SecurityList } from "./resources.ts";

type RuleDetails = Omit<IngressRuleDetails, "source" | "sourceType">;
type PortOptions = NonNullable<RuleDetails["tcpOptions"]>;
type IcmpOptions = NonNullable<RuleDetails["icmpOptions"]>;

/** Rules that one list holds in one direction. */
const RULES_LIMIT = 200;

/** The protocols that each kind of options goes with. */
const PROTOCOLS = { tcpOptions: ["6"], udpOptions: ["17"], icmpOptions: ["1", "58"] };

export function createSecurityList(cloud: Cloud, details: RequestBody<"createSecurityList">): SecurityList {
  const { vcnId, ingressSecurityRules, egressSecurityRules } = details;
  cloud.get("vcns", vcnId);
  return cloud.provision("securityLists", {
    ...cloud.commonFields("securityLists", details),
    lifecycleState: "PROVISIONING",
    vcnId,
    ingressSecurityRules: checkIngress(ingressSecurityRules),
    egressSecurityRules: checkEgress(egressSecurityRules),
  });
}

/** Changes a list whole or not at all. */
export function updateSecurityList(
  cloud: Cloud,
  id: string,
  { ingressSecurityRules, egressSecurityRules, ...details }: RequestBody<"updateSecurityList">,
): SecurityList {
  return cloud.update("securityLists", id, {
    ...details,
    ingressSecurityRules: ingressSecurityRules && checkIngress(ingressSecurityRules),
    egressSecurityRules: egressSecurityRules && checkEgress(egressSecurityRules),
  });
}

export function deleteSecurityList(cloud: Cloud, id: string): void {
  const { vcnId } = cloud.get("securityLists", id);
  if (cloud.get("vcns", vcnId).defaultSecurityListId === id)
    throw conflict(`The security list ${id} is its VCN's default: it goes with the VCN.`);
  const subnet = cloud.all("subnets").find(({ securityListIds }) => securityListIds.includes(id));
  if (subnet !== undefined)
    throw conflict(`The security list ${id} cannot be deleted: the subnet ${subnet.id} uses it.`);
  cloud.terminate("securityLists", id);
}

function checkIngress(rules: readonly IngressRuleDetails[]): IngressSecurityRule[] {
  checkCount(rules);
  return rules.map(({ source, sourceType, ...rule }) => {
    checkPeer("source", source, sourceType);
    return { ...checkRule(rule), source, sourceType: "CIDR_BLOCK" };
  });
}

function checkEgress(rules: readonly EgressRuleDetails[]): EgressSecurityRule[] {
  checkCount(rules);
  return rules.map(({ destination, destinationType, ...rule }) => {
    checkPeer("destination", destination, destinationType);
    return { ...checkRule(rule), destination, destinationType: "CIDR_BLOCK" };
  });
}

function checkCount(rules: readonly object[]): void {
  if (rules.length > RULES_LIMIT)
    throw limitExceeded(`A security list holds at most ${RULES_LIMIT} rules in each direction.`);
}

function checkPeer(name: "source" | "destination", cidr: string, type: string | undefined): void {
  if (type !== undefined && type !== "CIDR_BLOCK")
    throw invalid(`The ${name}Type ${type} is not supported: CIDR_BLOCK.`);
  if (parseCidr(cidr) === undefined) throw invalid(`The ${name} ${cidr} is not a valid CIDR block.`);
}

function checkRule(rule: RuleDetails): RuleDetails & { isStateless: boolean } {
  const { protocol, isStateless = false, tcpOptions, udpOptions, icmpOptions, description } = rule;
  if (protocol !== "all" && !(/^\d{1,3}$/.test(protocol) && Number(protocol) <= 255))
    throw invalid(`The protocol ${protocol} is not valid: a number as text, or all.`);
  for (const name of ["tcpOptions", "udpOptions", "icmpOptions"] as const)
    if (rule[name] !== undefined && !PROTOCOLS[name].includes(protocol))
      throw invalid(`${name} do not go with the protocol ${protocol}.`);
  if (icmpOptions !== undefined) checkIcmp(icmpOptions);
  for (const options of [tcpOptions, udpOptions]) if (options !== undefined) checkPorts(options);
  return { protocol, isStateless, tcpOptions, udpOptions, icmpOptions, description };
}

function checkIcmp({ type, code = 0 }: IcmpOptions): void {
  for (const value of [type, code])
    if (!Number.isInteger(value) || value < 0 || value > 255)
      throw invalid(`The ICMP type or code ${value} is not valid.`);
}

function checkPorts({ destinationPortRange, sourcePortRange }: PortOptions): void {
  const isPort = (port: number) => Number.isInteger(port) && port >= 1 && port <= 65535;
  for (const range of [destinationPortRange, sourcePortRange]) {
    if (range === undefined) continue;
    const { min, max } = range;
    if (!isPort(min) || !isPort(max) || min > max)
      throw invalid(`The port range ${min}-${max} is not valid.`);
  }
}
