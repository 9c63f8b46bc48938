import { randomBytes } from "node:crypto";
import { invalid } from "../errors.ts";
import { formatAddress, isReserved, overlaps, parseAddress, parseCidr } from "./cidr.ts";
import type { Cidr } from "./cidr.ts";
import type { Cloud, CommonDetails } from "./cloud.ts";
import { updateCommon } from "./cloud.ts";
import type { Instance, PrivateIp, Subnet, Vnic, VnicAttachment } from "./resources.ts";

export interface CreateVnicDetails {
  subnetId: string;
  assignPublicIp?: boolean | undefined;
  displayName?: string | undefined;
  hostnameLabel?: string | undefined;
  privateIp?: string | undefined;
  nsgIds?: string[] | undefined;
  skipSourceDestCheck?: boolean | undefined;
  freeformTags?: Record<string, string> | undefined;
  definedTags?: Record<string, Record<string, unknown>> | undefined;
}

/** Where public addresses come from: a network of documentation, which nobody routes. */
export const PUBLIC_ADDRESSES = "203.0.113.0/24";

/** What a VNIC of this request will have, checked before anything is made. */
export interface VnicPlan {
  subnet: Subnet;
  privateIp: string;
  wantsPublicIp: boolean;
}

/**
 * Checks what a launch says of its VNIC, and finds its address.
 *
 * @throws CloudError
 */
export function planVnic(cloud: Cloud, details: CreateVnicDetails, availabilityDomain: string): VnicPlan {
  const subnet = cloud.get("subnets", details.subnetId);
  if (subnet.availabilityDomain !== undefined && subnet.availabilityDomain !== availabilityDomain)
    throw invalid(
      `The subnet ${subnet.id} is in ${subnet.availabilityDomain}, not in ${availabilityDomain}.`,
    );
  if (details.nsgIds !== undefined && details.nsgIds.length > 0)
    throw invalid("nsgIds: the lab's cloud has no network security groups.");
  const wantsPublicIp = details.assignPublicIp ?? !subnet.prohibitPublicIpOnVnic;
  if (wantsPublicIp && subnet.prohibitPublicIpOnVnic)
    throw invalid(`assignPublicIp is true, and the subnet ${subnet.id} prohibits public addresses.`);
  checkHostname(cloud, subnet, details.hostnameLabel);
  const block = parseCidr(subnet.cidrBlock);
  if (block === undefined) throw invalid(`The subnet ${subnet.id} has no valid CIDR block.`);
  const privateIp =
    details.privateIp === undefined
      ? freeAddress(cloud, subnet, block)
      : checkAddress(cloud, subnet, block, details.privateIp);
  return { subnet, privateIp, wantsPublicIp };
}

