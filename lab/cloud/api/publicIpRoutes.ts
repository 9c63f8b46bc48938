import type { Cloud } from "../model/cloud.ts";
import { notFound } from "../model/errors.ts";
import type { Vnic } from "../model/resources.ts";
import { assignPublicIp, releasePublicIp } from "../model/vnic.ts";
import { readBody } from "./requestBody.ts";
import { compartmentOf, filterItems, page } from "./lists.ts";
import { change, creates, idOf, show } from "./route.ts";
import type { Call, Service } from "./route.ts";

/**
 * Oracle's API for public addresses. In the lab they are ephemeral: the address is a field of its VNIC, and is shown as
 * a resource of its own.
 */
export function addPublicIpRoutes(service: Service): void {
  service.post("/publicIps/actions/getByIpAddress", async (call) => {
    const { ipAddress } = await readBody("getPublicIpByIpAddress", call);
    return showPublicIp(call, "ipAddress", ipAddress);
  });
  service.post("/publicIps/actions/getByPrivateIpId", async (call) => {
    const { privateIpId } = await readBody("getPublicIpByPrivateIpId", call);
    return showPublicIp(call, "privateIpId", privateIpId);
  });
  service.get("/publicIps/:id", (call) => showPublicIp(call, "id", idOf(call)));
  service.get("/publicIps", (call) => {
    const compartment = compartmentOf(call);
    const publicIps = allPublicIps(call.var.cloud).filter(
      ({ compartmentId }) => compartmentId === compartment,
    );
    return page(call, filterItems(call, publicIps, ["scope", "lifetime", "availabilityDomain"]));
  });
  const create = creates("createPublicIp", (cloud, { compartmentId, lifetime, privateIpId }) => {
    cloud.checkCompartment(compartmentId);
    return publicIpOf(cloud, assignPublicIp(cloud, privateIpId, lifetime));
  });
  service.post("/publicIps", change("vnics"), create);
  service.delete("/publicIps/:id", change("vnics"), (call) => {
    releasePublicIp(call.var.cloud, idOf(call).replace(".publicip.", ".vnic."));
    return call.body(null, 204);
  });
}

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

function showPublicIp(call: Call, field: "id" | "ipAddress" | "privateIpId", value: string): Response {
  const publicIp = allPublicIps(call.var.cloud).find((each) => each[field] === value);
  if (publicIp === undefined) throw notFound(value);
  return show(call, publicIp);
}
