import type { Cloud } from "./cloud.ts";
import type { BootVolume, BootVolumeAttachment, Instance } from "./resources.ts";

/** Gigabytes of a boot volume for which a launch names no size. */
export const DEFAULT_SIZE = 47;

/** Volume performance units a gigabyte: Oracle's "balanced". */
export const DEFAULT_VPUS = 10;

/** Makes an instance's boot volume and its attachment. The volume is a record: the machine's files are the lab's. */
export function attachBootVolume(cloud: Cloud, instance: Instance): void {
  const { compartmentId, availabilityDomain, sourceDetails } = instance;
  const named = { compartmentId, displayName: `${instance.displayName} (Boot Volume)` };
  const volume: BootVolume = {
    ...cloud.common("bootvolume", named, ""),
    lifecycleState: "AVAILABLE",
    availabilityDomain,
    imageId: instance.imageId,
    isHydrated: true,
    sizeInGBs: sourceDetails.bootVolumeSizeInGBs,
    sizeInMBs: sourceDetails.bootVolumeSizeInGBs * 1024,
    vpusPerGB: sourceDetails.bootVolumeVpusPerGB,
  };
  const attachment: BootVolumeAttachment = {
    ...cloud.common("instance", named, ""),
    // Oracle gives the attachment of a boot volume its instance's OCID.
    id: instance.id,
    lifecycleState: "ATTACHED",
    availabilityDomain,
    bootVolumeId: volume.id,
    instanceId: instance.id,
  };
  cloud.add("bootVolumes", volume);
  cloud.add("bootVolumeAttachments", attachment);
}

/** Removes an instance's boot volume, which goes with its instance. */
export function removeBootVolume(cloud: Cloud, instanceId: string): void {
  const attachment = cloud.all("bootVolumeAttachments").find((each) => each.instanceId === instanceId);
  if (attachment === undefined) return;
  cloud.remove("bootVolumes", attachment.bootVolumeId);
  cloud.remove("bootVolumeAttachments", attachment.id);
}
