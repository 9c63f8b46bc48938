import { conflict, invalid, limitExceeded } from "../errors.ts";
import type { Cloud, CommonDetails } from "./cloud.ts";
import { updateCommon } from "./cloud.ts";
import type { InternetGateway } from "./resources.ts";

export interface CreateInternetGatewayDetails extends CommonDetails {
  vcnId: string;
  isEnabled: boolean;
  routeTableId?: string | undefined;
}

/** Makes a VCN's way to the outside; a VCN has one at most. */
export function createInternetGateway(cloud: Cloud, details: CreateInternetGatewayDetails): InternetGateway {
  cloud.get("vcns", details.vcnId);
  if (details.routeTableId !== undefined) throw invalid("The lab's gateways take no routeTableId.");
  if (cloud.all("internetGateways").some(({ vcnId }) => vcnId === details.vcnId))
    throw limitExceeded(`The VCN ${details.vcnId} has an internet gateway already.`);
  const gateway: InternetGateway = {
    ...cloud.common("internetgateway", details, "internetgateway"),
    lifecycleState: "PROVISIONING",
    vcnId: details.vcnId,
    isEnabled: details.isEnabled,
  };
  cloud.add("internetGateways", gateway);
  cloud.settle("internetGateways", gateway.id, "AVAILABLE");
  return gateway;
}

export function updateInternetGateway(
  cloud: Cloud,
  id: string,
  details: Partial<CommonDetails> & { isEnabled?: boolean | undefined },
): InternetGateway {
  const gateway = cloud.get("internetGateways", id);
  updateCommon(gateway, details);
  if (details.isEnabled !== undefined) gateway.isEnabled = details.isEnabled;
  return gateway;
}

export function deleteInternetGateway(cloud: Cloud, id: string): void {
  const gateway = cloud.get("internetGateways", id);
  const table = cloud
    .all("routeTables")
    .find(({ routeRules }) => routeRules.some(({ networkEntityId }) => networkEntityId === id));
  if (table !== undefined)
    throw conflict(
      `The internet gateway ${id} cannot be deleted: a rule of route table ${table.id} leads to it.`,
    );
  gateway.lifecycleState = "TERMINATING";
  cloud.settle("internetGateways", id, "removed");
}
