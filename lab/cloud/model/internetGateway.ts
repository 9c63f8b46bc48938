import type { RequestBody } from "../requestSchemas.ts";
import type { Cloud } from "./cloud.ts";
import { invalidParameter, limitExceeded } from "./errors.ts";
import { refuseRoutedGateway } from "./routeTable.ts";
import type { InternetGateway } from "./resources.ts";

export function createInternetGateway(
  cloud: Cloud,
  details: RequestBody<"createInternetGateway">,
): InternetGateway {
  const { vcnId, isEnabled, routeTableId } = details;
  cloud.get("vcns", vcnId);
  if (routeTableId !== undefined) throw invalidParameter("The lab's gateways take no routeTableId.");
  if (cloud.all("internetGateways").some((gateway) => gateway.vcnId === vcnId))
    throw limitExceeded(`The VCN ${vcnId} has an internet gateway already.`);
  return cloud.provision("internetGateways", {
    ...cloud.commonFields("internetGateways", details),
    lifecycleState: "PROVISIONING",
    vcnId,
    isEnabled,
  });
}

export function deleteInternetGateway(cloud: Cloud, id: string): void {
  cloud.get("internetGateways", id);
  refuseRoutedGateway(cloud, id, "internet gateway");
  cloud.terminate("internetGateways", id);
}
