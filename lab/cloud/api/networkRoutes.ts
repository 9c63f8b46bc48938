import { missing, notFound } from "../model/errors.ts";
import { createInternetGateway, deleteInternetGateway } from "../model/internetGateway.ts";
import { createNatGateway, deleteNatGateway } from "../model/natGateway.ts";
import { createRouteTable, deleteRouteTable, updateRouteTable } from "../model/routeTable.ts";
import { createSecurityList, deleteSecurityList, updateSecurityList } from "../model/securityList.ts";
import { createServiceGateway, deleteServiceGateway, updateServiceGateway } from "../model/serviceGateway.ts";
import { createSubnet, deleteSubnet, updateSubnet } from "../model/subnet.ts";
import { createVcn, deleteVcn } from "../model/vcn.ts";
import { updateVnic } from "../model/vnic.ts";
import { SERVICES } from "../region.ts";
import { filtered, page } from "./lists.ts";
import { addPublicIpRoutes } from "./publicIpRoutes.ts";
import { addSecurityGroupRoutes } from "./securityGroupRoutes.ts";
import { creates, crud, idOf, show, updates } from "./route.ts";
import type { Service } from "./route.ts";

/** Oracle's API for networks. */
export function addNetworkRoutes(service: Service): void {
  crud(service, "/vcns", "vcns", {
    filters: [],
    create: creates("createVcn", createVcn),
    update: updates("updateVcn", (cloud, id, details) => cloud.update("vcns", id, details)),
    remove: deleteVcn,
  });
  crud(service, "/internetGateways", "internetGateways", {
    filters: ["vcnId"],
    create: creates("createInternetGateway", createInternetGateway),
    update: updates("updateInternetGateway", (cloud, id, details) =>
      cloud.update("internetGateways", id, details),
    ),
    remove: deleteInternetGateway,
  });
  addGatewayRoutes(service);
  crud(service, "/routeTables", "routeTables", {
    filters: ["vcnId"],
    create: creates("createRouteTable", createRouteTable),
    update: updates("updateRouteTable", updateRouteTable),
    remove: deleteRouteTable,
  });
  crud(service, "/securityLists", "securityLists", {
    filters: ["vcnId"],
    create: creates("createSecurityList", createSecurityList),
    update: updates("updateSecurityList", updateSecurityList),
    remove: deleteSecurityList,
  });
  addSecurityGroupRoutes(service);
  crud(service, "/subnets", "subnets", {
    filters: ["vcnId"],
    create: creates("createSubnet", createSubnet),
    update: updates("updateSubnet", updateSubnet),
    remove: deleteSubnet,
  });
  crud(service, "/dhcps", "dhcpOptions", {
    filters: ["vcnId"],
    update: updates("updateDhcpOptions", (cloud, id, details) => cloud.update("dhcpOptions", id, details)),
  });
  crud(service, "/vnics", "vnics", { update: updates("updateVnic", updateVnic) });
  crud(service, "/privateIps", "privateIps", {});
  service.get("/privateIps", (call) => {
    const { vnicId, subnetId } = call.req.query();
    if (vnicId === undefined && subnetId === undefined) throw missing("vnicId or subnetId");
    const privateIps = call.var.cloud.all("privateIps");
    return page(call, filtered(call, privateIps, ["ipAddress", "subnetId", "vnicId"]));
  });
  service.get("/ipv6", (call) => page(call, []));
  addPublicIpRoutes(service);
}

/** Gateways of private subnets, and the services of Oracle that a service gateway can lead to. */
function addGatewayRoutes(service: Service): void {
  crud(service, "/natGateways", "natGateways", {
    filters: ["vcnId"],
    create: creates("createNatGateway", createNatGateway),
    update: updates("updateNatGateway", (cloud, id, details) => cloud.update("natGateways", id, details)),
    remove: deleteNatGateway,
  });
  crud(service, "/serviceGateways", "serviceGateways", {
    filters: ["vcnId"],
    create: creates("createServiceGateway", createServiceGateway),
    update: updates("updateServiceGateway", updateServiceGateway),
    remove: deleteServiceGateway,
  });
  service.get("/services", (call) => page(call, SERVICES));
  service.get("/services/:id", (call) => {
    const oracleService = SERVICES.find(({ id }) => id === idOf(call));
    if (oracleService === undefined) throw notFound(idOf(call));
    return show(call, oracleService);
  });
}
