import type { Cloud } from "./cloud.ts";
import { invalidParameter } from "./errors.ts";
import type { Instance } from "./resources.ts";

/** Gigabytes of a boot volume whose launch names no size; the images need as many. */
export const DEFAULT_SIZE = 47;

/** Volume performance units a gigabyte: Oracle's "balanced". */
export const DEFAULT_VPUS = 10;

export function checkSize(sizeInGBs: number): void {
  if (sizeInGBs < DEFAULT_SIZE)
    throw invalidParameter(`bootVolumeSizeInGBs ${sizeInGBs} is less than the image's ${DEFAULT_SIZE}.`);
}

/** Adds an instance's boot volume and its attachment. They are records only: the lab keeps the host's files. */
export function attachBootVolume(cloud: Cloud, instance: Instance): void {
  const { compartmentId, availabilityDomain, imageId, sourceDetails } = instance;
  const { bootVolumeSizeInGBs, bootVolumeVpusPerGB } = sourceDetails;
  const details = { compartmentId, displayName: `${instance.displayName} (Boot Volume)` };
  const volume = cloud.commonFields("bootVolumes", details);
  cloud.add("bootVolumes", {
    ...volume,
    lifecycleState: "AVAILABLE",
    availabilityDomain,
    imageId,
    isHydrated: true,
    sizeInGBs: bootVolumeSizeInGBs,
    sizeInMBs: bootVolumeSizeInGBs * 1024,
    vpusPerGB: bootVolumeVpusPerGB,
  });
  cloud.add("bootVolumeAttachments", {
    ...cloud.commonFields("bootVolumeAttachments", details),
    // Oracle gives the attachment of a boot volume its instance's OCID.
    id: instance.id,
    lifecycleState: "ATTACHED",
    availabilityDomain,
    bootVolumeId: volume.id,
    instanceId: instance.id,
  });
}

/** Removes an instance's boot volume and its attachment. */
export function removeBootVolume(cloud: Cloud, instanceId: string): void {
  const attachment = cloud.all("bootVolumeAttachments").find((each) => each.instanceId === instanceId);
  if (attachment === undefined) return;
  cloud.remove("bootVolumes", attachment.bootVolumeId);
  cloud.remove("bootVolumeAttachments", attachment.id);
}
