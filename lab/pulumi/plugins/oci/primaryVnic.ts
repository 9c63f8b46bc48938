import type { models } from "oci-core";
import { clients } from "./clients.ts";
import {
  booleanText,
  caseInsensitive,
  definedTags,
  object,
  programView,
  set,
  withoutFields,
} from "./codecs.ts";
import type { Codec, Fields, Properties } from "./codecs.ts";

/** An instance's primary VNIC, which a program writes into the instance's `createVnicDetails`. */

const PRIMARY_VNIC: Properties = {
  // The VNIC itself has no such field; only requests do.
  assignPublicIp: { codec: booleanText, defaultWhenOmitted: "true" },
  assignPrivateDnsRecord: { change: "replaces" },
  definedTags: { codec: definedTags },
  displayName: {},
  freeformTags: {},
  hostnameLabel: { codec: caseInsensitive },
  nsgIds: { codec: set() },
  privateIp: { change: "replaces" },
  skipSourceDestCheck: {},
  subnetId: { change: "replaces" },
};

const vnicObject = object(PRIMARY_VNIC);

export const createVnicDetails: Codec = {
  ...vnicObject,
  toApi: (value) => ({ assignPublicIp: true, ...(vnicObject.toApi(value) as Fields) }),
};

/** The VNIC's outputs of an instance; `previous` is the program's or the state's createVnicDetails. */
export const vnicOutputs = (vnic: models.Vnic, previous: Fields | undefined): Fields => ({
  createVnicDetails: {
    assignPublicIp: "true",
    ...previous,
    ...programView(PRIMARY_VNIC, { ...vnic }),
  },
  hostnameLabel: vnic.hostnameLabel ?? "",
  privateIp: vnic.privateIp ?? "",
  publicIp: vnic.publicIp ?? "",
  subnetId: vnic.subnetId,
});

export async function readPrimaryVnic(compartmentId: string, instanceId: string): Promise<models.Vnic> {
  const { compute, network } = await clients();
  const { items } = await compute.listVnicAttachments({ compartmentId, instanceId });
  for (const { lifecycleState, vnicId } of items) {
    if (String(lifecycleState) !== "ATTACHED" || vnicId === undefined) continue;
    const { vnic } = await network.getVnic({ vnicId });
    if (vnic.isPrimary) return vnic;
  }
  throw new Error(`${instanceId} has no primary VNIC.`);
}

/** Changes a VNIC and its public address to a program's createVnicDetails. */
export async function updatePrimaryVnic(vnic: models.Vnic, inputs: Fields): Promise<void> {
  const { network } = await clients();
  const details = createVnicDetails.toApi(inputs) as Fields;
  if (details["assignPublicIp"] === true) await assignPublicIp(vnic);
  else await releasePublicIp(vnic);
  const updateVnicDetails = withoutFields(
    details,
    ...["assignPublicIp", "assignPrivateDnsRecord", "privateIp", "subnetId"],
  );
  if (Object.keys(updateVnicDetails).length > 0)
    await network.updateVnic({ vnicId: vnic.id, updateVnicDetails });
}

async function assignPublicIp({
  id: vnicId,
  compartmentId,
  privateIp,
  publicIp,
}: models.Vnic): Promise<void> {
  if (publicIp !== undefined) return;
  const { network } = await clients();
  const { items } = await network.listPrivateIps({ vnicId });
  const privateIpId = items.find(({ ipAddress }) => ipAddress === privateIp)?.id ?? "";
  await network.createPublicIp({
    createPublicIpDetails: { compartmentId, lifetime: "EPHEMERAL" as never, privateIpId },
  });
}

async function releasePublicIp({ publicIp: ipAddress }: models.Vnic): Promise<void> {
  if (ipAddress === undefined) return;
  const { network } = await clients();
  const { publicIp } = await network.getPublicIpByIpAddress({ getPublicIpByIpAddressDetails: { ipAddress } });
  await network.deletePublicIp({ publicIpId: publicIp.id ?? "" });
}
