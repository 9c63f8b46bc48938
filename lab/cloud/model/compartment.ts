import type { Cloud } from "./cloud.ts";
import { requireAlive } from "./power.ts";
import type { ResourceKind } from "./resources.ts";

/**
 * Moves a resource to another compartment. What belongs to it stays: the subnets of a VCN, and the VNIC and the boot
 * volume of an instance. Only the attachments of those two are in their instance's compartment.
 *
 * Source: https://docs.oracle.com/en-us/iaas/api/#/en/iaas/20160918/Instance/ChangeInstanceCompartment
 *
 * @throws CloudError NotFound
 */
export function moveResource(cloud: Cloud, kind: ResourceKind, id: string, compartmentId: string): void {
  cloud.checkCompartment(compartmentId);
  if (kind === "instances") requireAlive(cloud, id);
  cloud.get(kind, id).compartmentId = compartmentId;
  for (const attachment of [...cloud.all("vnicAttachments"), ...cloud.all("bootVolumeAttachments")])
    if (attachment.instanceId === id) attachment.compartmentId = compartmentId;
}
