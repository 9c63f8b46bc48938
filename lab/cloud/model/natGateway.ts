import type { RequestBody } from "../requestSchemas.ts";
import type { Cloud } from "./cloud.ts";
import { invalidParameter } from "./errors.ts";
import { refuseRoutedGateway } from "./routeTable.ts";
import type { NatGateway } from "./resources.ts";
import { freePublicAddress } from "./vnic.ts";

/**
 * NAT gateways: https://docs.oracle.com/en-us/iaas/api/#/en/iaas/20160918/NatGateway. One lets hosts without public
 * addresses reach the internet from its own address, and lets nobody begin a connection from there.
 */

export function createNatGateway(cloud: Cloud, details: RequestBody<"createNatGateway">): NatGateway {
  const { vcnId, blockTraffic = false, publicIpId, routeTableId } = details;
  cloud.get("vcns", vcnId);
  if (publicIpId !== undefined) throw invalidParameter("The lab's NAT gateways take no publicIpId.");
  if (routeTableId !== undefined) throw invalidParameter("The lab's gateways take no routeTableId.");
  return cloud.provision("natGateways", {
    ...cloud.commonFields("natGateways", details),
    lifecycleState: "PROVISIONING",
    vcnId,
    blockTraffic,
    natIp: freePublicAddress(cloud),
  });
}

export function deleteNatGateway(cloud: Cloud, id: string): void {
  cloud.get("natGateways", id);
  refuseRoutedGateway(cloud, id, "NAT gateway");
  cloud.terminate("natGateways", id);
}