function checkHostname(cloud: Cloud, subnet: Subnet, label: string | undefined): void {
  if (label === undefined) return;
  if (!/^[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?$/i.test(label))
    throw invalid(`The hostnameLabel ${label} is not valid.`);
  if (subnet.dnsLabel === undefined)
    throw invalid(`The hostnameLabel ${label} cannot be used: the subnet ${subnet.id} has no dnsLabel.`);
  if (cloud.all("vnics").some((other) => other.subnetId === subnet.id && other.hostnameLabel === label))
    throw invalid(`The hostnameLabel ${label} is in use in the subnet ${subnet.id}.`);
}

function checkAddress(cloud: Cloud, subnet: Subnet, block: Cidr, text: string): string {
  const address = parseAddress(text);
  if (address === undefined) throw invalid(`The private IP address ${text} is not valid.`);
  if (!overlaps(block, { base: address, prefix: 32, size: 1 }))
    throw invalid(`The private IP address ${text} is not in the subnet's ${subnet.cidrBlock}.`);
  if (isReserved(block, address))
    throw invalid(`The private IP address ${text} is reserved in ${subnet.cidrBlock}.`);
  const user = cloud.all("privateIps").find(({ ipAddress }) => ipAddress === text);
  if (user?.subnetId === subnet.id)
    throw invalid(`The private IP address ${text} is in use by the VNIC ${user.vnicId}.`);
  if (user !== undefined)
    throw invalid(`The address ${text} is in use in another VCN; the lab gives each address out once.`);
  return text;
}

function freeAddress(cloud: Cloud, subnet: Subnet, block: Cidr): string {
  const used = new Set(cloud.all("privateIps").map(({ ipAddress }) => ipAddress));
  for (let address = block.base + 2; !isReserved(block, address); address++) {
    const text = formatAddress(address);
    if (!used.has(text)) return text;
  }
  throw invalid(`The subnet ${subnet.id} (${subnet.cidrBlock}) has no free address.`);
}

function freePublicAddress(cloud: Cloud): string {
  const block = parseCidr(PUBLIC_ADDRESSES) as Cidr;
  const used = new Set(cloud.all("vnics").map(({ publicIp }) => publicIp));
  for (let address = block.base + 2; !isReserved(block, address); address++) {
    const text = formatAddress(address);
    if (!used.has(text)) return text;
  }
  throw invalid("No public IP address is left.");
}

/** Gives a VNIC's private address a public one of its own, for as long as the VNIC is there. */
export function assignPublicIp(cloud: Cloud, privateIpId: string, lifetime: string): Vnic {
  if (lifetime !== "EPHEMERAL")
    throw invalid(`lifetime ${lifetime}: the lab's cloud has ephemeral public addresses only.`);
  const vnic = cloud.get("vnics", cloud.get("privateIps", privateIpId).vnicId);
  const { id, prohibitPublicIpOnVnic } = cloud.get("subnets", vnic.subnetId);
  if (prohibitPublicIpOnVnic) throw invalid(`The subnet ${id} prohibits public addresses.`);
  if (vnic.publicIp !== undefined)
    throw invalid(`The private IP ${privateIpId} has the public address ${vnic.publicIp}.`);
  vnic.publicIp = freePublicAddress(cloud);
  return vnic;
}

/** Takes the public address of a VNIC back. */
export function releasePublicIp(cloud: Cloud, vnicId: string): void {
  delete cloud.get("vnics", vnicId).publicIp;
}

/** Makes an instance's VNIC as planned, with its attachment and its private address. */
export function attachVnic(
  cloud: Cloud,
  instance: Instance,
  { subnet, privateIp, wantsPublicIp }: VnicPlan,
  details: CreateVnicDetails,
): void {
  const { compartmentId, availabilityDomain } = instance;
  const label = details.hostnameLabel === undefined ? {} : { hostnameLabel: details.hostnameLabel };
  const named = { compartmentId, displayName: details.displayName ?? instance.displayName };
  const vnic: Vnic = {
    ...cloud.common("vnic", { ...details, ...named }, ""),
    lifecycleState: "AVAILABLE",
    availabilityDomain,
    subnetId: subnet.id,
    isPrimary: true,
    macAddress: `02:00:17:${randomBytes(3).toString("hex").match(/../g)?.join(":") ?? ""}`,
    privateIp,
    ...(wantsPublicIp ? { publicIp: freePublicAddress(cloud) } : {}),
    ...label,
    nsgIds: [],
    skipSourceDestCheck: details.skipSourceDestCheck ?? false,
  };
  const attachment: VnicAttachment = {
    ...cloud.common("vnicattachment", named, ""),
    lifecycleState: "ATTACHED",
    availabilityDomain,
    instanceId: instance.id,
    subnetId: subnet.id,
    vnicId: vnic.id,
    nicIndex: 0,
    vlanTag: 1,
  };
  const address: PrivateIp = {
    ...cloud.common("privateip", named, ""),
    availabilityDomain,
    ipAddress: privateIp,
    isPrimary: true,
    subnetId: subnet.id,
    vnicId: vnic.id,
    ...label,
  };
  cloud.add("vnics", vnic);
  cloud.add("vnicAttachments", attachment);
  cloud.add("privateIps", address);
}

/** Removes what attachVnic made. */
export function detachVnics(cloud: Cloud, instanceId: string): void {
  for (const attachment of cloud.all("vnicAttachments").filter((each) => each.instanceId === instanceId)) {
    for (const { id } of cloud.all("privateIps").filter(({ vnicId }) => vnicId === attachment.vnicId))
      cloud.remove("privateIps", id);
    cloud.remove("vnics", attachment.vnicId);
    cloud.remove("vnicAttachments", attachment.id);
  }
}

/** An instance's primary VNIC, while it has one. */
export function vnicOf(cloud: Cloud, instanceId: string): Vnic | undefined {
  const attachment = cloud.all("vnicAttachments").find((each) => each.instanceId === instanceId);
  return attachment && cloud.get("vnics", attachment.vnicId);
}

export function updateVnic(
  cloud: Cloud,
  id: string,
  details: Partial<CommonDetails> & {
    hostnameLabel?: string | undefined;
    nsgIds?: string[] | undefined;
    skipSourceDestCheck?: boolean | undefined;
  },
): Vnic {
  const vnic = cloud.get("vnics", id);
  if (details.nsgIds !== undefined && details.nsgIds.length > 0)
    throw invalid("nsgIds: the lab's cloud has no network security groups.");
  const { hostnameLabel, skipSourceDestCheck } = details;
  if (hostnameLabel !== undefined && hostnameLabel !== vnic.hostnameLabel) {
    checkHostname(cloud, cloud.get("subnets", vnic.subnetId), hostnameLabel);
    vnic.hostnameLabel = hostnameLabel;
  }
  if (skipSourceDestCheck !== undefined) vnic.skipSourceDestCheck = skipSourceDestCheck;
  updateCommon(vnic, details);
  return vnic;
}
