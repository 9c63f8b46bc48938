import { missingParameter, notFound } from "../model/errors.ts";
import { createInternetGateway, deleteInternetGateway } from "../model/internetGateway.ts";
import { createNatGateway, deleteNatGateway } from "../model/natGateway.ts";
import type { Vcn } from "../model/resources.ts";
import { createRouteTable, deleteRouteTable, updateRouteTable } from "../model/routeTable.ts";
import { createSecurityList, deleteSecurityList, updateSecurityList } from "../model/securityList.ts";
import { createServiceGateway, deleteServiceGateway, updateServiceGateway } from "../model/serviceGateway.ts";
import { createSubnet, deleteSubnet, updateSubnet } from "../model/subnet.ts";
import { addVcnCidr, createVcn, deleteVcn, modifyVcnCidr, removeVcnCidr } from "../model/vcn.ts";
import { updateVnic } from "../model/vnic.ts";
import { vcnWorkRequestId } from "../model/workRequest.ts";
import { SERVICES } from "../region.ts";
import { filterItems, page } from "./lists.ts";
import { addPublicIpRoutes } from "./publicIpRoutes.ts";
import { readBody } from "./requestBody.ts";
import { addSecurityGroupRoutes } from "./securityGroupRoutes.ts";
import { change, creates, crud, idOf, show, updates } from "./route.ts";
import type { Call, Service } from "./route.ts";

/** Oracle's API for networks. */
export function addNetworkRoutes(service: Service): void {
  addVcnRoutes(service);
  addGatewayRoutes(service);
  addRuleRoutes(service);
  addSecurityGroupRoutes(service);
  addSubnetRoutes(service);
  addAddressRoutes(service);
  addPublicIpRoutes(service);
}

function addVcnRoutes(service: Service): void {
  crud(service, "/vcns", "vcns", {
    filters: [],
    create: creates("createVcn", createVcn),
    update: updates("updateVcn", (cloud, id, details) => cloud.update("vcns", id, details)),
    remove: deleteVcn,
    moves: true,
  });
  addVcnCidrRoutes(service);
}

/** Route tables and Security Lists, which a VCN and its subnets share. */
function addRuleRoutes(service: Service): void {
  crud(service, "/routeTables", "routeTables", {
    filters: ["vcnId"],
    create: creates("createRouteTable", createRouteTable),
    update: updates("updateRouteTable", updateRouteTable),
    remove: deleteRouteTable,
    moves: true,
  });
  crud(service, "/securityLists", "securityLists", {
    filters: ["vcnId"],
    create: creates("createSecurityList", createSecurityList),
    update: updates("updateSecurityList", updateSecurityList),
    remove: deleteSecurityList,
    moves: true,
  });
}

function addSubnetRoutes(service: Service): void {
  crud(service, "/subnets", "subnets", {
    filters: ["vcnId"],
    create: creates("createSubnet", createSubnet),
    update: updates("updateSubnet", updateSubnet),
    remove: deleteSubnet,
    moves: true,
  });
  crud(service, "/dhcps", "dhcpOptions", {
    filters: ["vcnId"],
    update: updates("updateDhcpOptions", (cloud, id, details) => cloud.update("dhcpOptions", id, details)),
    moves: true,
  });
}

/** VNICs and their addresses. */
function addAddressRoutes(service: Service): void {
  crud(service, "/vnics", "vnics", { update: updates("updateVnic", updateVnic) });
  crud(service, "/privateIps", "privateIps", {});
  service.get("/privateIps", (call) => {
    const { vnicId, subnetId } = call.req.query();
    if (vnicId === undefined && subnetId === undefined) throw missingParameter("vnicId or subnetId");
    const privateIps = call.var.cloud.all("privateIps");
    return page(call, filterItems(call, privateIps, ["ipAddress", "subnetId", "vnicId"]));
  });
  service.get("/ipv6", (call) => page(call, []));
}

/** The changes of a VCN's blocks, which take a while: the answer names a work request. */
function addVcnCidrRoutes(service: Service): void {
  const answerAccepted = (call: Call, vcn: Vcn) => {
    call.header("opc-work-request-id", vcnWorkRequestId(vcn));
    return call.body(null, 202);
  };
  service.post("/vcns/:id/actions/addCidr", change("vcns"), async (call) =>
    answerAccepted(call, addVcnCidr(call.var.cloud, idOf(call), await readBody("addVcnCidr", call))),
  );
  service.post("/vcns/:id/actions/modifyCidr", change("vcns"), async (call) =>
    answerAccepted(call, modifyVcnCidr(call.var.cloud, idOf(call), await readBody("modifyVcnCidr", call))),
  );
  service.post("/vcns/:id/actions/removeCidr", change("vcns"), async (call) =>
    answerAccepted(call, removeVcnCidr(call.var.cloud, idOf(call), await readBody("removeVcnCidr", call))),
  );
}

/** Gateways of private subnets, and the services of Oracle that a service gateway can lead to. */
function addGatewayRoutes(service: Service): void {
  crud(service, "/internetGateways", "internetGateways", {
    filters: ["vcnId"],
    create: creates("createInternetGateway", createInternetGateway),
    update: updates("updateInternetGateway", (cloud, id, details) =>
      cloud.update("internetGateways", id, details),
    ),
    remove: deleteInternetGateway,
    moves: true,
  });
  crud(service, "/natGateways", "natGateways", {
    filters: ["vcnId"],
    create: creates("createNatGateway", createNatGateway),
    update: updates("updateNatGateway", (cloud, id, details) => cloud.update("natGateways", id, details)),
    remove: deleteNatGateway,
    moves: true,
  });
  crud(service, "/serviceGateways", "serviceGateways", {
    filters: ["vcnId"],
    create: creates("createServiceGateway", createServiceGateway),
    update: updates("updateServiceGateway", updateServiceGateway),
    remove: deleteServiceGateway,
    moves: true,
  });
  service.get("/services", (call) => page(call, SERVICES));
  service.get("/services/:id", (call) => {
    const oracleService = SERVICES.find(({ id }) => id === idOf(call));
    if (oracleService === undefined) throw notFound(idOf(call));
    return show(call, oracleService);
  });
}
