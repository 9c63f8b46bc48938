import { missing } from "../model/errors.ts";
import { createInternetGateway, deleteInternetGateway } from "../model/internetGateway.ts";
import { createRouteTable, deleteRouteTable, updateRouteTable } from "../model/routeTable.ts";
import { createSecurityList, deleteSecurityList, updateSecurityList } from "../model/securityList.ts";
import { createSubnet, deleteSubnet, updateSubnet } from "../model/subnet.ts";
import { createVcn, deleteVcn } from "../model/vcn.ts";
import { updateVnic } from "../model/vnic.ts";
import { filtered, page } from "./lists.ts";
import { publicIpRoutes } from "./publicIpRoutes.ts";
import { creates, crud, get, updates } from "./route.ts";
import type { Route } from "./route.ts";

/** Oracle's API for networks. */
export const networkRoutes: Route[] = [
  ...crud("/vcns", "vcns", {
    filters: [],
    create: creates("createVcn", createVcn),
    update: updates("updateVcn", (cloud, id, details) => cloud.update("vcns", id, details)),
    remove: deleteVcn,
  }),
  ...crud("/internetGateways", "internetGateways", {
    filters: ["vcnId"],
    create: creates("createInternetGateway", createInternetGateway),
    update: updates("updateInternetGateway", (cloud, id, details) =>
      cloud.update("internetGateways", id, details),
    ),
    remove: deleteInternetGateway,
  }),
  ...crud("/routeTables", "routeTables", {
    filters: ["vcnId"],
    create: creates("createRouteTable", createRouteTable),
    update: updates("updateRouteTable", updateRouteTable),
    remove: deleteRouteTable,
  }),
  ...crud("/securityLists", "securityLists", {
    filters: ["vcnId"],
    create: creates("createSecurityList", createSecurityList),
    update: updates("updateSecurityList", updateSecurityList),
    remove: deleteSecurityList,
  }),
  ...crud("/subnets", "subnets", {
    filters: ["vcnId"],
    create: creates("createSubnet", createSubnet),
    update: updates("updateSubnet", updateSubnet),
    remove: deleteSubnet,
  }),
  ...crud("/dhcps", "dhcpOptions", {
    filters: ["vcnId"],
    update: updates("updateDhcpOptions", (cloud, id, details) => cloud.update("dhcpOptions", id, details)),
  }),
  ...crud("/vnics", "vnics", { update: updates("updateVnic", updateVnic) }),
  ...crud("/privateIps", "privateIps", {}),
  get("/privateIps", ({ cloud, query }) => {
    if (!query.has("vnicId") && !query.has("subnetId")) throw missing("vnicId or subnetId");
    return page(filtered(cloud.all("privateIps"), query, ["ipAddress", "subnetId", "vnicId"]), query);
  }),
  get("/ipv6", ({ query }) => page([], query)),
  ...publicIpRoutes,
];
