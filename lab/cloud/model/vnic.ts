import { randomBytes } from "node:crypto";
import { cidrOf, contains, formatAddress, parseAddress } from "../../network/cidr.ts";
import type { Cidr } from "../../network/cidr.ts";
import type { RequestBody, VnicDetails } from "../requestSchemas.ts";
import type { Cloud } from "./cloud.ts";
import { invalidParameter } from "./errors.ts";
import { checkGroups } from "./networkSecurityGroup.ts";
import type { Instance, Subnet, Vnic } from "./resources.ts";
import { isReserved } from "./subnet.ts";

/** Public addresses come from a network for documentation, which nobody routes. */
export const PUBLIC_ADDRESSES = "203.0.113.0/24";

/** A VNIC that was checked, before anything is created. */
interface VnicPlan {
  subnet: Subnet;
  privateIp: string;
  hasPublicIp: boolean;
  details: VnicDetails;
}

/**
 * Checks the VNIC of a launch, and chooses its address.
 *
 * @throws CloudError
 */
export function planVnic(
  cloud: Cloud,
  subnetId: string,
  details: VnicDetails,
  availabilityDomain: string,
): VnicPlan {
  const subnet = cloud.get("subnets", subnetId);
  if (subnet.availabilityDomain !== undefined && subnet.availabilityDomain !== availabilityDomain)
    throw invalidParameter(
      `The subnet ${subnet.id} is in ${subnet.availabilityDomain}, not in ${availabilityDomain}.`,
    );
  checkGroups(cloud, subnet, details.nsgIds);
  // Source: https://docs.oracle.com/en-us/iaas/Content/Network/Tasks/managingpublicIPs.htm
  const hasPublicIp = details.assignPublicIp ?? !subnet.prohibitPublicIpOnVnic;
  if (hasPublicIp && subnet.prohibitPublicIpOnVnic)
    throw invalidParameter(`assignPublicIp is true, and the subnet ${subnet.id} prohibits public addresses.`);
  if (details.hostnameLabel !== undefined) checkHostname(cloud, subnet, details.hostnameLabel);
  if (details.privateIp !== undefined) checkAddress(cloud, subnet, details.privateIp);
  const privateIp = details.privateIp ?? freeAddress(cloud, subnet);
  return { subnet, privateIp, hasPublicIp, details };
}

