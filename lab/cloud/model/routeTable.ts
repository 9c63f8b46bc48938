import { overlaps, parseCidr } from "../../network/cidr.ts";
import { SERVICES } from "../region.ts";
import type { RequestBody, RouteRuleDetails } from "../requestSchemas.ts";
import type { Cloud } from "./cloud.ts";
import { conflict, invalidParameter, notFound } from "./errors.ts";
import type { RouteRule, RouteTable } from "./resources.ts";
import { steadyVcn } from "./vcn.ts";

export function createRouteTable(cloud: Cloud, details: RequestBody<"createRouteTable">): RouteTable {
  const { vcnId, routeRules } = details;
  steadyVcn(cloud, vcnId);
  return cloud.provision("routeTables", {
    ...cloud.commonFields("routeTables", details),
    lifecycleState: "PROVISIONING",
    vcnId,
    routeRules: checkRules(cloud, vcnId, routeRules),
  });
}

export function updateRouteTable(
  cloud: Cloud,
  id: string,
  { routeRules, ...details }: RequestBody<"updateRouteTable">,
): RouteTable {
  const { vcnId } = cloud.get("routeTables", id);
  steadyVcn(cloud, vcnId);
  return cloud.update("routeTables", id, {
    ...details,
    routeRules: routeRules && checkRules(cloud, vcnId, routeRules),
  });
}

export function deleteRouteTable(cloud: Cloud, id: string): void {
  const { vcnId } = cloud.get("routeTables", id);
  if (cloud.get("vcns", vcnId).defaultRouteTableId === id)
    throw conflict(`The route table ${id} is its VCN's default: it goes with the VCN.`);
  const subnet = cloud.all("subnets").find(({ routeTableId }) => routeTableId === id);
  if (subnet !== undefined)
    throw conflict(`The route table ${id} cannot be deleted: the subnet ${subnet.id} uses it.`);
  cloud.terminate("routeTables", id);
}

/** @throws CloudError Conflict while a route rule leads to a gateway */
export function refuseRoutedGateway(cloud: Cloud, id: string, kind: string): void {
  const table = cloud
    .all("routeTables")
    .find(({ routeRules }) => routeRules.some(({ networkEntityId }) => networkEntityId === id));
  if (table !== undefined)
    throw conflict(`The ${kind} ${id} cannot be deleted: a rule of route table ${table.id} leads to it.`);
}

function checkRules(cloud: Cloud, vcnId: string, details: readonly RouteRuleDetails[]): RouteRule[] {
  const rules = details.map((rule) => checkRule(cloud, vcnId, rule));
  const destinations = rules.map(({ destination }) => destination);
  const duplicate = destinations.find((destination, index) => destinations.indexOf(destination) !== index);
  if (duplicate !== undefined) throw invalidParameter(`Two route rules have the destination ${duplicate}.`);
  refuseNestedRoutes(rules);
  return rules;
}

function checkRule(cloud: Cloud, vcnId: string, rule: RouteRuleDetails): RouteRule {
  const { cidrBlock, destination = cidrBlock, networkEntityId, description } = rule;
  const { destinationType = "CIDR_BLOCK" } = rule;
  if (destination === undefined) throw invalidParameter("A route rule needs a destination.");
  const target = { destination, networkEntityId, routeType: "STATIC", description } as const;
  checkTarget(cloud, vcnId, networkEntityId, destinationType);
  if (destinationType === "SERVICE_CIDR_BLOCK") {
    if (!SERVICES.some((service) => service.cidrBlock === destination))
      throw invalidParameter(`The destination ${destination} is the cidrBlock of no service.`);
    return { ...target, destinationType };
  }
  if (destinationType !== "CIDR_BLOCK")
    throw invalidParameter(
      `The destinationType ${destinationType} is not supported: CIDR_BLOCK or SERVICE_CIDR_BLOCK.`,
    );
  if (parseCidr(destination) === undefined)
    throw invalidParameter(`The destination ${destination} is not a valid CIDR block.`);
  return { ...target, destinationType, cidrBlock: destination };
}

/** Services are reached by a service gateway alone, and address ranges by the others. */
function checkTarget(cloud: Cloud, vcnId: string, id: string, destinationType: string): void {
  const { internetGateways, natGateways, serviceGateways } = cloud.state;
  const gateway = internetGateways[id] ?? natGateways[id] ?? serviceGateways[id];
  if (gateway === undefined) throw notFound(id);
  const isServiceGateway = serviceGateways[id] !== undefined;
  if (isServiceGateway !== (destinationType === "SERVICE_CIDR_BLOCK"))
    throw invalidParameter(`A rule with the destinationType ${destinationType} cannot lead to ${id}.`);
  if (gateway.vcnId !== vcnId) throw invalidParameter(`The gateway ${id} is not in the VCN ${vcnId}.`);
}

/** Oracle takes the longest prefix; the lab's router has one route for each address, so nested ones are refused. */
function refuseNestedRoutes(rules: readonly RouteRule[]): void {
  const blocks = rules.flatMap(({ destination, networkEntityId }) => {
    const cidr = parseCidr(destination);
    return cidr ? [{ cidr, destination, networkEntityId }] : [];
  });
  for (const block of blocks) {
    const other = blocks.find(
      (each) => each.networkEntityId !== block.networkEntityId && overlaps(each.cidr, block.cidr),
    );
    if (other !== undefined)
      throw invalidParameter(
        `The routes to ${block.destination} and ${other.destination} overlap and lead to two gateways, which the lab's network does not carry.`,
      );
  }
}
