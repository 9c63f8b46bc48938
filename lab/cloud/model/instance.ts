import { incorrectState, invalid, missing } from "../errors.ts";
import { AVAILABILITY_DOMAINS, FAULT_DOMAINS, REGION } from "../region.ts";
import { attachBootVolume, DEFAULT_SIZE, DEFAULT_VPUS, removeBootVolume } from "./bootVolume.ts";
import type { Cloud, CommonDetails } from "./cloud.ts";
import { updateCommon } from "./cloud.ts";
import { imageEntry } from "./image.ts";
import type { Image } from "./image.ts";
import { ending, living, reset, work } from "./power.ts";
import type { Instance } from "./resources.ts";
import { shapeConfig } from "./shape.ts";
import type { ShapeConfigDetails } from "./shape.ts";
import { attachVnic, planVnic } from "./vnic.ts";
import type { CreateVnicDetails } from "./vnic.ts";

type Json = Record<string, unknown>;

export interface LaunchInstanceDetails extends CommonDetails {
  availabilityDomain: string;
  faultDomain?: string | undefined;
  shape: string;
  shapeConfig?: ShapeConfigDetails | undefined;
  sourceDetails?:
    | {
        sourceType: string;
        imageId?: string | undefined;
        bootVolumeSizeInGBs?: number | undefined;
        bootVolumeVpusPerGB?: number | undefined;
      }
    | undefined;
  /** Older ways to say the same. */
  imageId?: string | undefined;
  subnetId?: string | undefined;
  createVnicDetails?: (Omit<CreateVnicDetails, "subnetId"> & { subnetId?: string | undefined }) | undefined;
  metadata?: Record<string, string> | undefined;
  extendedMetadata?: Json | undefined;
  instanceOptions?: { areLegacyImdsEndpointsDisabled?: boolean | undefined } | undefined;
  launchOptions?: Json | undefined;
  availabilityConfig?: Json | undefined;
  agentConfig?: Json | undefined;
}

/** Bytes that all of an instance's metadata may take. */
const METADATA_LIMIT = 32_000;

/** What of the metadata is read at the first boot, and so cannot change later. */
const READ_AT_LAUNCH = ["ssh_authorized_keys", "user_data"];

/** Checks a launch as a whole, books it, and boots the machine after the answer. */
export function launchInstance(cloud: Cloud, details: LaunchInstanceDetails): Instance {
  const { availabilityDomain, metadata = {}, sourceDetails } = details;
  const common = cloud.common("instance", details, "instance");
  if (!AVAILABILITY_DOMAINS.includes(availabilityDomain))
    throw invalid(`The availability domain ${availabilityDomain} does not exist.`);
  const faultDomain = details.faultDomain ?? freestFaultDomain(cloud, availabilityDomain);
  checkFaultDomain(faultDomain);
  if (sourceDetails !== undefined && sourceDetails.sourceType !== "image")
    throw invalid(`The sourceType ${sourceDetails.sourceType} is not supported: image.`);
  const imageId = sourceDetails?.imageId ?? details.imageId;
  if (imageId === undefined) throw missing("sourceDetails.imageId");
  const { processor, image } = imageEntry(imageId);
  const size = sourceDetails?.bootVolumeSizeInGBs ?? DEFAULT_SIZE;
  checkSize(size);
  checkMetadata(metadata);
  const subnetId = details.createVnicDetails?.subnetId ?? details.subnetId;
  if (subnetId === undefined) throw missing("createVnicDetails.subnetId");
  const vnicDetails = { ...details.createVnicDetails, subnetId };
  const plan = planVnic(cloud, vnicDetails, availabilityDomain);

  const instance: Instance = {
    ...common,
    lifecycleState: "PROVISIONING",
    availabilityDomain,
    faultDomain,
    region: REGION,
    shape: details.shape,
    shapeConfig: shapeConfig(details.shape, processor, details.shapeConfig),
    imageId,
    sourceDetails: {
      sourceType: "image",
      imageId,
      bootVolumeSizeInGBs: size,
      bootVolumeVpusPerGB: sourceDetails?.bootVolumeVpusPerGB ?? DEFAULT_VPUS,
    },
    metadata,
    extendedMetadata: details.extendedMetadata ?? {},
    systemTags: {},
    securityAttributes: {},
    securityAttributesState: "STABLE",
    launchMode: image.launchMode,
    launchOptions: {
      bootVolumeType: "PARAVIRTUALIZED",
      firmware: "UEFI_64",
      networkType: "PARAVIRTUALIZED",
      remoteDataVolumeType: "PARAVIRTUALIZED",
      isConsistentVolumeNamingEnabled: true,
      isPvEncryptionInTransitEnabled: false,
      ...details.launchOptions,
    },
    instanceOptions: {
      areLegacyImdsEndpointsDisabled: details.instanceOptions?.areLegacyImdsEndpointsDisabled ?? false,
    },
    availabilityConfig: { recoveryAction: "RESTORE_INSTANCE", ...details.availabilityConfig },
    agentConfig: {
      areAllPluginsDisabled: false,
      isManagementDisabled: false,
      isMonitoringDisabled: false,
      ...details.agentConfig,
    },
  };
  const wantedName = details.createVnicDetails?.hostnameLabel ?? instance.displayName;
  cloud.state.machines[instance.id] = { host: cloud.effects.nameMachine(wantedName) };
  cloud.add("instances", instance);
  attachVnic(cloud, instance, plan, vnicDetails);
  attachBootVolume(cloud, instance);
  void work(cloud, instance, () => cloud.effects.start(instance), "RUNNING");
  return instance;
}

