import { createHash } from "node:crypto";
import { invalid, missing, notFound } from "../errors.ts";
import type { Cloud } from "../model/cloud.ts";
import { updateCommon } from "../model/cloud.ts";
import { allImages, imageEntry } from "../model/image.ts";
import { instanceAction, launchInstance, terminateInstance, updateInstance } from "../model/instance.ts";
import {
  createInternetGateway,
  deleteInternetGateway,
  updateInternetGateway,
} from "../model/internetGateway.ts";
import type { Vnic } from "../model/resources.ts";
import { createRouteTable, deleteRouteTable, updateRouteTable } from "../model/routeTable.ts";
import { createSecurityList, deleteSecurityList, updateSecurityList } from "../model/securityList.ts";
import { allShapes, shapesFor } from "../model/shape.ts";
import type { Kind } from "../model/store.ts";
import { createSubnet, deleteSubnet, updateSubnet } from "../model/subnet.ts";
import { createVcn, deleteVcn, updateVcn } from "../model/vcn.ts";
import { workRequest, workRequestErrors, workRequestId } from "../model/workRequest.ts";
import { assignPublicIp, releasePublicIp, updateVnic } from "../model/vnic.ts";
import { AVAILABILITY_DOMAINS, COMPARTMENT, FAULT_DOMAINS, REGION, TENANCY } from "../region.ts";
import { readBody } from "./bodies.ts";
import { compartmentOf, filtered, page, sorted } from "./lists.ts";
import type { Page } from "./lists.ts";

/** What a handler gets: the cloud, and the request's parts. */
export interface Call {
  cloud: Cloud;
  /** The path's last segment where the route has an `{id}`. */
  id: string;
  query: URLSearchParams;
  body: Buffer;
}

/** What a handler returns: a resource, with the work that goes on for it; a page of them; or nothing. */
export type Answer = { resource: object; workRequest?: string } | Page | undefined;

export interface Route {
  method: "GET" | "POST" | "PUT" | "DELETE";
  /** Below the API's version; `{id}` stands for one segment. */
  path: string;
  handle: (call: Call) => Answer;
  /** The resources of which `if-match` speaks, for requests that change one. */
  kind?: Kind;
}

const get = (path: string, handle: Route["handle"]): Route => ({ method: "GET", path, handle });
const show = (resource: object, workRequest?: string): Answer => ({
  resource,
  ...(workRequest === undefined ? {} : { workRequest }),
});

/** The routes to read resources of one kind: by OCID, and as a list with its filters. */
function reading(path: string, kind: Kind, filters: readonly string[]): Route[] {
  return [
    get(`${path}/{id}`, ({ cloud, id }) => show(cloud.get(kind, id))),
    get(path, ({ cloud, query }) => {
      const compartment = compartmentOf(cloud, query);
      const there = (cloud.all(kind) as { compartmentId: string }[]).filter(
        ({ compartmentId }) => compartmentId === compartment,
      );
      return page(
        sorted(filtered(there, query, ["displayName", "lifecycleState", ...filters]), query),
        query,
      );
    }),
  ];
}

/** The routes to change one resource. */
function changing(
  path: string,
  kind: Kind,
  handlers: {
    create?: (call: Call) => object;
    update?: (call: Call) => object;
    remove?: (call: Call) => void;
  },
): Route[] {
  const { create, update, remove } = handlers;
  const routes: Route[] = [];
  if (create) routes.push({ method: "POST", path, kind, handle: (call) => show(create(call)) });
  if (update)
    routes.push({ method: "PUT", path: `${path}/{id}`, kind, handle: (call) => show(update(call)) });
  if (remove)
    routes.push({
      method: "DELETE",
      path: `${path}/{id}`,
      kind,
      handle: (call) => {
        remove(call);
        return undefined;
      },
    });
  return routes;
}

