import { missing, notFound } from "../errors.ts";
import { updateCommon } from "../model/cloud.ts";
import type { Cloud } from "../model/cloud.ts";
import {
  createInternetGateway,
  deleteInternetGateway,
  updateInternetGateway,
} from "../model/internetGateway.ts";
import type { Vnic } from "../model/resources.ts";
import { createRouteTable, deleteRouteTable, updateRouteTable } from "../model/routeTable.ts";
import { createSecurityList, deleteSecurityList, updateSecurityList } from "../model/securityList.ts";
import { createSubnet, deleteSubnet, updateSubnet } from "../model/subnet.ts";
import { createVcn, deleteVcn, updateVcn } from "../model/vcn.ts";
import { assignPublicIp, releasePublicIp, updateVnic } from "../model/vnic.ts";
import { readBody } from "./bodies.ts";
import { compartmentOf, filtered, page } from "./lists.ts";
import { changing, get, reading, show } from "./route.ts";
import type { Answer, Route } from "./route.ts";

/** What Oracle's API for networks answers to. */
export const networkRoutes: Route[] = [
  ...reading("/vcns", "vcns", []),
  ...changing("/vcns", "vcns", {
    create: ({ cloud, body }) => createVcn(cloud, readBody("createVcn", body)),
    update: ({ cloud, id, body }) => updateVcn(cloud, id, readBody("updateVcn", body)),
    remove: ({ cloud, id }) => deleteVcn(cloud, id),
  }),
  ...reading("/internetGateways", "internetGateways", ["vcnId"]),
  ...changing("/internetGateways", "internetGateways", {
    create: ({ cloud, body }) => createInternetGateway(cloud, readBody("createInternetGateway", body)),
    update: ({ cloud, id, body }) =>
      updateInternetGateway(cloud, id, readBody("updateInternetGateway", body)),
    remove: ({ cloud, id }) => deleteInternetGateway(cloud, id),
  }),
  ...reading("/routeTables", "routeTables", ["vcnId"]),
  ...changing("/routeTables", "routeTables", {
    create: ({ cloud, body }) => createRouteTable(cloud, readBody("createRouteTable", body)),
    update: ({ cloud, id, body }) => updateRouteTable(cloud, id, readBody("updateRouteTable", body)),
    remove: ({ cloud, id }) => deleteRouteTable(cloud, id),
  }),
  ...reading("/securityLists", "securityLists", ["vcnId"]),
  ...changing("/securityLists", "securityLists", {
    create: ({ cloud, body }) => createSecurityList(cloud, readBody("createSecurityList", body)),
    update: ({ cloud, id, body }) => updateSecurityList(cloud, id, readBody("updateSecurityList", body)),
    remove: ({ cloud, id }) => deleteSecurityList(cloud, id),
  }),
  ...reading("/subnets", "subnets", ["vcnId"]),
  ...changing("/subnets", "subnets", {
    create: ({ cloud, body }) => createSubnet(cloud, readBody("createSubnet", body)),
    update: ({ cloud, id, body }) => updateSubnet(cloud, id, readBody("updateSubnet", body)),
    remove: ({ cloud, id }) => deleteSubnet(cloud, id),
  }),
  ...reading("/dhcps", "dhcpOptions", ["vcnId"]),
  ...changing("/dhcps", "dhcpOptions", {
    update: ({ cloud, id, body }) => {
      const options = cloud.get("dhcpOptions", id);
      updateCommon(options, readBody("updateDhcpOptions", body));
      return options;
    },
  }),
  get("/vnics/{id}", ({ cloud, id }) => show(cloud.get("vnics", id))),
  ...changing("/vnics", "vnics", {
    update: ({ cloud, id, body }) => updateVnic(cloud, id, readBody("updateVnic", body)),
  }),
  get("/privateIps/{id}", ({ cloud, id }) => show(cloud.get("privateIps", id))),
  get("/privateIps", ({ cloud, query }) => {
    if (!query.has("vnicId") && !query.has("subnetId")) throw missing("vnicId or subnetId");
    return page(filtered(cloud.all("privateIps"), query, ["ipAddress", "subnetId", "vnicId"]), query);
  }),
  get("/ipv6", ({ query }) => page([], query)),
  ...publicIpRoutes(),
];

/** Public addresses are ephemeral ones of a VNIC; they come and go with it and are shown as objects. */
function publicIpRoutes(): Route[] {
  const shown = (cloud: Cloud, vnic: Vnic) => {
    const address = cloud.all("privateIps").find(({ vnicId }) => vnicId === vnic.id);
    return {
      id: vnic.id.replace(".vnic.", ".publicip."),
      compartmentId: vnic.compartmentId,
      displayName: vnic.displayName,
      ipAddress: vnic.publicIp,
      lifecycleState: "ASSIGNED",
      lifetime: "EPHEMERAL",
      scope: "AVAILABILITY_DOMAIN",
      availabilityDomain: vnic.availabilityDomain,
      assignedEntityId: address?.id,
      assignedEntityType: "PRIVATE_IP",
      privateIpId: address?.id,
      timeCreated: vnic.timeCreated,
      freeformTags: {},
      definedTags: {},
    };
  };
  const all = (cloud: Cloud) =>
    cloud
      .all("vnics")
      .filter(({ publicIp }) => publicIp !== undefined)
      .map((vnic) => shown(cloud, vnic));
  const find = (cloud: Cloud, what: string, holds: (ip: ReturnType<typeof shown>) => boolean): Answer => {
    const found = all(cloud).find(holds);
    if (found === undefined) throw notFound(what);
    return show(found);
  };
  return [
    {
      method: "POST",
      path: "/publicIps/actions/getByIpAddress",
      handle: ({ cloud, body }) => {
        const { ipAddress } = readBody("publicIpByAddress", body);
        return find(cloud, ipAddress, (ip) => ip.ipAddress === ipAddress);
      },
    },
    {
      method: "POST",
      path: "/publicIps/actions/getByPrivateIpId",
      handle: ({ cloud, body }) => {
        const { privateIpId } = readBody("publicIpByPrivateIp", body);
        return find(cloud, privateIpId, (ip) => ip.privateIpId === privateIpId);
      },
    },
    {
      method: "POST",
      path: "/publicIps",
      kind: "vnics",
      handle: ({ cloud, body }) => {
        const { compartmentId, lifetime, privateIpId } = readBody("createPublicIp", body);
        cloud.checkCompartment(compartmentId);
        return show(shown(cloud, assignPublicIp(cloud, privateIpId, lifetime)));
      },
    },
    {
      method: "DELETE",
      path: "/publicIps/{id}",
      kind: "vnics",
      handle: ({ cloud, id }) => {
        releasePublicIp(cloud, id.replace(".publicip.", ".vnic."));
        return undefined;
      },
    },
    get("/publicIps/{id}", ({ cloud, id }) => find(cloud, id, (ip) => ip.id === id)),
    get("/publicIps", ({ cloud, query }) => {
      compartmentOf(cloud, query);
      return page(filtered(all(cloud), query, ["scope", "lifetime", "availabilityDomain"]), query);
    }),
  ];
}