export interface UpdateInstanceDetails extends Partial<CommonDetails> {
  metadata?: Record<string, string> | undefined;
  extendedMetadata?: Json | undefined;
  shape?: string | undefined;
  shapeConfig?: ShapeConfigDetails | undefined;
  faultDomain?: string | undefined;
  instanceOptions?: { areLegacyImdsEndpointsDisabled?: boolean | undefined } | undefined;
  launchOptions?: Json | undefined;
  availabilityConfig?: Json | undefined;
  agentConfig?: Json | undefined;
  /** The image that its boot volume is replaced by. */
  sourceDetails?: { imageId: string; bootVolumeSizeInGBs?: number | undefined } | undefined;
}

/**
 * Changes an instance in place. Another shape or fault domain restarts a running one, as Oracle does; an image, be it
 * the one that it has, stops it, replaces its boot volume and starts it again with the same VNIC.
 */
export function updateInstance(cloud: Cloud, id: string, details: UpdateInstanceDetails): Instance {
  const instance = living(cloud, id);
  const { metadata, shape = instance.shape, faultDomain, sourceDetails } = details;
  if (metadata !== undefined) {
    checkMetadata(metadata);
    for (const key of READ_AT_LAUNCH)
      if (metadata[key] !== instance.metadata[key])
        throw invalid(`metadata.${key} is read at launch and cannot be changed later.`);
  }
  let config = instance.shapeConfig;
  const { processor, image } = imageEntry(sourceDetails?.imageId ?? instance.imageId);
  if (sourceDetails !== undefined) checkReimage(instance, sourceDetails.bootVolumeSizeInGBs);
  if (details.shape !== undefined || details.shapeConfig !== undefined || sourceDetails !== undefined) {
    const { ocpus, memoryInGBs } = instance.shapeConfig;
    const kept = shape === instance.shape && shape.endsWith(".Flex") ? { ocpus, memoryInGBs } : {};
    config = shapeConfig(shape, processor, { ...kept, ...details.shapeConfig });
  }
  if (faultDomain !== undefined) checkFaultDomain(faultDomain);

  const moved = faultDomain !== undefined && faultDomain !== instance.faultDomain;
  const resized =
    shape !== instance.shape ||
    config.ocpus !== instance.shapeConfig.ocpus ||
    config.memoryInGBs !== instance.shapeConfig.memoryInGBs;
  updateCommon(instance, details);
  Object.assign(instance, { shape, shapeConfig: config });
  if (metadata !== undefined) instance.metadata = metadata;
  if (faultDomain !== undefined) instance.faultDomain = faultDomain;
  if (details.extendedMetadata !== undefined) instance.extendedMetadata = details.extendedMetadata;
  for (const key of ["instanceOptions", "launchOptions", "availabilityConfig", "agentConfig"] as const)
    Object.assign(instance[key], details[key]);
  if (sourceDetails !== undefined) reimage(cloud, instance, image, sourceDetails.bootVolumeSizeInGBs);
  else if ((moved || resized) && instance.lifecycleState === "RUNNING") reset(cloud, instance, "ask");
  return instance;
}

function checkReimage({ id, lifecycleState }: Instance, size = DEFAULT_SIZE): void {
  if (lifecycleState !== "RUNNING" && lifecycleState !== "STOPPED")
    throw incorrectState(`The instance ${id} is ${lifecycleState}; it gets an image RUNNING or STOPPED.`);
  checkSize(size);
}

function checkSize(size: number): void {
  if (size < DEFAULT_SIZE)
    throw invalid(`bootVolumeSizeInGBs ${size} is less than the image's ${DEFAULT_SIZE}.`);
}

function reimage(cloud: Cloud, instance: Instance, image: Image, size: number | undefined): void {
  const { sourceDetails } = instance;
  instance.imageId = image.id;
  instance.launchMode = image.launchMode;
  instance.sourceDetails = {
    ...sourceDetails,
    imageId: image.id,
    bootVolumeSizeInGBs: size ?? sourceDetails.bootVolumeSizeInGBs,
  };
  removeBootVolume(cloud, instance.id);
  attachBootVolume(cloud, instance);
  const machine = cloud.state.machines[instance.id];
  if (machine !== undefined) machine.stale = true;
  if (instance.lifecycleState === "STOPPED") return;
  instance.lifecycleState = "STOPPING";
  const restart = async () => {
    await cloud.effects.stop(instance, "ask");
    await cloud.effects.start(instance);
  };
  void work(cloud, instance, restart, "RUNNING");
}

function checkFaultDomain(name: string): void {
  if (!FAULT_DOMAINS.includes(name)) throw invalid(`The fault domain ${name} does not exist.`);
}

/** Where the fewest of the availability domain's instances are. */
function freestFaultDomain(cloud: Cloud, availabilityDomain: string): string {
  const there = cloud
    .all("instances")
    .filter((each) => each.availabilityDomain === availabilityDomain && !ending(each));
  const count = (domain: string) => there.filter(({ faultDomain }) => faultDomain === domain).length;
  return [...FAULT_DOMAINS].sort((a, b) => count(a) - count(b))[0] ?? "";
}

function checkMetadata(metadata: Record<string, string>): void {
  const bytes = Buffer.byteLength(JSON.stringify(metadata));
  if (bytes > METADATA_LIMIT)
    throw invalid(`The metadata takes ${bytes} bytes; ${METADATA_LIMIT} are allowed.`);
  const { user_data: userData } = metadata;
  if (userData !== undefined && !/^[A-Za-z0-9+/\s]*={0,2}\s*$/.test(userData))
    throw invalid("metadata.user_data is not encoded in Base64.");
}
