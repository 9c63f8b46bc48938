import { parseCidr } from "../../network/cidr.ts";
import type { RequestBody, RouteRuleDetails } from "../requestSchemas.ts";
import type { Cloud } from "./cloud.ts";
import { conflict, invalid } from "./errors.ts";
import type { RouteRule, RouteTable } from "./resources.ts";

export function createRouteTable(cloud: Cloud, details: RequestBody<"createRouteTable">): RouteTable {
  const { vcnId, routeRules } = details;
  cloud.get("vcns", vcnId);
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

function checkRules(cloud: Cloud, vcnId: string, rules: readonly RouteRuleDetails[]): RouteRule[] {
  const destinations = new Set<string>();
  return rules.map(
    ({ cidrBlock, destination = cidrBlock, destinationType, networkEntityId, description }) => {
      if (destination === undefined) throw invalid("A route rule needs a destination.");
      if (destinationType !== undefined && destinationType !== "CIDR_BLOCK")
        throw invalid(`The destinationType ${destinationType} is not supported: CIDR_BLOCK.`);
      if (parseCidr(destination) === undefined)
        throw invalid(`The destination ${destination} is not a valid CIDR block.`);
      if (destinations.has(destination))
        throw invalid(`Two route rules have the destination ${destination}.`);
      destinations.add(destination);
      const gateway = cloud.get("internetGateways", networkEntityId);
      if (gateway.vcnId !== vcnId)
        throw invalid(`The gateway ${networkEntityId} is not in the VCN ${vcnId}.`);
      return {
        destination,
        destinationType: "CIDR_BLOCK",
        cidrBlock: destination,
        networkEntityId,
        routeType: "STATIC",
        description,
      };
    },
  );
}