function checkHostname(cloud: Cloud, subnet: Subnet, label: string): void {
  if (!/^[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?$/i.test(label))
    throw invalidParameter(`The hostnameLabel ${label} is not valid.`);
  if (subnet.dnsLabel === undefined)
    throw invalidParameter(
      `The hostnameLabel ${label} cannot be used: the subnet ${subnet.id} has no dnsLabel.`,
    );
  if (cloud.all("vnics").some((other) => other.subnetId === subnet.id && other.hostnameLabel === label))
    throw invalidParameter(`The hostnameLabel ${label} is in use in the subnet ${subnet.id}.`);
}

function checkAddress(cloud: Cloud, subnet: Subnet, text: string): void {
  const address = parseAddress(text);
  if (address === undefined) throw invalidParameter(`The private IP address ${text} is not valid.`);
  const block = cidrOf(subnet.cidrBlock);
  if (!contains(block, cidrOf(`${text}/32`)))
    throw invalidParameter(`The private IP address ${text} is not in the subnet's ${subnet.cidrBlock}.`);
  if (isReserved(block, address))
    throw invalidParameter(`The private IP address ${text} is reserved in ${subnet.cidrBlock}.`);
  const owner = cloud.all("privateIps").find(({ ipAddress }) => ipAddress === text);
  if (owner?.subnetId === subnet.id)
    throw invalidParameter(`The private IP address ${text} is in use by the VNIC ${owner.vnicId}.`);
  if (owner !== undefined)
    throw invalidParameter(
      `The address ${text} is in use in another VCN; the lab gives each address out once.`,
    );
}

function freeAddress(cloud: Cloud, { id, cidrBlock }: Subnet): string {
  const usedAddresses = cloud.all("privateIps").map(({ ipAddress }) => ipAddress);
  const address = firstFree(cidrOf(cidrBlock), usedAddresses);
  if (address === undefined) throw invalidParameter(`The subnet ${id} (${cidrBlock}) has no free address.`);
  return address;
}

/** An address that neither a VNIC nor a NAT gateway has. */
export function freePublicAddress(cloud: Cloud): string {
  const usedAddresses = [
    ...cloud.all("vnics").flatMap(({ publicIp }) => publicIp ?? []),
    ...cloud.all("natGateways").map(({ natIp }) => natIp),
  ];
  const address = firstFree(cidrOf(PUBLIC_ADDRESSES), usedAddresses);
  if (address === undefined) throw invalidParameter("No public IP address is left.");
  return address;
}

function firstFree(block: Cidr, addresses: readonly string[]): string | undefined {
  const usedAddresses = new Set(addresses);
  for (let address = block.first + 2; !isReserved(block, address); address++)
    if (!usedAddresses.has(formatAddress(address))) return formatAddress(address);
  return undefined;
}

/** Gives a VNIC's private address a public one, for as long as the VNIC exists. */
export function assignPublicIp(cloud: Cloud, privateIpId: string, lifetime: string): Vnic {
  if (lifetime !== "EPHEMERAL")
    throw invalidParameter(`lifetime ${lifetime}: the lab's cloud has ephemeral public addresses only.`);
  const vnic = cloud.get("vnics", cloud.get("privateIps", privateIpId).vnicId);
  const { id, prohibitPublicIpOnVnic } = cloud.get("subnets", vnic.subnetId);
  if (prohibitPublicIpOnVnic) throw invalidParameter(`The subnet ${id} prohibits public addresses.`);
  if (vnic.publicIp !== undefined)
    throw invalidParameter(`The private IP ${privateIpId} has the public address ${vnic.publicIp}.`);
  vnic.publicIp = freePublicAddress(cloud);
  return vnic;
}

export function releasePublicIp(cloud: Cloud, vnicId: string): void {
  delete cloud.get("vnics", vnicId).publicIp;
}

/** Adds an instance's VNIC as planned, with its attachment and its private address. */
export function attachVnic(cloud: Cloud, instance: Instance, plan: VnicPlan): void {
  const vnicId = addPlannedVnic(cloud, instance, plan);
  addAttachment(cloud, instance, plan, vnicId);
  addPrivateIp(cloud, instance, plan, vnicId);
}

/** @returns its OCID */
function addPlannedVnic(
  cloud: Cloud,
  { compartmentId, availabilityDomain, displayName }: Instance,
  { subnet, privateIp, hasPublicIp, details }: VnicPlan,
): string {
  const { hostnameLabel, skipSourceDestCheck = false, nsgIds = [] } = details;
  const vnic = cloud.commonFields("vnics", {
    ...details,
    compartmentId,
    displayName: details.displayName ?? displayName,
  });
  cloud.add("vnics", {
    ...vnic,
    lifecycleState: "AVAILABLE",
    availabilityDomain,
    subnetId: subnet.id,
    isPrimary: true,
    macAddress: `02:00:17:${randomBytes(3).toString("hex").match(/../g)?.join(":") ?? ""}`,
    privateIp,
    publicIp: hasPublicIp ? freePublicAddress(cloud) : undefined,
    hostnameLabel,
    nsgIds,
    skipSourceDestCheck,
  });
  return vnic.id;
}

function addAttachment(
  cloud: Cloud,
  { id: instanceId, compartmentId, availabilityDomain, displayName }: Instance,
  { subnet, details }: VnicPlan,
  vnicId: string,
): void {
  cloud.add("vnicAttachments", {
    ...cloud.commonFields("vnicAttachments", {
      compartmentId,
      displayName: details.displayName ?? displayName,
    }),
    lifecycleState: "ATTACHED",
    availabilityDomain,
    instanceId,
    subnetId: subnet.id,
    vnicId,
    nicIndex: 0,
    vlanTag: 1,
  });
}

function addPrivateIp(
  cloud: Cloud,
  { compartmentId, availabilityDomain, displayName }: Instance,
  { subnet, privateIp, details }: VnicPlan,
  vnicId: string,
): void {
  cloud.add("privateIps", {
    ...cloud.commonFields("privateIps", { compartmentId, displayName: details.displayName ?? displayName }),
    availabilityDomain,
    ipAddress: privateIp,
    isPrimary: true,
    subnetId: subnet.id,
    vnicId,
    hostnameLabel: details.hostnameLabel,
  });
}

/** Removes an instance's VNICs, their attachments and private addresses. */
export function detachVnics(cloud: Cloud, instanceId: string): void {
  for (const { id, vnicId } of cloud
    .all("vnicAttachments")
    .filter((each) => each.instanceId === instanceId)) {
    for (const privateIp of cloud.all("privateIps").filter((each) => each.vnicId === vnicId))
      cloud.remove("privateIps", privateIp.id);
    cloud.remove("vnics", vnicId);
    cloud.remove("vnicAttachments", id);
  }
}

/** An instance's primary VNIC, while it has one. */
export function primaryVnic(cloud: Cloud, instanceId: string): Vnic | undefined {
  const attachment = cloud.all("vnicAttachments").find((each) => each.instanceId === instanceId);
  return attachment && cloud.get("vnics", attachment.vnicId);
}

export function updateVnic(cloud: Cloud, id: string, details: RequestBody<"updateVnic">): Vnic {
  const vnic = cloud.get("vnics", id);
  const subnet = cloud.get("subnets", vnic.subnetId);
  checkGroups(cloud, subnet, details.nsgIds);
  const { hostnameLabel } = details;
  if (hostnameLabel !== undefined && hostnameLabel !== vnic.hostnameLabel)
    checkHostname(cloud, subnet, hostnameLabel);
  return cloud.update("vnics", id, details);
}
