import { overlaps, parseAddress, parseCidr } from "../../vxlan/addresses.ts";
import { joinPath } from "../../vxlan/problems.ts";
import type { Problem } from "../../vxlan/problems.ts";
import { problemWithOcid } from "../ocid.ts";
import { GROUP_RULE_LIMIT, groupRules } from "../groupRules.ts";
import { RULE_LIMIT, securityRules, withoutContained } from "../securityRules.ts";
import type { NetworkSettings } from "../settings.ts";
import { notACidr, validateCidr } from "./cidr.ts";
import { validateSecurityList } from "./securityList.ts";
import { validateSubnets } from "./subnets.ts";

/** Networks that a VCN must not overlap. Oracle uses the first itself. */
const RESERVED_NETWORKS = [
  "169.254.0.0/16",
  "0.0.0.0/8",
  "127.0.0.0/8",
  "224.0.0.0/4",
  "240.0.0.0/4",
].flatMap((text) => parseCidr(text) ?? []);

/** CIDRs outside of a network's subnets that its Security List admits. */
export interface NetworkUsers {
  /** Of VXLAN members. */
  outsideCidrs?: readonly string[];
  /** Of jump hosts, from which SSH comes. */
  jumpHostCidrs?: readonly string[];
}

/**
 * All problems of a network that OCI would refuse.
 *
 * @param at path of the network in the user's input; empty in `HostNetwork`
 */
export function validateNetwork(network: NetworkSettings, at: string, users: NetworkUsers = {}): Problem[] {
  return [
    ...validateVcn(network, joinPath(at, "vcn")),
    ...validateSubnets(network, joinPath(at, "subnets"), at),
    ...validateSecurityList(network, joinPath(at, "securityList")),
    ...validateOperators(network, joinPath(at, "operatorCidrs"), users),
    ...validateRuleCount(network, joinPath(at, "securityList"), users),
    ...validateGroupRuleCount(network, joinPath(at, "securityGroup"), users),
  ];
}

function validateVcn({ vcn }: NetworkSettings, path: string): Problem[] {
  const { cidr, id, routeTableId } = vcn ?? {};
  if ((cidr === undefined) === (id === undefined)) {
    return [
      {
        path,
        message: cidr
          ? "given by cidr and by id: keep cidr to have a VCN created, or id for one that exists."
          : "neither cidr nor id is given: give the CIDR of a new VCN, such as 10.0.0.0/16, or the OCID of one that exists.",
      },
    ];
  }
  return [
    ...(cidr === undefined ? [] : validateCidr(cidr, joinPath(path, "cidr"), "a VCN")),
    ...(cidr === undefined ? [] : validateReserved(cidr, joinPath(path, "cidr"))),
    ...problemWithOcid(id, "vcn", joinPath(path, "id")),
    ...problemWithOcid(routeTableId, "routetable", joinPath(path, "routeTableId")),
    ...(routeTableId !== undefined && cidr !== undefined
      ? [
          {
            path: joinPath(path, "routeTableId"),
            message: "a new VCN gets a route table of its own: leave this out, or give vcn.id.",
          },
        ]
      : []),
  ];
}

/** Refuses a VCN in a reserved network. Its subnets lie in the VCN, so they need no check of their own. */
function validateReserved(text: string, path: string): Problem[] {
  const cidr = parseCidr(text);
  const range = cidr && RESERVED_NETWORKS.find((network) => overlaps(network, cidr));
  if (!range) return [];
  return [
    {
      path,
      message: `${text} lies in ${range.text}, which no VCN can have: use a private network, such as 10.0.0.0/16.`,
    },
  ];
}

function validateOperators(
  { operatorCidrs, securityList }: NetworkSettings,
  path: string,
  { jumpHostCidrs = [] }: NetworkUsers,
): Problem[] {
  const problems: Problem[] = [];
  const sources = [...(operatorCidrs ?? []), ...jumpHostCidrs];
  if (sources.length === 0 && (securityList?.additionalIds ?? []).length === 0) {
    problems.push({
      path,
      message:
        "SSH would be open to nobody: give the address that you come from, such as [198.51.100.10/32]. " +
        "There is no default that opens it to the world; 0.0.0.0/0 has to be written out.",
    });
  }
  (operatorCidrs ?? []).forEach((text, index) => {
    const cidr = parseCidr(text);
    if (cidr?.family === 4) return;
    const address = parseAddress(text);
    problems.push({
      path: `${path}[${index}]`,
      message: cidr
        ? `${text} is an IPv6 network: the hosts have IPv4 addresses, so give IPv4 CIDRs.`
        : address?.kind() === "ipv4"
          ? `${text} is an address without a prefix length: write ${text}/32.`
          : notACidr(text, "198.51.100.10/32"),
    });
  });
  return problems;
}

function validateRuleCount(
  network: NetworkSettings,
  path: string,
  { outsideCidrs = [], jumpHostCidrs = [] }: NetworkUsers,
): Problem[] {
  const subnets = Object.entries(network.subnets ?? {}).map(([name, { cidr }]) => cidr ?? `subnet ${name}`);
  const { ingress = [], egress = [], stateful = false } = network.securityList ?? {};
  const rules = securityRules({
    members: [...subnets, ...outsideCidrs],
    operatorCidrs: network.operatorCidrs ?? [],
    jumpHostCidrs,
    vxlanPort: 1,
    sshPort: 1,
    stateful,
    ingress,
    egress,
  });
  return (["ingress", "egress"] as const).flatMap((direction) => {
    const count = rules[direction].length;
    if (count <= RULE_LIMIT) return [];
    return [
      {
        path,
        message:
          `${count} ${direction} rules, and a Security List holds ${RULE_LIMIT}: each subnet and each host outside of them takes one. ` +
          "Put hosts into one subnet, or give fewer operatorCidrs and rules.",
      },
    ];
  });
}

function validateGroupRuleCount(
  { securityGroup = false, securityList = {}, operatorCidrs = [] }: NetworkSettings,
  path: string,
  { outsideCidrs = [], jumpHostCidrs = [] }: NetworkUsers,
): Problem[] {
  if (securityGroup === false) return [];
  const { ingress = [], egress = [], stateful = false } = securityList;
  const settings = {
    outsideCidrs,
    operatorCidrs,
    jumpHostCidrs,
    hasJumpHost: false,
    vxlanPort: 1,
    sshPort: 1,
  };
  const count = groupRules({ ...settings, stateful, ingress, egress }).length;
  if (count <= GROUP_RULE_LIMIT) return [];
  const message =
    `${count} rules, and a Network Security Group holds ${GROUP_RULE_LIMIT}: each existing host takes two, or one with ` +
    "securityList.stateful, and each of operatorCidrs takes one. Give wider CIDRs, or fewer rules.";
  return [{ path, message }];
}

/** Warnings about a valid network: its SSH may be open to everybody. */
export function networkWarnings({ operatorCidrs = [] }: NetworkSettings, at: string): string[] {
  return withoutContained(operatorCidrs)
    .filter((text) => parseCidr(text)?.prefix === 0)
    .map(
      (text) =>
        `${joinPath(at, "operatorCidrs")}: ${text} opens SSH on every host to the whole internet. Give the addresses that you come from instead.`,
    );
}
