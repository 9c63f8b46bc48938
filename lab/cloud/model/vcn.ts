import { cidrOf, contains, overlaps, parseCidr } from "../../network/cidr.ts";
import type { Cidr } from "../../network/cidr.ts";
import type { RequestBody } from "../requestSchemas.ts";
import type { Cloud } from "./cloud.ts";
import { conflict, incorrectState, invalidParameter, limitExceeded } from "./errors.ts";
import type { ResourceKind, SecurityList, Vcn } from "./resources.ts";

/** Blocks that no VCN may use: loopback, link-local, multicast and reserved addresses. */
const FORBIDDEN_BLOCKS = ["0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/3"];

/** Blocks that one VCN has at most. */
const BLOCKS_LIMIT = 5;

/** Creates a VCN with its default security list, route table and DHCP options. */
export function createVcn(cloud: Cloud, details: RequestBody<"createVcn">): Vcn {
  const { dnsLabel } = details;
  const cidrBlocks = blocksOf(details);
  checkBlocks(cidrBlocks);
  if (dnsLabel !== undefined) checkDnsLabel(dnsLabel);
  const common = cloud.commonFields("vcns", details);
  return cloud.provision("vcns", {
    ...common,
    lifecycleState: "PROVISIONING",
    cidrBlock: cidrBlocks[0] ?? "",
    cidrBlocks,
    ...addDefaults(cloud, common, cidrBlocks),
    dnsLabel,
    vcnDomainName: dnsLabel && `${dnsLabel}.oraclevcn.com`,
  });
}

/**
 * A VCN whose blocks are not being changed. Until then, Oracle takes no new or changed subnet or route table in it.
 *
 * Source: https://docs.oracle.com/en-us/iaas/api/#/en/iaas/20160918/Vcn/ModifyVcnCidr
 *
 * @throws CloudError IncorrectState
 */
export function steadyVcn(cloud: Cloud, id: string): Vcn {
  const vcn = cloud.get("vcns", id);
  if (vcn.lifecycleState === "UPDATING") throw incorrectState(`The VCN ${id} is UPDATING.`);
  return vcn;
}

export function addVcnCidr(cloud: Cloud, id: string, { cidrBlock }: RequestBody<"addVcnCidr">): Vcn {
  return changeBlocks(cloud, id, (blocks) => [...blocks, cidrBlock]);
}

export function modifyVcnCidr(
  cloud: Cloud,
  id: string,
  { originalCidrBlock, newCidrBlock }: RequestBody<"modifyVcnCidr">,
): Vcn {
  return changeBlocks(cloud, id, (blocks) => {
    requireBlock(blocks, originalCidrBlock);
    return blocks.map((block) => (block === originalCidrBlock ? newCidrBlock : block));
  });
}

export function removeVcnCidr(cloud: Cloud, id: string, { cidrBlock }: RequestBody<"removeVcnCidr">): Vcn {
  return changeBlocks(cloud, id, (blocks) => {
    requireBlock(blocks, cidrBlock);
    return blocks.filter((block) => block !== cidrBlock);
  });
}

function requireBlock(blocks: readonly string[], block: string): void {
  if (!blocks.includes(block)) throw invalidParameter(`The VCN has no CIDR block ${block}.`);
}

/** Gives a VCN other blocks, which have to hold all of its subnets. */
function changeBlocks(cloud: Cloud, id: string, change: (blocks: readonly string[]) => string[]): Vcn {
  const cidrBlocks = change(steadyVcn(cloud, id).cidrBlocks);
  const [cidrBlock] = cidrBlocks;
  if (cidrBlock === undefined) throw invalidParameter(`The VCN ${id} has to keep a CIDR block.`);
  if (cidrBlocks.length > BLOCKS_LIMIT) throw limitExceeded(`A VCN has at most ${BLOCKS_LIMIT} CIDR blocks.`);
  checkBlocks(cidrBlocks);
  const vcnBlocks = cidrBlocks.map(cidrOf);
  const strandedSubnet = cloud
    .all("subnets")
    .find(
      (subnet) =>
        subnet.vcnId === id && !vcnBlocks.some((block) => contains(block, cidrOf(subnet.cidrBlock))),
    );
  if (strandedSubnet !== undefined)
    throw invalidParameter(
      `The CIDR blocks ${cidrBlocks.join(", ")} leave out ${strandedSubnet.cidrBlock} of the subnet ${strandedSubnet.id}.`,
    );
  cloud.updateSlowly("vcns", id, { cidrBlock, cidrBlocks });
  return cloud.get("vcns", id);
}

function blocksOf({ cidrBlock, cidrBlocks }: RequestBody<"createVcn">): string[] {
  if (cidrBlocks !== undefined && cidrBlock !== undefined)
    throw invalidParameter("cidrBlock and cidrBlocks cannot both be given.");
  const blocks = cidrBlocks ?? (cidrBlock === undefined ? [] : [cidrBlock]);
  if (blocks.length === 0) throw invalidParameter("A VCN needs a CIDR block: give cidrBlocks.");
  return blocks;
}

