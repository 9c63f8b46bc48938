import { isDeepStrictEqual } from "node:util";
import { clients } from "./clients.ts";
import { caseInsensitive, definedTags, object, plainCodec } from "./codecs.ts";
import type { Codec, Fields } from "./codecs.ts";
import { createVnicDetails, readPrimaryVnic, updatePrimaryVnic, vnicOutputs } from "./primaryVnic.ts";
import { COMMON } from "./resource.ts";
import type { ResourceType } from "./resource.ts";
import { newImageDetails, readBootVolume, sourceDetails, sourceOutputs } from "./sourceDetails.ts";

/** Metadata that only a new instance can get. */
const LAUNCH_METADATA = ["ssh_authorized_keys", "user_data"];

const metadata: Codec = {
  ...plainCodec,
  compare: (previous, desired) => {
    if (isDeepStrictEqual(previous, desired)) return "none";
    const values = (all: unknown) => LAUNCH_METADATA.map((key) => (all as Fields | undefined)?.[key]);
    return isDeepStrictEqual(values(previous), values(desired)) ? "updates" : "replaces";
  },
};

const launchOptions = object({
  bootVolumeType: {},
  firmware: { change: "replaces" },
  isConsistentVolumeNamingEnabled: { change: "replaces" },
  isPvEncryptionInTransitEnabled: {},
  networkType: {},
  remoteDataVolumeType: { change: "replaces" },
});

const shapeConfig = object({
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
});

const agentConfig = object({
  areAllPluginsDisabled: {},
  isManagementDisabled: {},
  isMonitoringDisabled: {},
  pluginsConfigs: { api: "pluginsConfig" },
});

export const instance: ResourceType = {
  // A change of the shape restarts it.
  lifecycle: { readyStates: ["RUNNING"], pendingStates: ["PROVISIONING", "STARTING", "STOPPING"] },
  timeout: 45 * 60,
  properties: {
    ...COMMON,
    agentConfig: { codec: agentConfig },
    availabilityConfig: { codec: object({ isLiveMigrationPreferred: {}, recoveryAction: {} }) },
    availabilityDomain: { codec: caseInsensitive, required: true, change: "replaces" },
    createVnicDetails: { codec: createVnicDetails },
    extendedMetadata: {},
    faultDomain: { codec: caseInsensitive },
    instanceOptions: { codec: object({ areLegacyImdsEndpointsDisabled: {} }) },
    isPvEncryptionInTransitEnabled: { change: "replaces" },
    launchOptions: { codec: launchOptions },
    metadata: { codec: metadata },
    preserveBootVolume: { kind: "local", defaultWhenOmitted: undefined },
    shape: {},
    shapeConfig: { codec: shapeConfig },
    sourceDetails: { codec: sourceDetails },
    image: { api: "imageId", kind: "output" },
    ipxeScript: { kind: "output" },
    launchMode: { kind: "output" },
    region: { kind: "output" },
    systemTags: { codec: definedTags, kind: "output" },
  },
  create: async (details) => {
    const { compute } = await clients();
    return (await compute.launchInstance({ launchInstanceDetails: details as never })).instance;
  },
  read: async (instanceId) => (await (await clients()).compute.getInstance({ instanceId })).instance,
  update: async (instanceId, { createVnicDetails: vnicDetails, ...details }, state, inputs) => {
    const { compute } = await clients();
    if ("sourceDetails" in details)
      details["sourceDetails"] = newImageDetails(
        state["sourceDetails"] as Fields | undefined,
        inputs["sourceDetails"] as Fields,
      );
    // A flexible shape needs its size in the same request.
    if ("shape" in details && inputs["shapeConfig"] !== undefined)
      details["shapeConfig"] = shapeConfig.toApi(inputs["shapeConfig"]);
    if (Object.keys(details).length > 0)
      await compute.updateInstance({ instanceId, updateInstanceDetails: details });
    if (vnicDetails !== undefined) {
      const vnic = await readPrimaryVnic(inputs["compartmentId"] as string, instanceId);
      await updatePrimaryVnic(vnic, inputs["createVnicDetails"] as Fields);
    }
  },
  move: async (instanceId, compartmentId) =>
    (await clients()).compute.changeInstanceCompartment({
      instanceId,
      changeInstanceCompartmentDetails: { compartmentId },
    }),
  delete: async (instanceId, { preserveBootVolume }) => {
    const { compute } = await clients();
    return compute.terminateInstance({
      instanceId,
      preserveBootVolume: typeof preserveBootVolume === "boolean" ? preserveBootVolume : undefined,
    });
  },
  extraOutputs: async (api, previous) => {
    const { id, compartmentId, availabilityDomain } = api as Record<string, string>;
    if (id === undefined || compartmentId === undefined || availabilityDomain === undefined) return {};
    const [vnic, volume] = await Promise.all([
      readPrimaryVnic(compartmentId, id).catch(() => undefined),
      readBootVolume(availabilityDomain, compartmentId, id).catch(() => undefined),
    ]);
    return {
      ...(vnic && vnicOutputs(vnic, previous["createVnicDetails"] as Fields | undefined)),
      ...sourceOutputs(volume, previous["sourceDetails"] as Fields | undefined, api["sourceDetails"]),
    };
  },
};
