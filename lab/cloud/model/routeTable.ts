import { conflict, invalid } from "../errors.ts";
import { parseCidr } from "./cidr.ts";
import type { Cloud, CommonDetails } from "./cloud.ts";
import { updateCommon } from "./cloud.ts";
import type { RouteRule, RouteTable } from "./resources.ts";

/** A rule as requests write it; `cidrBlock` is its older way to name the destination. */
export interface RouteRuleDetails {
  destination?: string | undefined;
  destinationType?: string | undefined;
  cidrBlock?: string | undefined;
  networkEntityId: string;
  description?: string | undefined;
}

export interface CreateRouteTableDetails extends CommonDetails {
  vcnId: string;
  routeRules: RouteRuleDetails[];
}

export function createRouteTable(cloud: Cloud, details: CreateRouteTableDetails): RouteTable {
  cloud.get("vcns", details.vcnId);
  const table: RouteTable = {
    ...cloud.common("routetable", details, "routetable"),
    lifecycleState: "PROVISIONING",
    vcnId: details.vcnId,
    routeRules: checkRules(cloud, details.vcnId, details.routeRules),
  };
  cloud.add("routeTables", table);
  cloud.settle("routeTables", table.id, "AVAILABLE");
  return table;
}

export function updateRouteTable(
  cloud: Cloud,
  id: string,
  details: Partial<CommonDetails> & { routeRules?: RouteRuleDetails[] | undefined },
): RouteTable {
  const table = cloud.get("routeTables", id);
  if (details.routeRules !== undefined) table.routeRules = checkRules(cloud, table.vcnId, details.routeRules);
  updateCommon(table, details);
  return table;
}

export function deleteRouteTable(cloud: Cloud, id: string): void {
  const table = cloud.get("routeTables", id);
  if (cloud.get("vcns", table.vcnId).defaultRouteTableId === id)
    throw conflict(`The route table ${id} is its VCN's default: it goes with the VCN.`);
  const subnet = cloud.all("subnets").find(({ routeTableId }) => routeTableId === id);
  if (subnet !== undefined)
    throw conflict(`The route table ${id} cannot be deleted: the subnet ${subnet.id} uses it.`);
  table.lifecycleState = "TERMINATING";
  cloud.settle("routeTables", id, "removed");
}

function checkRules(cloud: Cloud, vcnId: string, rules: readonly RouteRuleDetails[]): RouteRule[] {
  const seen = new Set<string>();
  return rules.map(({ destination, destinationType, cidrBlock, networkEntityId, description }) => {
    const block = destination ?? cidrBlock;
    if (block === undefined) throw invalid("A route rule needs a destination.");
    if (destinationType !== undefined && destinationType !== "CIDR_BLOCK")
      throw invalid(`The destinationType ${destinationType} is not supported: CIDR_BLOCK.`);
    if (parseCidr(block) === undefined) throw invalid(`The destination ${block} is not a valid CIDR block.`);
    if (seen.has(block)) throw invalid(`Two route rules have the destination ${block}.`);
    seen.add(block);
    const gateway = cloud.get("internetGateways", networkEntityId);
    if (gateway.vcnId !== vcnId) throw invalid(`The gateway ${networkEntityId} is not in the VCN ${vcnId}.`);
    return {
      destination: block,
      destinationType: "CIDR_BLOCK",
      cidrBlock: block,
      networkEntityId,
      routeType: "STATIC",
      ...(description === undefined ? {} : { description }),
    };
  });
}
