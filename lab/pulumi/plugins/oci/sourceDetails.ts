import type { models } from "oci-core";
import { clients } from "./clients.ts";
import { caseInsensitive, integerText, object } from "./codecs.ts";
import type { Codec, Fields } from "./codecs.ts";

/** The boot source of an instance: its image, and its boot volume. */

const sourceObject = object({
  sourceType: { codec: caseInsensitive, required: true },
  sourceId: {},
  bootVolumeSizeInGbs: { api: "bootVolumeSizeInGBs", codec: integerText },
  bootVolumeVpusPerGb: { api: "bootVolumeVpusPerGB", codec: integerText, change: "replaces" },
  kmsKeyId: {},
});

/** The program has one name for the source (`sourceId`), the API has one for each type of source. */
export const sourceDetails: Codec = {
  ...sourceObject,
  toApi: (value) => {
    const { sourceId, ...details } = sourceObject.toApi(value) as Fields;
    return { ...details, [details["sourceType"] === "image" ? "imageId" : "bootVolumeId"]: sourceId };
  },
  toProgram: (value) => {
    const { imageId, bootVolumeId, ...details } = value as Fields;
    return sourceObject.toProgram({ ...details, sourceId: imageId ?? bootVolumeId });
  },
};

/**
 * The request's details for another image.
 *
 * @throws Error where something else of the source changed
 */
export function newImageDetails(previous: Fields | undefined, desired: Fields): Fields {
  if (desired["sourceId"] === undefined || desired["sourceId"] === previous?.["sourceId"])
    throw new Error("the lab's stand-in can change only the image in sourceDetails: set LAB_OCI_PLUGIN");
  const { sourceType, imageId, bootVolumeSizeInGBs } = sourceDetails.toApi(desired) as Fields;
  return { sourceType, imageId, bootVolumeSizeInGBs };
}

/** The source's outputs of an instance; `previous` is the program's or the state's sourceDetails. */
export const sourceOutputs = (
  volume: models.BootVolume | undefined,
  previous: Fields | undefined,
  api: unknown,
): Fields => ({
  sourceDetails: {
    ...(volume && { bootVolumeSizeInGbs: String(volume.sizeInGBs) }),
    bootVolumeVpusPerGb: String(volume?.vpusPerGB ?? "10"),
    ...previous,
    ...(sourceDetails.toProgram(api ?? {}) as Fields),
  },
  ...(volume && { bootVolumeId: volume.id }),
});

export async function readBootVolume(
  availabilityDomain: string,
  compartmentId: string,
  instanceId: string,
): Promise<models.BootVolume | undefined> {
  const { blockstorage, compute } = await clients();
  const attachments = await compute.listBootVolumeAttachments({
    availabilityDomain,
    compartmentId,
    instanceId,
  });
  const bootVolumeId = attachments.items[0]?.bootVolumeId;
  return bootVolumeId === undefined
    ? undefined
    : (await blockstorage.getBootVolume({ bootVolumeId })).bootVolume;
}