type VcnDefaults = Pick<Vcn, "defaultDhcpOptionsId" | "defaultRouteTableId" | "defaultSecurityListId">;

/** Adds the resources that come with a VCN and go with it. */
function addDefaults(
  cloud: Cloud,
  { id: vcnId, compartmentId, displayName }: Pick<Vcn, "id" | "compartmentId" | "displayName">,
  cidrBlocks: readonly string[],
): VcnDefaults {
  const fields = (kind: ResourceKind, name: string) => ({
    ...cloud.commonFields(kind, { compartmentId, displayName: `Default ${name} for ${displayName}` }),
    vcnId,
    lifecycleState: "AVAILABLE" as const,
  });
  const table = { ...fields("routeTables", "Route Table"), routeRules: [] };
  const list = { ...fields("securityLists", "Security List"), ...defaultRules(cidrBlocks) };
  const dhcpOptions = {
    ...fields("dhcpOptions", "DHCP Options"),
    domainNameType: "CUSTOM_DOMAIN",
    options: [{ type: "DomainNameServer", serverType: "VcnLocalPlusInternet", customDnsServers: [] }],
  };
  cloud.add("routeTables", table);
  cloud.add("securityLists", list);
  cloud.add("dhcpOptions", dhcpOptions);
  return {
    defaultDhcpOptionsId: dhcpOptions.id,
    defaultRouteTableId: table.id,
    defaultSecurityListId: list.id,
  };
}

/** Oracle's default rules: SSH from anywhere, ICMP errors about unreachable destinations, all egress. */
function defaultRules(
  cidrBlocks: readonly string[],
): Pick<SecurityList, "ingressSecurityRules" | "egressSecurityRules"> {
  const from = (source: string) => ({ source, sourceType: "CIDR_BLOCK" as const, isStateless: false });
  return {
    ingressSecurityRules: [
      { ...from("0.0.0.0/0"), protocol: "6", tcpOptions: { destinationPortRange: { min: 22, max: 22 } } },
      { ...from("0.0.0.0/0"), protocol: "1", icmpOptions: { type: 3, code: 4 } },
      ...cidrBlocks.map((block) => ({ ...from(block), protocol: "1", icmpOptions: { type: 3 } })),
    ],
    egressSecurityRules: [
      { destination: "0.0.0.0/0", destinationType: "CIDR_BLOCK", isStateless: false, protocol: "all" },
    ],
  };
}

/**
 * Deletes a VCN and its defaults.
 *
 * @throws CloudError Conflict while anything else is in it
 */
export function deleteVcn(cloud: Cloud, id: string): void {
  const { defaultDhcpOptionsId, defaultRouteTableId, defaultSecurityListId } = cloud.get("vcns", id);
  const defaults = [defaultDhcpOptionsId, defaultRouteTableId, defaultSecurityListId];
  const kinds = [
    "subnets",
    "internetGateways",
    "natGateways",
    "serviceGateways",
    "routeTables",
    "securityLists",
    "networkSecurityGroups",
    "dhcpOptions",
  ] as const;
  const children = kinds.flatMap((kind) => cloud.all(kind).filter(({ vcnId }) => vcnId === id));
  const child = children.find((resource) => !defaults.includes(resource.id));
  if (child !== undefined)
    throw conflict(`The VCN ${id} cannot be deleted: ${child.id} (${child.displayName}) is still in it.`);
  cloud.remove("dhcpOptions", defaultDhcpOptionsId);
  cloud.remove("routeTables", defaultRouteTableId);
  cloud.remove("securityLists", defaultSecurityListId);
  cloud.terminate("vcns", id);
}

function checkBlocks(blocks: readonly string[]): void {
  const checkedBlocks: Cidr[] = [];
  for (const block of blocks) {
    const cidr = checkBlock(block, "VCN");
    const reservedBlock = FORBIDDEN_BLOCKS.find((each) => overlaps(cidrOf(each), cidr));
    if (reservedBlock !== undefined)
      throw invalidParameter(`The CIDR block ${block} overlaps ${reservedBlock}, which is reserved.`);
    if (checkedBlocks.some((other) => overlaps(other, cidr)))
      throw invalidParameter(`The CIDR block ${block} overlaps another one of the VCN.`);
    checkedBlocks.push(cidr);
  }
}

/** Checks the form and size of a block of a VCN or a subnet. */
export function checkBlock(block: string, owner: "VCN" | "subnet"): Cidr {
  const cidr = parseCidr(block);
  if (cidr === undefined) throw invalidParameter(`The CIDR block ${block} is not valid.`);
  if (cidr.prefix < 16 || cidr.prefix > 30)
    throw invalidParameter(`The CIDR block ${block} of a ${owner} must be between /16 and /30.`);
  return cidr;
}

export function checkDnsLabel(label: string): void {
  if (!/^[a-z][a-z0-9]{0,14}$/i.test(label))
    throw invalidParameter(
      `The DNS label ${label} is not valid: letters and digits, a letter first, at most 15.`,
    );
}
