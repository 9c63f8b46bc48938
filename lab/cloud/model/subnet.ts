import { randomBytes } from "node:crypto";
import { conflict, invalid, limitExceeded } from "../errors.ts";
import { AVAILABILITY_DOMAINS } from "../region.ts";
import { formatAddress, holds, overlaps, parseCidr } from "./cidr.ts";
import type { Cloud, CommonDetails } from "./cloud.ts";
import { updateCommon } from "./cloud.ts";
import type { Subnet } from "./resources.ts";
import { checkDnsLabel } from "./vcn.ts";

interface SubnetLinks {
  dhcpOptionsId?: string | undefined;
  routeTableId?: string | undefined;
  securityListIds?: string[] | undefined;
}

export interface CreateSubnetDetails extends CommonDetails, SubnetLinks {
  vcnId: string;
  cidrBlock: string;
  availabilityDomain?: string | undefined;
  dnsLabel?: string | undefined;
  prohibitInternetIngress?: boolean | undefined;
  prohibitPublicIpOnVnic?: boolean | undefined;
}

/** Security lists that one subnet takes. */
const LISTS_LIMIT = 5;

export function createSubnet(cloud: Cloud, details: CreateSubnetDetails): Subnet {
  const vcn = cloud.get("vcns", details.vcnId);
  const base = checkBlock(cloud, details.vcnId, details.cidrBlock);
  checkLinks(cloud, details.vcnId, details);
  if (details.availabilityDomain !== undefined && !AVAILABILITY_DOMAINS.includes(details.availabilityDomain))
    throw invalid(`The availability domain ${details.availabilityDomain} does not exist.`);
  const { dnsLabel } = details;
  if (dnsLabel !== undefined) {
    checkDnsLabel(dnsLabel);
    if (vcn.dnsLabel === undefined)
      throw invalid(`The DNS label ${dnsLabel} cannot be used: the VCN has none.`);
    if (cloud.all("subnets").some((other) => other.vcnId === vcn.id && other.dnsLabel === dnsLabel))
      throw invalid(`The DNS label ${dnsLabel} is in use in the VCN.`);
  }
  const closed = details.prohibitPublicIpOnVnic ?? details.prohibitInternetIngress ?? false;
  const subnet: Subnet = {
    ...cloud.common("subnet", details, "subnet"),
    lifecycleState: "PROVISIONING",
    vcnId: vcn.id,
    cidrBlock: details.cidrBlock,
    ...(details.availabilityDomain === undefined ? {} : { availabilityDomain: details.availabilityDomain }),
    ...(dnsLabel === undefined
      ? {}
      : { dnsLabel, subnetDomainName: `${dnsLabel}.${vcn.vcnDomainName ?? ""}` }),
    dhcpOptionsId: details.dhcpOptionsId ?? vcn.defaultDhcpOptionsId,
    prohibitInternetIngress: closed,
    prohibitPublicIpOnVnic: closed,
    routeTableId: details.routeTableId ?? vcn.defaultRouteTableId,
    securityListIds: details.securityListIds ?? [vcn.defaultSecurityListId],
    virtualRouterIp: formatAddress(base + 1),
    virtualRouterMac: `00:00:17:${randomBytes(3).toString("hex").match(/../g)?.join(":") ?? ""}`,
  };
  cloud.add("subnets", subnet);
  cloud.settle("subnets", subnet.id, "AVAILABLE");
  return subnet;
}

export function updateSubnet(
  cloud: Cloud,
  id: string,
  details: Partial<CommonDetails> & SubnetLinks & { cidrBlock?: string | undefined },
): Subnet {
  const subnet = cloud.get("subnets", id);
  const { cidrBlock = subnet.cidrBlock } = details;
  const base = cidrBlock === subnet.cidrBlock ? undefined : resize(cloud, subnet, cidrBlock);
  checkLinks(cloud, subnet.vcnId, details);
  if (base !== undefined) {
    subnet.cidrBlock = cidrBlock;
    subnet.virtualRouterIp = formatAddress(base + 1);
  }
  const { dhcpOptionsId, routeTableId, securityListIds } = details;
  if (dhcpOptionsId !== undefined) subnet.dhcpOptionsId = dhcpOptionsId;
  if (routeTableId !== undefined) subnet.routeTableId = routeTableId;
  if (securityListIds !== undefined) subnet.securityListIds = securityListIds;
  updateCommon(subnet, details);
  return subnet;
}

export function deleteSubnet(cloud: Cloud, id: string): void {
  const subnet = cloud.get("subnets", id);
  const vnic = cloud.all("vnics").find(({ subnetId }) => subnetId === id);
  if (vnic !== undefined) throw conflict(`The subnet ${id} cannot be deleted: the VNIC ${vnic.id} is in it.`);
  subnet.lifecycleState = "TERMINATING";
  cloud.settle("subnets", id, "removed");
}

/** A running subnet keeps its first address, so that its gateway stays where the hosts look for it. */
function resize(cloud: Cloud, subnet: Subnet, block: string): number {
  const base = checkBlock(cloud, subnet.vcnId, block, subnet.id);
  const size = parseCidr(block)?.size ?? 0;
  for (const { subnetId, privateIp } of cloud
    .all("privateIps")
    .map((ip) => ({ ...ip, privateIp: ip.ipAddress }))) {
    const address = parseCidr(`${privateIp}/32`)?.base ?? 0;
    if (subnetId === subnet.id && (address < base + 2 || address >= base + size - 1))
      throw invalid(`The CIDR block ${block} leaves out the address ${privateIp}, which is in use.`);
  }
  return base;
}

/** Checks a subnet's block against its VCN and its siblings, and returns its first address. */
function checkBlock(cloud: Cloud, vcnId: string, block: string, self?: string): number {
  const cidr = parseCidr(block);
  if (cidr === undefined) throw invalid(`The CIDR block ${block} is not valid.`);
  if (cidr.prefix < 16 || cidr.prefix > 30)
    throw invalid(`The CIDR block ${block} of a subnet must be between /16 and /30.`);
  const vcn = cloud.get("vcns", vcnId);
  if (!vcn.cidrBlocks.some((outer) => holds(parseCidr(outer) ?? cidr, cidr)))
    throw invalid(`The CIDR block ${block} is not within the VCN's ${vcn.cidrBlocks.join(", ")}.`);
  const sibling = cloud
    .all("subnets")
    .find(
      (other) =>
        other.id !== self && other.vcnId === vcnId && overlaps(parseCidr(other.cidrBlock) ?? cidr, cidr),
    );
  if (sibling !== undefined)
    throw invalid(`The CIDR block ${block} overlaps ${sibling.cidrBlock} of the subnet ${sibling.id}.`);
  return cidr.base;
}

function checkLinks(cloud: Cloud, vcnId: string, links: SubnetLinks): void {
  const { dhcpOptionsId, routeTableId, securityListIds = [] } = links;
  if (securityListIds.length > LISTS_LIMIT)
    throw limitExceeded(
      `A subnet takes at most ${LISTS_LIMIT} security lists, not ${securityListIds.length}.`,
    );
  if (new Set(securityListIds).size < securityListIds.length)
    throw invalid("securityListIds names a security list twice.");
  const linked = [
    ...(dhcpOptionsId === undefined ? [] : [cloud.get("dhcpOptions", dhcpOptionsId)]),
    ...(routeTableId === undefined ? [] : [cloud.get("routeTables", routeTableId)]),
    ...securityListIds.map((id) => cloud.get("securityLists", id)),
  ];
  for (const { id, vcnId: other } of linked)
    if (other !== vcnId) throw invalid(`${id} is not in the VCN ${vcnId}.`);
}
