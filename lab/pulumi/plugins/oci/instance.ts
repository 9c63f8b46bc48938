import { isDeepStrictEqual } from "node:util";
import type { models } from "oci-core";
import { clients } from "./clients.ts";
import {
  booleanText,
  caseless,
  definedTags,
  integerText,
  object,
  plain,
  programView,
  set,
  without,
} from "./forms.ts";
import type { Fields, Form, Properties } from "./forms.ts";
import { COMMON } from "./resource.ts";
import type { ResourceType } from "./resource.ts";

/** Metadata that only a new instance can get. */
const AT_LAUNCH = ["ssh_authorized_keys", "user_data"];

const metadata: Form = {
  ...plain,
  compare: (was, wanted) => {
    if (isDeepStrictEqual(was, wanted)) return "none";
    const values = (all: unknown) => AT_LAUNCH.map((key) => (all as Fields | undefined)?.[key]);
    return isDeepStrictEqual(values(was), values(wanted)) ? "updates" : "replaces";
  },
};

const PRIMARY_VNIC: Properties = {
  // Not part of the VNIC: the API has it in requests alone.
  assignPublicIp: { form: booleanText, absent: "true" },
  assignPrivateDnsRecord: { change: "replaces" },
  definedTags: { form: definedTags },
  displayName: {},
  freeformTags: {},
  hostnameLabel: { form: caseless },
  nsgIds: { form: set() },
  privateIp: { change: "replaces" },
  skipSourceDestCheck: {},
  subnetId: { change: "replaces" },
};

const vnicForm = object(PRIMARY_VNIC);
const createVnicDetails: Form = {
  ...vnicForm,
  toApi: (value) => ({ assignPublicIp: true, ...(vnicForm.toApi(value) as Fields) }),
};

const sourceForm = object({
  sourceType: { form: caseless, required: true },
  sourceId: {},
  bootVolumeSizeInGbs: { api: "bootVolumeSizeInGBs", form: integerText },
  bootVolumeVpusPerGb: { api: "bootVolumeVpusPerGB", form: integerText, change: "replaces" },
  kmsKeyId: {},
});

/** Where it boots from: the program has one name for the source, the API one for each kind of source. */
const sourceDetails: Form = {
  ...sourceForm,
  toApi: (value) => {
    const { sourceId, ...details } = sourceForm.toApi(value) as Fields;
    return { ...details, [details["sourceType"] === "image" ? "imageId" : "bootVolumeId"]: sourceId };
  },
  toProgram: (value) => {
    const { imageId, bootVolumeId, ...details } = value as Fields;
    return sourceForm.toProgram({ ...details, sourceId: imageId ?? bootVolumeId });
  },
};

/**
 * What a new image is asked for by.
 *
 * @throws Error where it is not the image that changed
 */
function newSource(state: Fields, inputs: Fields): Fields {
  const was = state["sourceDetails"] as Fields | undefined;
  const wanted = inputs["sourceDetails"] as Fields;
  if (wanted["sourceId"] === undefined || wanted["sourceId"] === was?.["sourceId"])
    throw new Error("the lab's stand-in changes nothing of sourceDetails but the image: set LAB_OCI_PLUGIN");
  const { sourceType, imageId, bootVolumeSizeInGBs } = sourceDetails.toApi(wanted) as Fields;
  return { sourceType, imageId, ...(bootVolumeSizeInGBs === undefined ? {} : { bootVolumeSizeInGBs }) };
}

const LAUNCH_OPTIONS: Properties = {
  bootVolumeType: {},
  firmware: { change: "replaces" },
  isConsistentVolumeNamingEnabled: { change: "replaces" },
  isPvEncryptionInTransitEnabled: {},
  networkType: {},
  remoteDataVolumeType: { change: "replaces" },
};

const SHAPE_CONFIG: Properties = {
  baselineOcpuUtilization: {},
  memoryInGbs: { api: "memoryInGBs" },
  ocpus: {},
  vcpus: {},
  gpus: { kind: "output" },
  localDisks: { kind: "output" },
  localDisksTotalSizeInGbs: { api: "localDisksTotalSizeInGBs", kind: "output" },
  maxVnicAttachments: { kind: "output" },
  networkingBandwidthInGbps: { kind: "output" },
  processorDescription: { kind: "output" },
};

const AGENT: Properties = {
  areAllPluginsDisabled: {},
  isManagementDisabled: {},
  isMonitoringDisabled: {},
  pluginsConfigs: { api: "pluginsConfig" },
};