const networkRoutes: Route[] = [
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

const computeRoutes: Route[] = [
  ...reading("/instances", "instances", ["availabilityDomain"]),
  ...changing("/instances", "instances", {
    remove: ({ cloud, id }) => terminateInstance(cloud, id),
  }),
  {
    method: "POST",
    path: "/instances",
    kind: "instances",
    handle: ({ cloud, body }) => {
      const instance = launchInstance(cloud, readBody("launchInstance", body));
      return show(instance, workRequestId(instance, "CREATED"));
    },
  },
  {
    method: "PUT",
    path: "/instances/{id}",
    kind: "instances",
    handle: ({ cloud, id, body }) => {
      const instance = updateInstance(cloud, id, readBody("updateInstance", body));
      return show(instance, workRequestId(instance, "UPDATED"));
    },
  },
  get("/workRequests/{id}", ({ cloud, id }) => show(workRequest(cloud, id))),
  get("/workRequests/{id}/errors", ({ cloud, id, query }) => page(workRequestErrors(cloud, id), query)),
  {
    method: "POST",
    path: "/instances/{id}",
    kind: "instances",
    handle: ({ cloud, id, query }) => {
      const action = query.get("action");
      if (action === null) throw missing("action");
      return show(instanceAction(cloud, id, action));
    },
  },
  ...reading("/vnicAttachments", "vnicAttachments", ["availabilityDomain", "instanceId", "vnicId"]),
  ...reading("/bootVolumes", "bootVolumes", ["availabilityDomain"]),
  ...changing("/bootVolumes", "bootVolumes", {
    update: ({ cloud, id, body }) => {
      const volume = cloud.get("bootVolumes", id);
      updateCommon(volume, readBody("updateBootVolume", body));
      return volume;
    },
  }),
  ...reading("/bootVolumeAttachments", "bootVolumeAttachments", [
    "availabilityDomain",
    "instanceId",
    "bootVolumeId",
  ]),
  get("/images/{id}", ({ id }) => show(imageEntry(id).image)),
  get("/images", ({ cloud, query }) => {
    compartmentOf(cloud, query);
    const shape = query.get("shape");
    const fitting = allImages().filter(
      ({ id }) => shape === null || shapesFor(imageEntry(id).processor).some((each) => each.shape === shape),
    );
    const filters = ["displayName", "operatingSystem", "operatingSystemVersion", "lifecycleState"];
    return page(sorted(filtered(fitting, query, filters), query), query);
  }),
  get("/shapes", ({ cloud, query }) => {
    compartmentOf(cloud, query);
    const image = query.get("imageId");
    const shapes = image === null ? allShapes() : shapesFor(imageEntry(image).processor);
    const domain = query.get("availabilityDomain");
    if (domain !== null && !AVAILABILITY_DOMAINS.includes(domain))
      throw invalid(`The availability domain ${domain} does not exist.`);
    return page(filtered(shapes, query, ["shape"]), query);
  }),
  // Nothing in the lab asks for volumes of its own; clients ask whether there are any.
  get("/volumeAttachments", ({ query }) => page([], query)),
];

const hashed = (text: string) => createHash("sha256").update(text).digest("hex").slice(0, 52);

const compartment = {
  id: COMPARTMENT,
  compartmentId: TENANCY,
  name: "lab",
  description: "The lab's only compartment",
  lifecycleState: "ACTIVE",
  timeCreated: "2026-01-01T00:00:00.000Z",
  freeformTags: {},
  definedTags: {},
};

const identityRoutes: Route[] = [
  get("/availabilityDomains", ({ cloud, query }) => {
    compartmentOf(cloud, query);
    return page(
      AVAILABILITY_DOMAINS.map((name) => ({
        name,
        id: `ocid1.availabilitydomain.oc1..aaaaaaaa${hashed(name)}`,
        compartmentId: TENANCY,
      })),
      query,
    );
  }),
  get("/faultDomains", ({ cloud, query }) => {
    compartmentOf(cloud, query);
    const availabilityDomain = query.get("availabilityDomain");
    if (availabilityDomain === null) throw missing("availabilityDomain");
    if (!AVAILABILITY_DOMAINS.includes(availabilityDomain))
      throw invalid(`The availability domain ${availabilityDomain} does not exist.`);
    return page(
      FAULT_DOMAINS.map((name) => ({
        name,
        id: `ocid1.faultdomain.oc1..aaaaaaaa${hashed(availabilityDomain + name)}`,
        compartmentId: TENANCY,
        availabilityDomain,
      })),
      query,
    );
  }),
  get("/compartments/{id}", ({ cloud, id }) => {
    cloud.checkCompartment(id);
    return show(id === COMPARTMENT ? compartment : { ...compartment, id: TENANCY, name: "root" });
  }),
  get("/compartments", ({ cloud, query }) => {
    compartmentOf(cloud, query);
    return page(query.get("compartmentId") === TENANCY ? [compartment] : [], query);
  }),
  get("/regions", ({ query }) => page([{ key: "FRA", name: REGION }], query)),
  get("/tenancies/{id}/regionSubscriptions", ({ query }) =>
    page([{ regionKey: "FRA", regionName: REGION, status: "READY", isHomeRegion: true }], query),
  ),
];

export const IAAS_ROUTES = [...networkRoutes, ...computeRoutes];
export const IDENTITY_ROUTES = identityRoutes;
