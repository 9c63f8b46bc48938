import { randomBytes } from "node:crypto";
import { cidrOf, contains, gatewayOf, overlaps } from "../../network/cidr.ts";
import type { Cidr } from "../../network/cidr.ts";
import { AVAILABILITY_DOMAINS } from "../region.ts";
import type { RequestBody } from "../requestSchemas.ts";
import type { Cloud } from "./cloud.ts";
import { conflict, invalidParameter, limitExceeded } from "./errors.ts";
import type { Subnet, Vcn } from "./resources.ts";
import { checkBlock, checkDnsLabel, steadyVcn } from "./vcn.ts";

/** Security lists that one subnet takes. */
const LISTS_LIMIT = 5;

export function createSubnet(cloud: Cloud, details: RequestBody<"createSubnet">): Subnet {
  const { vcnId, cidrBlock, availabilityDomain, dnsLabel } = details;
  const vcn = steadyVcn(cloud, vcnId);
  const cidr = checkSubnetBlock(cloud, vcn, cidrBlock);
  checkLinks(cloud, vcnId, details);
  if (availabilityDomain !== undefined && !AVAILABILITY_DOMAINS.includes(availabilityDomain))
    throw invalidParameter(`The availability domain ${availabilityDomain} does not exist.`);
  if (dnsLabel !== undefined) checkSubnetLabel(cloud, vcn, dnsLabel);
  // Oracle keeps both flags equal: https://docs.oracle.com/en-us/iaas/api/#/en/iaas/20160918/Subnet/CreateSubnet
  const isPrivate = details.prohibitPublicIpOnVnic ?? details.prohibitInternetIngress ?? false;
  return cloud.provision("subnets", {
    ...cloud.commonFields("subnets", details),
    lifecycleState: "PROVISIONING",
    vcnId,
    cidrBlock,
    availabilityDomain,
    dnsLabel,
    subnetDomainName: dnsLabel && `${dnsLabel}.${vcn.vcnDomainName ?? ""}`,
    dhcpOptionsId: details.dhcpOptionsId ?? vcn.defaultDhcpOptionsId,
    prohibitInternetIngress: isPrivate,
    prohibitPublicIpOnVnic: isPrivate,
    routeTableId: details.routeTableId ?? vcn.defaultRouteTableId,
    securityListIds: details.securityListIds ?? [vcn.defaultSecurityListId],
    virtualRouterIp: gatewayOf(cidr),
    virtualRouterMac: `00:00:17:${randomBytes(3).toString("hex").match(/../g)?.join(":") ?? ""}`,
  });
}

export function updateSubnet(cloud: Cloud, id: string, details: RequestBody<"updateSubnet">): Subnet {
  const subnet = cloud.get("subnets", id);
  steadyVcn(cloud, subnet.vcnId);
  const { cidrBlock = subnet.cidrBlock } = details;
  if (cidrBlock !== subnet.cidrBlock) checkResize(cloud, subnet, cidrBlock);
  checkLinks(cloud, subnet.vcnId, details);
  return cloud.update("subnets", id, { ...details, virtualRouterIp: gatewayOf(cidrOf(cidrBlock)) });
}

export function deleteSubnet(cloud: Cloud, id: string): void {
  cloud.get("subnets", id);
  const vnic = cloud.all("vnics").find(({ subnetId }) => subnetId === id);
  if (vnic !== undefined) throw conflict(`The subnet ${id} cannot be deleted: the VNIC ${vnic.id} is in it.`);
  cloud.terminate("subnets", id);
}

/** Oracle reserves a subnet's first two addresses and its last. */
export const isReserved = ({ first, size }: Cidr, address: number) =>
  address < first + 2 || address >= first + size - 1;

/** A subnet in use keeps every address that a VNIC has. */
function checkResize(cloud: Cloud, subnet: Subnet, block: string): void {
  const cidr = checkSubnetBlock(cloud, cloud.get("vcns", subnet.vcnId), block, subnet.id);
  const addresses = cloud.all("privateIps").filter(({ subnetId }) => subnetId === subnet.id);
  const strandedAddress = addresses.find(({ ipAddress }) =>
    isReserved(cidr, cidrOf(`${ipAddress}/32`).first),
  );
  if (strandedAddress !== undefined)
    throw invalidParameter(
      `The CIDR block ${block} leaves out the address ${strandedAddress.ipAddress}, which is in use.`,
    );
}

/** Checks a subnet's block against its VCN and the VCN's other subnets. */
function checkSubnetBlock(cloud: Cloud, vcn: Vcn, block: string, subnetId?: string): Cidr {
  const cidr = checkBlock(block, "subnet");
  if (!vcn.cidrBlocks.some((vcnBlock) => contains(cidrOf(vcnBlock), cidr)))
    throw invalidParameter(`The CIDR block ${block} is not within the VCN's ${vcn.cidrBlocks.join(", ")}.`);
  const siblings = cloud.all("subnets").filter(({ id, vcnId }) => id !== subnetId && vcnId === vcn.id);
  const sibling = siblings.find(({ cidrBlock }) => overlaps(cidrOf(cidrBlock), cidr));
  if (sibling !== undefined)
    throw invalidParameter(
      `The CIDR block ${block} overlaps ${sibling.cidrBlock} of the subnet ${sibling.id}.`,
    );
  return cidr;
}

function checkSubnetLabel(cloud: Cloud, vcn: Vcn, label: string): void {
  checkDnsLabel(label);
  if (vcn.dnsLabel === undefined)
    throw invalidParameter(`The DNS label ${label} cannot be used: the VCN has none.`);
  if (cloud.all("subnets").some(({ vcnId, dnsLabel }) => vcnId === vcn.id && dnsLabel === label))
    throw invalidParameter(`The DNS label ${label} is in use in the VCN.`);
}

/** Checks the resources that a subnet uses: they have to be in its VCN. */
function checkLinks(cloud: Cloud, vcnId: string, links: RequestBody<"updateSubnet">): void {
  const { dhcpOptionsId, routeTableId, securityListIds = [] } = links;
  if (securityListIds.length > LISTS_LIMIT)
    throw limitExceeded(
      `A subnet takes at most ${LISTS_LIMIT} security lists, not ${securityListIds.length}.`,
    );
  if (new Set(securityListIds).size < securityListIds.length)
    throw invalidParameter("securityListIds names a security list twice.");
  const linkedResources = [
    ...(dhcpOptionsId === undefined ? [] : [cloud.get("dhcpOptions", dhcpOptionsId)]),
    ...(routeTableId === undefined ? [] : [cloud.get("routeTables", routeTableId)]),
    ...securityListIds.map((id) => cloud.get("securityLists", id)),
  ];
  for (const resource of linkedResources)
    if (resource.vcnId !== vcnId) throw invalidParameter(`${resource.id} is not in the VCN ${vcnId}.`);
}
