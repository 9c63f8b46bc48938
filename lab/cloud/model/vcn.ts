import { conflict, invalid } from "../errors.ts";
import { overlaps, parseCidr } from "./cidr.ts";
import type { Cloud, CommonDetails } from "./cloud.ts";
import { updateCommon } from "./cloud.ts";
import type { SecurityList, Vcn } from "./resources.ts";

export interface CreateVcnDetails extends CommonDetails {
  cidrBlock?: string | undefined;
  cidrBlocks?: string[] | undefined;
  dnsLabel?: string | undefined;
}

/** Blocks that are never a VCN's: link-local, multicast, and what comes after it. */
const FORBIDDEN = ["0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/3"];

/** Makes a VCN with its default security list, route table and DHCP options. */
export function createVcn(cloud: Cloud, details: CreateVcnDetails): Vcn {
  const blocks = details.cidrBlocks ?? (details.cidrBlock === undefined ? [] : [details.cidrBlock]);
  if (details.cidrBlocks !== undefined && details.cidrBlock !== undefined)
    throw invalid("cidrBlock and cidrBlocks cannot both be given.");
  if (blocks.length === 0) throw invalid("A VCN needs a CIDR block: give cidrBlocks.");
  checkBlocks(blocks);
  const common = cloud.common("vcn", details, "vcn");
  if (details.dnsLabel !== undefined) checkDnsLabel(details.dnsLabel);

  const children = { compartmentId: details.compartmentId };
  const of = { vcnId: common.id, lifecycleState: "AVAILABLE" as const };
  const table = {
    ...cloud.common(
      "routetable",
      { ...children, displayName: `Default Route Table for ${common.displayName}` },
      "",
    ),
    ...of,
    routeRules: [],
  };
  const list: SecurityList = {
    ...cloud.common(
      "securitylist",
      { ...children, displayName: `Default Security List for ${common.displayName}` },
      "",
    ),
    ...of,
    ...defaultRules(blocks),
  };
  const dhcp = {
    ...cloud.common(
      "dhcpoptions",
      { ...children, displayName: `Default DHCP Options for ${common.displayName}` },
      "",
    ),
    ...of,
    domainNameType: "CUSTOM_DOMAIN",
    options: [{ type: "DomainNameServer", serverType: "VcnLocalPlusInternet", customDnsServers: [] }],
  };
  const vcn: Vcn = {
    ...common,
    lifecycleState: "PROVISIONING",
    cidrBlock: blocks[0] ?? "",
    cidrBlocks: blocks,
    defaultDhcpOptionsId: dhcp.id,
    defaultRouteTableId: table.id,
    defaultSecurityListId: list.id,
    ...(details.dnsLabel === undefined
      ? {}
      : { dnsLabel: details.dnsLabel, vcnDomainName: `${details.dnsLabel}.oraclevcn.com` }),
  };
  cloud.add("routeTables", table);
  cloud.add("securityLists", list);
  cloud.add("dhcpOptions", dhcp);
  cloud.add("vcns", vcn);
  cloud.settle("vcns", vcn.id, "AVAILABLE");
  return vcn;
}

export function updateVcn(cloud: Cloud, id: string, details: Partial<CommonDetails>): Vcn {
  const vcn = cloud.get("vcns", id);
  updateCommon(vcn, details);
  return vcn;
}

/**
 * Removes a VCN and what came with it.
 *
 * @throws CloudError 409 while anything else is in it
 */
export function deleteVcn(cloud: Cloud, id: string): void {
  const vcn = cloud.get("vcns", id);
  const defaults = [vcn.defaultDhcpOptionsId, vcn.defaultRouteTableId, vcn.defaultSecurityListId];
  const kinds = ["subnets", "internetGateways", "routeTables", "securityLists", "dhcpOptions"] as const;
  for (const kind of kinds) {
    const left = cloud.all(kind).find(({ vcnId, id: child }) => vcnId === id && !defaults.includes(child));
    if (left !== undefined)
      throw conflict(`The VCN ${id} cannot be deleted: ${left.id} (${left.displayName}) is still in it.`);
  }
  cloud.remove("dhcpOptions", vcn.defaultDhcpOptionsId);
  cloud.remove("routeTables", vcn.defaultRouteTableId);
  cloud.remove("securityLists", vcn.defaultSecurityListId);
  vcn.lifecycleState = "TERMINATING";
  cloud.settle("vcns", id, "removed");
}

function checkBlocks(blocks: readonly string[]): void {
  const parsed = blocks.map((block) => {
    const cidr = parseCidr(block);
    if (cidr === undefined) throw invalid(`The CIDR block ${block} is not valid.`);
    if (cidr.prefix < 16 || cidr.prefix > 30)
      throw invalid(`The CIDR block ${block} of a VCN must be between /16 and /30.`);
    const forbidden = FORBIDDEN.find((each) => overlaps(parseCidr(each) ?? cidr, cidr));
    if (forbidden !== undefined)
      throw invalid(`The CIDR block ${block} overlaps ${forbidden}, which is reserved.`);
    return cidr;
  });
  parsed.forEach((cidr, index) => {
    if (parsed.slice(0, index).some((other) => overlaps(other, cidr)))
      throw invalid(`The CIDR block ${blocks[index] ?? ""} overlaps another one of the VCN.`);
  });
}

/** A name's part in DNS: letters and digits, a letter first, 15 at most. */
export function checkDnsLabel(label: string): void {
  if (!/^[a-z][a-z0-9]{0,14}$/i.test(label))
    throw invalid(`The DNS label ${label} is not valid: letters and digits, a letter first, at most 15.`);
}

/** What Oracle puts into a VCN's default list: SSH from anywhere, ICMP about errors, every way out. */
function defaultRules(
  blocks: readonly string[],
): Pick<SecurityList, "ingressSecurityRules" | "egressSecurityRules"> {
  const from = (source: string) => ({ source, sourceType: "CIDR_BLOCK" as const, isStateless: false });
  return {
    ingressSecurityRules: [
      { ...from("0.0.0.0/0"), protocol: "6", tcpOptions: { destinationPortRange: { min: 22, max: 22 } } },
      { ...from("0.0.0.0/0"), protocol: "1", icmpOptions: { type: 3, code: 4 } },
      ...blocks.map((block) => ({ ...from(block), protocol: "1", icmpOptions: { type: 3 } })),
    ],
    egressSecurityRules: [
      { destination: "0.0.0.0/0", destinationType: "CIDR_BLOCK", isStateless: false, protocol: "all" },
    ],
  };
}
