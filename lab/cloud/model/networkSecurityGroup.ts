import { randomBytes } from "node:crypto";
import type { GroupRuleDetails, RequestBody } from "../requestSchemas.ts";
import type { Cloud } from "./cloud.ts";
import { conflict, invalidParameter, limitExceeded, missingParameter, notFound } from "./errors.ts";
import type { GroupRule, NetworkSecurityGroup, Subnet, Vnic } from "./resources.ts";
import { checkCidr, checkRule } from "./securityRule.ts";

/**
 * Network security groups: https://docs.oracle.com/en-us/iaas/Content/Network/Concepts/networksecuritygroups.htm, with
 * the limits of https://docs.oracle.com/en-us/iaas/Content/Network/Concepts/securityrules.htm. The rules of a VNIC's
 * groups add to those of its subnet's security lists.
 */

/** Groups that one VNIC is in. */
const GROUPS_LIMIT = 5;

/** Rules of one group, of both directions together. */
const RULES_LIMIT = 120;

/** Rules that one request adds, changes or removes. */
const REQUEST_LIMIT = 25;

export function createGroup(
  cloud: Cloud,
  details: RequestBody<"createNetworkSecurityGroup">,
): NetworkSecurityGroup {
  const { vcnId } = details;
  cloud.get("vcns", vcnId);
  const group = cloud.provision("networkSecurityGroups", {
    ...cloud.commonFields("networkSecurityGroups", details),
    lifecycleState: "PROVISIONING",
    vcnId,
  });
  cloud.state.groupRules[group.id] = [];
  return group;
}

/** @throws CloudError Conflict while a VNIC is in it */
export function deleteGroup(cloud: Cloud, id: string): void {
  cloud.get("networkSecurityGroups", id);
  const vnic = vnicsIn(cloud, id)[0];
  if (vnic !== undefined)
    throw conflict(`The network security group ${id} cannot be deleted: the VNIC ${vnic.id} is in it.`);
  delete cloud.state.groupRules[id];
  cloud.terminate("networkSecurityGroups", id);
}

/** The VNICs that are in a group. */
export const vnicsIn = (cloud: Cloud, groupId: string): Vnic[] =>
  cloud.all("vnics").filter(({ nsgIds }) => nsgIds.includes(groupId));

/** The rules of a group; none of a group that is being deleted. */
export function rulesOf(cloud: Cloud, groupId: string): GroupRule[] {
  cloud.get("networkSecurityGroups", groupId);
  return cloud.state.groupRules[groupId] ?? [];
}

/** A rule as the API shows it. It is no longer valid when the group that it names is deleted. */
export function shownRule(cloud: Cloud, rule: GroupRule): object {
  const isOfGroup = (rule.sourceType ?? rule.destinationType) === "NETWORK_SECURITY_GROUP";
  const peer = rule.source ?? rule.destination ?? "";
  return { ...rule, isValid: !isOfGroup || peer in cloud.state.networkSecurityGroups };
}

/** Adds rules to a group, all or none. */
export function addRules(
  cloud: Cloud,
  groupId: string,
  { securityRules }: RequestBody<"addSecurityRules">,
): GroupRule[] {
  const rules = rulesOf(cloud, groupId);
  checkRequestSize(securityRules);
  if (rules.length + securityRules.length > RULES_LIMIT)
    throw limitExceeded(`A network security group holds at most ${RULES_LIMIT} rules.`);
  const checkedRules = securityRules.map((rule) => checkGroupRule(cloud, groupId, rule));
  const addedRules = checkedRules.map((rule) => ({
    ...rule,
    id: randomBytes(3).toString("hex").toUpperCase(),
    timeCreated: new Date().toISOString(),
  }));
  cloud.state.groupRules[groupId] = [...rules, ...addedRules];
  return addedRules;
}

/** Replaces rules by their ids, all or none. */
export function updateRules(
  cloud: Cloud,
  groupId: string,
  { securityRules }: RequestBody<"updateSecurityRules">,
): GroupRule[] {
  const rules = rulesOf(cloud, groupId);
  checkRequestSize(securityRules);
  const updatedRules = securityRules.map(({ id, ...rule }) => {
    const { timeCreated } = findRule(rules, id);
    return { ...checkGroupRule(cloud, groupId, rule), id, timeCreated };
  });
  cloud.state.groupRules[groupId] = rules.map(
    (rule) => updatedRules.find(({ id }) => id === rule.id) ?? rule,
  );
  return updatedRules;
}

/** Removes rules by their ids, all or none. */
export function removeRules(
  cloud: Cloud,
  groupId: string,
  { securityRuleIds }: RequestBody<"removeSecurityRules">,
): void {
  const rules = rulesOf(cloud, groupId);
  checkRequestSize(securityRuleIds);
  for (const id of securityRuleIds) findRule(rules, id);
  cloud.state.groupRules[groupId] = rules.filter(({ id }) => !securityRuleIds.includes(id));
}

/** Checks the groups that a VNIC is to be in: they have to be in its VCN. */
export function checkGroups(cloud: Cloud, { vcnId }: Subnet, groupIds: readonly string[] = []): void {
  if (groupIds.length > GROUPS_LIMIT)
    throw limitExceeded(
      `A VNIC is in at most ${GROUPS_LIMIT} network security groups, not ${groupIds.length}.`,
    );
  if (new Set(groupIds).size < groupIds.length)
    throw invalidParameter("nsgIds names a network security group twice.");
  for (const id of groupIds)
    if (cloud.get("networkSecurityGroups", id).vcnId !== vcnId)
      throw invalidParameter(`The network security group ${id} is not in the VCN ${vcnId}.`);
}

function checkRequestSize(items: readonly unknown[]): void {
  if (items.length === 0 || items.length > REQUEST_LIMIT)
    throw invalidParameter(`One request is about 1 to ${REQUEST_LIMIT} rules, not ${items.length}.`);
}

function findRule(rules: readonly GroupRule[], id: string): GroupRule {
  const rule = rules.find((each) => each.id === id);
  if (rule === undefined) throw notFound(`security rule ${id}`);
  return rule;
}

/** The direction decides which end of the traffic a rule names. */
function checkGroupRule(
  cloud: Cloud,
  groupId: string,
  details: GroupRuleDetails,
): Omit<GroupRule, "id" | "timeCreated"> {
  const { direction, source, sourceType, destination, destinationType, ...rule } = details;
  const checkedDetails = { direction, ...checkRule(rule) };
  if (direction === "INGRESS") {
    checkPeer(cloud, groupId, "source", source, sourceType);
    return { ...checkedDetails, source, sourceType };
  }
  checkPeer(cloud, groupId, "destination", destination, destinationType);
  return { ...checkedDetails, destination, destinationType };
}

function checkPeer(
  cloud: Cloud,
  groupId: string,
  name: "source" | "destination",
  peer: string | undefined,
  type: string | undefined,
): void {
  if (peer === undefined) throw missingParameter(name);
  if (type === undefined) throw missingParameter(`${name}Type`);
  if (type === "CIDR_BLOCK") return checkCidr(name, peer);
  if (type !== "NETWORK_SECURITY_GROUP")
    throw invalidParameter(`The ${name}Type ${type} is not supported: CIDR_BLOCK or NETWORK_SECURITY_GROUP.`);
  const { vcnId } = cloud.get("networkSecurityGroups", groupId);
  if (cloud.get("networkSecurityGroups", peer).vcnId !== vcnId)
    throw invalidParameter(`The network security group ${peer} is not in the VCN ${vcnId}.`);
}