export const instance: ResourceType = {
  // Another shape restarts it.
  lifecycle: { ready: ["RUNNING"], pending: ["PROVISIONING", "STARTING", "STOPPING"] },
  limit: 45 * 60,
  properties: {
    ...COMMON,
    agentConfig: { form: object(AGENT) },
    availabilityConfig: { form: object({ isLiveMigrationPreferred: {}, recoveryAction: {} }) },
    availabilityDomain: { form: caseless, required: true, change: "replaces" },
    createVnicDetails: { form: createVnicDetails },
    extendedMetadata: {},
    faultDomain: { form: caseless },
    instanceOptions: { form: object({ areLegacyImdsEndpointsDisabled: {} }) },
    isPvEncryptionInTransitEnabled: { change: "replaces" },
    launchOptions: { form: object(LAUNCH_OPTIONS) },
    metadata: { form: metadata },
    preserveBootVolume: { kind: "local", absent: undefined },
    shape: {},
    shapeConfig: { form: object(SHAPE_CONFIG) },
    sourceDetails: { form: sourceDetails },
    image: { api: "imageId", kind: "output" },
    ipxeScript: { kind: "output" },
    launchMode: { kind: "output" },
    region: { kind: "output" },
    systemTags: { form: definedTags, kind: "output" },
  },
  create: async (details) => {
    const { compute } = await clients();
    return (await compute.launchInstance({ launchInstanceDetails: details as never })).instance;
  },
  read: async (instanceId) => (await (await clients()).compute.getInstance({ instanceId })).instance,
  update: async (instanceId, details, state, inputs) => {
    const { compute } = await clients();
    const { createVnicDetails: vnic, ...updateInstanceDetails } = details;
    if ("sourceDetails" in updateInstanceDetails)
      updateInstanceDetails["sourceDetails"] = newSource(state, inputs);
    // A flexible shape is nothing without its size.
    if ("shape" in updateInstanceDetails && inputs["shapeConfig"] !== undefined)
      updateInstanceDetails["shapeConfig"] = object(SHAPE_CONFIG).toApi(inputs["shapeConfig"]);
    if (Object.keys(updateInstanceDetails).length > 0)
      await compute.updateInstance({ instanceId, updateInstanceDetails });
    if (vnic !== undefined) {
      const compartmentId = state["compartmentId"] as string;
      await updateVnic(await primaryVnic(compartmentId, instanceId), inputs["createVnicDetails"] as Fields);
    }
  },
  delete: async (instanceId, { preserveBootVolume }) => {
    const { compute } = await clients();
    return compute.terminateInstance({
      instanceId,
      ...(typeof preserveBootVolume === "boolean" ? { preserveBootVolume } : {}),
    });
  },
  more: async (api, known) => {
    const { id, compartmentId, availabilityDomain } = api as Record<string, string>;
    if (id === undefined || compartmentId === undefined || availabilityDomain === undefined) return {};
    const [vnic, volume] = await Promise.all([
      primaryVnic(compartmentId, id).catch(() => undefined),
      bootVolume(availabilityDomain, compartmentId, id).catch(() => undefined),
    ]);
    return {
      ...(vnic && {
        createVnicDetails: {
          assignPublicIp: "true",
          ...(known["createVnicDetails"] as Fields | undefined),
          ...programView(PRIMARY_VNIC, vnic),
        },
        hostnameLabel: vnic.hostnameLabel ?? "",
        privateIp: vnic.privateIp ?? "",
        publicIp: vnic.publicIp ?? "",
        subnetId: vnic.subnetId,
      }),
      sourceDetails: {
        ...(volume && { bootVolumeSizeInGbs: String(volume.sizeInGBs) }),
        bootVolumeVpusPerGb: String(volume?.vpusPerGB ?? "10"),
        ...(known["sourceDetails"] as Fields | undefined),
        ...(sourceDetails.toProgram(api["sourceDetails"] ?? {}) as Fields),
      },
      ...(volume && { bootVolumeId: volume.id }),
    };
  },
};

async function primaryVnic(compartmentId: string, instanceId: string): Promise<models.Vnic> {
  const { compute, network } = await clients();
  const { items } = await compute.listVnicAttachments({ compartmentId, instanceId });
  for (const { lifecycleState, vnicId } of items) {
    if (String(lifecycleState) !== "ATTACHED" || vnicId === undefined) continue;
    const { vnic } = await network.getVnic({ vnicId });
    if (vnic.isPrimary) return vnic;
  }
  throw new Error(`${instanceId} has no primary VNIC.`);
}

async function bootVolume(
  availabilityDomain: string,
  compartmentId: string,
  instanceId: string,
): Promise<models.BootVolume | undefined> {
  const { blockstorage, compute } = await clients();
  const { items } = await compute.listBootVolumeAttachments({
    availabilityDomain,
    compartmentId,
    instanceId,
  });
  const bootVolumeId = items[0]?.bootVolumeId;
  return bootVolumeId === undefined
    ? undefined
    : (await blockstorage.getBootVolume({ bootVolumeId })).bootVolume;
}

/** Brings the primary VNIC, and its public address, to what the program wants. */
async function updateVnic(vnic: models.Vnic, inputs: Fields): Promise<void> {
  const { network } = await clients();
  const details = createVnicDetails.toApi(inputs) as Fields;
  const { assignPublicIp } = details;
  if (assignPublicIp === true && vnic.publicIp === undefined) {
    const { items } = await network.listPrivateIps({ vnicId: vnic.id });
    const primary = items.find(({ ipAddress }) => ipAddress === vnic.privateIp);
    await network.createPublicIp({
      createPublicIpDetails: {
        compartmentId: vnic.compartmentId,
        lifetime: "EPHEMERAL" as never,
        privateIpId: primary?.id ?? "",
      },
    });
  } else if (assignPublicIp === false && vnic.publicIp !== undefined) {
    const { publicIp } = await network.getPublicIpByIpAddress({
      getPublicIpByIpAddressDetails: { ipAddress: vnic.publicIp },
    });
    await network.deletePublicIp({ publicIpId: publicIp.id ?? "" });
  }
  const updateVnicDetails = without(
    details,
    ...["assignPublicIp", "assignPrivateDnsRecord", "privateIp", "subnetId"],
  );
  if (Object.keys(updateVnicDetails).length > 0)
    await network.updateVnic({ vnicId: vnic.id, updateVnicDetails });
}
