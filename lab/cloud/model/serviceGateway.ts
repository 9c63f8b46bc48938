import { SERVICES } from "../region.ts";
import type { RequestBody } from "../requestSchemas.ts";
import type { Cloud } from "./cloud.ts";
import { invalidParameter, limitExceeded, notFound } from "./errors.ts";
import { refuseRoutedGateway } from "./routeTable.ts";
import type { ServiceGateway } from "./resources.ts";

/**
 * Service gateways: https://docs.oracle.com/en-us/iaas/api/#/en/iaas/20160918/ServiceGateway. One leads to Oracle's own
 * services in the region. The lab has none of these behind it.
 */

type ServiceIds = RequestBody<"createServiceGateway">["services"];

export function createServiceGateway(
  cloud: Cloud,
  details: RequestBody<"createServiceGateway">,
): ServiceGateway {
  const { vcnId, services, routeTableId } = details;
  cloud.get("vcns", vcnId);
  if (routeTableId !== undefined) throw invalidParameter("The lab's gateways take no routeTableId.");
  if (cloud.all("serviceGateways").some((gateway) => gateway.vcnId === vcnId))
    throw limitExceeded(`The VCN ${vcnId} has a service gateway already.`);
  return cloud.provision("serviceGateways", {
    ...cloud.commonFields("serviceGateways", details),
    lifecycleState: "PROVISIONING",
    vcnId,
    blockTraffic: false,
    services: enabledServices(services),
  });
}

export function updateServiceGateway(
  cloud: Cloud,
  id: string,
  { services, ...details }: RequestBody<"updateServiceGateway">,
): ServiceGateway {
  return cloud.update("serviceGateways", id, {
    ...details,
    services: services && enabledServices(services),
  });
}

export function deleteServiceGateway(cloud: Cloud, id: string): void {
  cloud.get("serviceGateways", id);
  refuseRoutedGateway(cloud, id, "service gateway");
  cloud.terminate("serviceGateways", id);
}

function enabledServices(ids: ServiceIds): ServiceGateway["services"] {
  return ids.map(({ serviceId }) => {
    const service = SERVICES.find(({ id }) => id === serviceId);
    if (service === undefined) throw notFound(serviceId);
    return { serviceId, serviceName: service.name };
  });
}
