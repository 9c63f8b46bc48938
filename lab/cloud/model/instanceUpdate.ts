import type { RequestBody } from "../requestSchemas.ts";
import { attachBootVolume, checkSize, DEFAULT_SIZE, removeBootVolume } from "./bootVolume.ts";
import type { Cloud } from "./cloud.ts";
import { incorrectState, invalidParameter } from "./errors.ts";
import { imageEntry } from "./image.ts";
import { checkFaultDomain, checkMetadata } from "./instance.ts";
import { requireAlive, resetInstance, runTransition } from "./power.ts";
import type { Instance, ShapeConfig } from "./resources.ts";
import { shapeConfig } from "./shape.ts";

type UpdateDetails = RequestBody<"updateInstance">;

/** Metadata that is read at the first boot only, and so cannot change later. */
const LAUNCH_METADATA = ["ssh_authorized_keys", "user_data"];

/**
 * Changes an instance in place. Another shape or fault domain restarts a running one. An image, even the one that the
 * instance has, stops it, replaces its boot volume, and starts it again with the same VNIC.
 */
export function updateInstance(cloud: Cloud, id: string, details: UpdateDetails): Instance {
  const instance = requireAlive(cloud, id);
  const { sourceDetails: source, ...changes } = details;
  const { metadata, faultDomain } = changes;
  if (metadata !== undefined) checkNewMetadata(instance, metadata);
  if (faultDomain !== undefined) checkFaultDomain(faultDomain);
  if (source !== undefined) checkReimage(instance, source.bootVolumeSizeInGBs);
  const newShapeConfig = newShapeConfigOf(instance, details);
  const restarts = needsRestart(instance, details, newShapeConfig);
  cloud.update("instances", id, {
    ...changes,
    shapeConfig: newShapeConfig,
    instanceOptions: { ...instance.instanceOptions, ...changes.instanceOptions },
    launchOptions: { ...instance.launchOptions, ...changes.launchOptions },
    availabilityConfig: { ...instance.availabilityConfig, ...changes.availabilityConfig },
    agentConfig: { ...instance.agentConfig, ...changes.agentConfig },
  });
  if (source !== undefined) reimage(cloud, instance, source.imageId, source.bootVolumeSizeInGBs);
  else if (restarts) resetInstance(cloud, instance, "graceful");
  return instance;
}

function checkNewMetadata(instance: Instance, metadata: Instance["metadata"]): void {
  checkMetadata(metadata);
  for (const key of LAUNCH_METADATA)
    if (metadata[key] !== instance.metadata[key])
      throw invalidParameter(`metadata.${key} is read at launch and cannot be changed later.`);
}

function checkReimage({ id, lifecycleState }: Instance, sizeInGBs = DEFAULT_SIZE): void {
  if (lifecycleState !== "RUNNING" && lifecycleState !== "STOPPED")
    throw incorrectState(`The instance ${id} is ${lifecycleState}; it gets an image RUNNING or STOPPED.`);
  checkSize(sizeInGBs);
}

/** The size after an update. A flexible shape that stays keeps what the request does not name. */
function newShapeConfigOf(instance: Instance, details: UpdateDetails): ShapeConfig {
  const { shape = instance.shape, shapeConfig: size, sourceDetails: source } = details;
  const { processor } = imageEntry(source?.imageId ?? instance.imageId);
  if (details.shape === undefined && size === undefined && source === undefined) return instance.shapeConfig;
  const { ocpus, memoryInGBs } = instance.shapeConfig;
  const previousSize = shape === instance.shape && shape.endsWith(".Flex") ? { ocpus, memoryInGBs } : {};
  return shapeConfig(shape, processor, { ...previousSize, ...size });
}

function needsRestart(instance: Instance, details: UpdateDetails, newShapeConfig: ShapeConfig): boolean {
  const { shape = instance.shape, faultDomain = instance.faultDomain } = details;
  const { ocpus, memoryInGBs } = instance.shapeConfig;
  const isMoved = faultDomain !== instance.faultDomain;
  const isResized =
    shape !== instance.shape || ocpus !== newShapeConfig.ocpus || memoryInGBs !== newShapeConfig.memoryInGBs;
  return instance.lifecycleState === "RUNNING" && (isMoved || isResized);
}

function reimage(cloud: Cloud, instance: Instance, imageId: string, sizeInGBs?: number): void {
  const { id, sourceDetails } = instance;
  const { bootVolumeSizeInGBs } = sourceDetails;
  cloud.update("instances", id, {
    imageId,
    launchMode: imageEntry(imageId).image.launchMode,
    sourceDetails: { ...sourceDetails, imageId, bootVolumeSizeInGBs: sizeInGBs ?? bootVolumeSizeInGBs },
  });
  removeBootVolume(cloud, id);
  attachBootVolume(cloud, instance);
  const machine = cloud.state.machines[id];
  if (machine !== undefined) machine.stale = true;
  if (instance.lifecycleState === "STOPPED") return;
  instance.lifecycleState = "STOPPING";
  const restart = async () => {
    await cloud.effects.stop(instance, "graceful");
    await cloud.effects.start(instance);
  };
  void runTransition(cloud, instance, restart, "RUNNING");
}
