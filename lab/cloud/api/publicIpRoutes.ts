import type { Cloud } from "../model/cloud.ts";
import { notFound } from "../model/errors.ts";
import type { Vnic } from "../model/resources.ts";
import { assignPublicIp, releasePublicIp } from "../model/vnic.ts";
import { readBody } from "./bodies.ts";
import { compartmentOf, filtered, page } from "./lists.ts";
import { creates, get, show } from "./route.ts";
import type { Answer, Route } from "./route.ts";

/**
 * Oracle's API for public addresses. In the lab they are ephemeral: the address is a field of its VNIC, and is shown as
 * a resource of its own.
 */
export const publicIpRoutes: Route[] = [
  {
    method: "POST",
    path: "/publicIps/actions/getByIpAddress",
    handle: ({ cloud, body }) => {
      const { ipAddress } = readBody("getPublicIpByIpAddress", body);
      return find(cloud, "ipAddress", ipAddress);
    },
  },
  {
    method: "POST",
    path: "/publicIps/actions/getByPrivateIpId",
    handle: ({ cloud, body }) => {
      const { privateIpId } = readBody("getPublicIpByPrivateIpId", body);
      return find(cloud, "privateIpId", privateIpId);
    },
  },
  {
    method: "POST",
    path: "/publicIps",
    kind: "vnics",
    handle: creates("createPublicIp", (cloud, { compartmentId, lifetime, privateIpId }) => {
      cloud.checkCompartment(compartmentId);
      return publicIpOf(cloud, assignPublicIp(cloud, privateIpId, lifetime));
    }),
  },
  {
    method: "DELETE",
    path: "/publicIps/{id}",
    kind: "vnics",
    handle: ({ cloud, id }) => void releasePublicIp(cloud, id.replace(".publicip.", ".vnic.")),
  },
  get("/publicIps/{id}", ({ cloud, id }) => find(cloud, "id", id)),
  get("/publicIps", ({ cloud, query }) => {
    compartmentOf(cloud, query);
    return page(filtered(allPublicIps(cloud), query, ["scope", "lifetime", "availabilityDomain"]), query);
  }),
];

function publicIpOf(cloud: Cloud, vnic: Vnic) {
  const privateIp = cloud.all("privateIps").find(({ vnicId }) => vnicId === vnic.id);
  return {
    id: vnic.id.replace(".vnic.", ".publicip."),
    compartmentId: vnic.compartmentId,
    displayName: vnic.displayName,
    ipAddress: vnic.publicIp,
    lifecycleState: "ASSIGNED",
    lifetime: "EPHEMERAL",
    scope: "AVAILABILITY_DOMAIN",
    availabilityDomain: vnic.availabilityDomain,
    assignedEntityId: privateIp?.id,
    assignedEntityType: "PRIVATE_IP",
    privateIpId: privateIp?.id,
    timeCreated: vnic.timeCreated,
    freeformTags: {},
    definedTags: {},
  };
}

const allPublicIps = (cloud: Cloud) =>
  cloud
    .all("vnics")
    .filter(({ publicIp }) => publicIp !== undefined)
    .map((vnic) => publicIpOf(cloud, vnic));

function find(cloud: Cloud, field: "id" | "ipAddress" | "privateIpId", value: string): Answer {
  const publicIp = allPublicIps(cloud).find((each) => each[field] === value);
  if (publicIp === undefined) throw notFound(value);
  return show(publicIp);
}
