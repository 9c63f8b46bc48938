import { AVAILABILITY_DOMAINS, FAULT_DOMAINS, REGION } from "../region.ts";
import type { RequestBody } from "../requestSchemas.ts";
import { attachBootVolume, checkSize, DEFAULT_SIZE, DEFAULT_VPUS } from "./bootVolume.ts";
import type { Cloud } from "./cloud.ts";
import { invalidParameter, missingParameter, outOfCapacity } from "./errors.ts";
import { imageEntry } from "./image.ts";
import { isTerminating, runTransition } from "./power.ts";
import type { Instance } from "./resources.ts";
import { shapeConfig } from "./shape.ts";
import { attachVnic, planVnic } from "./vnic.ts";

type LaunchDetails = RequestBody<"launchInstance">;

/** Bytes that all of an instance's metadata may take. */
const METADATA_LIMIT = 32_000;

const LAUNCH_OPTIONS = {
  bootVolumeType: "PARAVIRTUALIZED",
  firmware: "UEFI_64",
  networkType: "PARAVIRTUALIZED",
  remoteDataVolumeType: "PARAVIRTUALIZED",
  isConsistentVolumeNamingEnabled: true,
  isPvEncryptionInTransitEnabled: false,
};

const AGENT_CONFIG = {
  areAllPluginsDisabled: false,
  isManagementDisabled: false,
  isMonitoringDisabled: false,
};

/** Checks a launch as a whole, adds the instance to the state, and boots its machine after the answer. */
export function launchInstance(cloud: Cloud, details: LaunchDetails): Instance {
  const instance = newInstance(cloud, details);
  const { createVnicDetails = {} } = details;
  const subnetId = createVnicDetails.subnetId ?? details.subnetId;
  if (subnetId === undefined) throw missingParameter("createVnicDetails.subnetId");
  const vnicPlan = planVnic(cloud, subnetId, createVnicDetails, instance.availabilityDomain);

  const host = cloud.effects.uniqueHostName(createVnicDetails.hostnameLabel ?? instance.displayName);
  cloud.state.machines[instance.id] = { host };
  cloud.add("instances", instance);
  attachVnic(cloud, instance, vnicPlan);
  attachBootVolume(cloud, instance);
  void runTransition(cloud, instance, () => cloud.effects.start(instance), "RUNNING");
  return instance;
}

function newInstance(cloud: Cloud, details: LaunchDetails): Instance {
  const { availabilityDomain, shape, metadata = {}, extendedMetadata = {}, instanceOptions } = details;
  const common = cloud.commonFields("instances", details);
  if (!AVAILABILITY_DOMAINS.includes(availabilityDomain))
    throw invalidParameter(`The availability domain ${availabilityDomain} does not exist.`);
  if (cloud.effects.isFull(availabilityDomain)) throw outOfCapacity();
  const { faultDomain = emptiestFaultDomain(cloud, availabilityDomain) } = details;
  checkFaultDomain(faultDomain);
  checkMetadata(metadata);
  const sourceDetails = sourceOf(details);
  const { imageId } = sourceDetails;
  const { processor, image } = imageEntry(imageId);
  return {
    ...common,
    lifecycleState: "PROVISIONING",
    availabilityDomain,
    faultDomain,
    region: REGION,
    shape,
    shapeConfig: shapeConfig(shape, processor, details.shapeConfig),
    imageId,
    sourceDetails,
    metadata,
    extendedMetadata,
    systemTags: {},
    securityAttributes: {},
    securityAttributesState: "STABLE",
    launchMode: image.launchMode,
    launchOptions: { ...LAUNCH_OPTIONS, ...details.launchOptions },
    instanceOptions: { areLegacyImdsEndpointsDisabled: false, ...instanceOptions },
    availabilityConfig: { recoveryAction: "RESTORE_INSTANCE", ...details.availabilityConfig },
    agentConfig: { ...AGENT_CONFIG, ...details.agentConfig },
  };
}

/** The boot source of a launch: an image, with the boot volume's size and performance. */
function sourceOf({ sourceDetails, imageId }: LaunchDetails): Instance["sourceDetails"] {
  if (sourceDetails !== undefined && sourceDetails.sourceType !== "image")
    throw invalidParameter(`The sourceType ${sourceDetails.sourceType} is not supported: image.`);
  const sourceImageId = sourceDetails?.imageId ?? imageId;
  if (sourceImageId === undefined) throw missingParameter("sourceDetails.imageId");
  const { bootVolumeSizeInGBs = DEFAULT_SIZE, bootVolumeVpusPerGB = DEFAULT_VPUS } = sourceDetails ?? {};
  checkSize(bootVolumeSizeInGBs);
  return { sourceType: "image", imageId: sourceImageId, bootVolumeSizeInGBs, bootVolumeVpusPerGB };
}

/** The fault domain with the fewest of the availability domain's instances. */
function emptiestFaultDomain(cloud: Cloud, availabilityDomain: string): string {
  const instances = cloud
    .all("instances")
    .filter((each) => each.availabilityDomain === availabilityDomain && !isTerminating(each));
  const count = (domain: string) => instances.filter(({ faultDomain }) => faultDomain === domain).length;
  return [...FAULT_DOMAINS].sort((a, b) => count(a) - count(b))[0] ?? "";
}

export function checkFaultDomain(name: string): void {
  if (!FAULT_DOMAINS.includes(name)) throw invalidParameter(`The fault domain ${name} does not exist.`);
}

export function checkMetadata(metadata: Instance["metadata"]): void {
  const bytes = Buffer.byteLength(JSON.stringify(metadata));
  if (bytes > METADATA_LIMIT)
    throw invalidParameter(`The metadata takes ${bytes} bytes; ${METADATA_LIMIT} are allowed.`);
  const { user_data: userData } = metadata;
  if (userData !== undefined && !/^[A-Za-z0-9+/\s]*={0,2}\s*$/.test(userData))
    throw invalidParameter("metadata.user_data is not encoded in Base64.");
}
