import type { EgressRuleDetails, IngressRuleDetails, RequestBody } from "../requestSchemas.ts";
import type { Cloud } from "./cloud.ts";
import { conflict, invalidParameter, limitExceeded } from "./errors.ts";
import type { EgressSecurityRule, IngressSecurityRule, SecurityList } from "./resources.ts";
import { checkCidr, checkRule } from "./securityRule.ts";

/** Rules that one list holds in one direction. */
const RULES_LIMIT = 200;

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
    throw invalidParameter(`The ${name}Type ${type} is not supported: CIDR_BLOCK.`);
  checkCidr(name, cidr);
}
