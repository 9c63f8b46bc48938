import { contains, networkContaining, overlaps, parseAddress, parseCidr } from "../vxlan/addresses.ts";
import type { Cidr } from "../vxlan/addresses.ts";
import type { Problem } from "../vxlan/validate.ts";
import { problemWithOcid } from "./ocid.ts";
import { protocolNumber, RULE_LIMIT, securityRules, withoutContained } from "./securityRules.ts";
import type { SecurityRule } from "./securityRules.ts";
import type { NetworkSettings } from "./settings.ts";

/** Security Lists of one subnet, at most. */
const LISTS_OF_A_SUBNET = 5;

/** Networks that a VCN must not lie in; Oracle uses the first itself. */
const UNUSABLE = ["169.254.0.0/16", "0.0.0.0/8", "127.0.0.0/8", "224.0.0.0/4", "240.0.0.0/4"].map(
  (text) => parseCidr(text) as Cidr,
);

/** Joins the parts of a path, the first of which may be empty. */
export const join = (...parts: string[]) => parts.filter((part) => part !== "").join(".");

/**
 * What OCI would refuse about a network, all at once.
 *
 * @param at path of the network in the user's input; empty at the top
 * @param outside CIDRs of VXLAN members that are in none of its subnets
 */
export function validateNetwork(
  network: NetworkSettings,
  at: string,
  outside: readonly string[] = [],
): Problem[] {
  return [
    ...validateVcn(network, join(at, "vcn")),
    ...validateSubnets(network, join(at, "subnets"), at),
    ...validateSecurityList(network, join(at, "securityList")),
    ...validateOperators(network, join(at, "operatorCidrs")),
    ...validateRuleCount(network, join(at, "securityList"), outside),
  ];
}

function validateVcn({ vcn }: NetworkSettings, path: string): Problem[] {
  const { cidr, id, routeTableId } = vcn ?? {};
  if ((cidr === undefined) === (id === undefined)) {
    const both = cidr !== undefined;
    return [
      {
        path,
        message: both
          ? "given by cidr and by id: keep cidr to have a VCN made, or id for one that exists."
          : "neither cidr nor id is given: give the CIDR of a VCN to be made, such as 10.0.0.0/16, or the OCID of one that exists.",
      },
    ];
  }
  return [
    ...(cidr === undefined ? [] : validateCidr(cidr, join(path, "cidr"), "a VCN")),
    ...(cidr === undefined ? [] : validateRange(cidr, join(path, "cidr"))),
    ...problemWithOcid(id, "vcn", join(path, "id")),
    ...problemWithOcid(routeTableId, "routetable", join(path, "routeTableId")),
    ...(routeTableId !== undefined && cidr !== undefined
      ? [
          {
            path: join(path, "routeTableId"),
            message: "a VCN that is made gets a route table of its own: leave this out, or give vcn.id.",
          },
        ]
      : []),
  ];
}

/** A network of a size that OCI takes: IPv4, /16 to /30. */
function validateCidr(text: string, path: string, what: string): Problem[] {
  const cidr = parseCidr(text);
  if (!cidr) return [{ path, message: notACidr(text, "10.0.0.0/16") }];
  if (cidr.family !== 4) {
    return [
      { path, message: `${text} is an IPv6 network: the hosts' underlay is IPv4, so give an IPv4 CIDR.` },
    ];
  }
  if (cidr.prefix < 16 || cidr.prefix > 30) {
    return [
      { path, message: `${text} is not what OCI takes for ${what}: use a prefix length from /16 to /30.` },
    ];
  }
  return [];
}

/** A VCN in a range that Oracle or IP keeps for itself; its subnets lie in it. */
function validateRange(text: string, path: string): Problem[] {
  const cidr = parseCidr(text);
  const range = cidr && UNUSABLE.find((unusable) => overlaps(unusable, cidr));
  if (!range) return [];
  return [
    {
      path,
      message: `${text} lies in ${range.text}, which no VCN can have: use a private network, such as 10.0.0.0/16.`,
    },
  ];
}

function notACidr(text: string, example: string): string {
  const meant = networkContaining(text);
  return meant
    ? `${text} has bits set behind its prefix: did you mean ${meant.text}?`
    : `"${text}" is no CIDR: write a network and its prefix length, such as ${example}.`;
}

function validateSubnets({ vcn, subnets = {} }: NetworkSettings, path: string, at: string): Problem[] {
  const problems: Problem[] = [];
  if (Object.keys(subnets).length === 0) {
    problems.push({
      path,
      message: "no subnet is given: give one for all hosts, or one each, by a name of your choice.",
    });
  }
  const whole = parseCidr(vcn?.cidr ?? "");
  const seen: { name: string; cidr: Cidr }[] = [];
  for (const [name, { cidr: text, id }] of Object.entries(subnets)) {
    const where = join(path, name);
    if ((text === undefined) === (id === undefined)) {
      problems.push({
        path: where,
        message:
          text === undefined
            ? "neither cidr nor id is given: give the CIDR of a subnet to be made, or the OCID of one that exists."
            : "given by cidr and by id: keep cidr to have a subnet made, or id for one that exists.",
      });
      continue;
    }
    problems.push(...problemWithOcid(id, "subnet", join(where, "id")));
    if (id !== undefined && vcn?.cidr !== undefined) {
      problems.push({
        path: join(where, "id"),
        message: `this subnet exists, so its VCN does too: give ${join(at, "vcn.id")} instead of ${join(at, "vcn.cidr")}.`,
      });
    }
    if (text === undefined) continue;
    problems.push(...validateCidr(text, join(where, "cidr"), "a subnet"));
    const cidr = parseCidr(text);
    if (!cidr) continue;
    if (whole && !(contains(whole, cidr.network) && cidr.prefix >= whole.prefix)) {
      problems.push({
        path: join(where, "cidr"),
        message: `${text} is not inside the VCN, ${whole.text}: choose a part of that, or a VCN that holds it.`,
      });
    }
    for (const other of seen.filter((candidate) => overlaps(candidate.cidr, cidr))) {
      problems.push({
        path: join(where, "cidr"),
        message: `${text} overlaps ${other.cidr.text} of subnet ${other.name}: subnets of a VCN are apart.`,
      });
    }
    seen.push({ name, cidr });
  }
  return problems;
}

function validateSecurityList({ securityList, subnets = {} }: NetworkSettings, path: string): Problem[] {
  const problems: Problem[] = [];
  const { name, default: isDefault, additionalIds = [], ingress = [], egress = [] } = securityList ?? {};
  if (name !== undefined && isDefault === true) {
    problems.push({
      path: join(path, "name"),
      message: "given beside default: true, and the VCN's default list has a name already: keep one of them.",
    });
  }
  if (name !== undefined && (name.trim() === "" || name.length > 255)) {
    problems.push({
      path: join(path, "name"),
      message: "use a name of 1 to 255 characters, such as internal-hosts.",
    });
  }
  const made = Object.values(subnets).some(({ cidr }) => cidr !== undefined);
  if (securityList && isDefault !== true && !made && Object.keys(subnets).length > 0) {
    problems.push({
      path,
      message:
        "every subnet exists, and a subnet that exists keeps the lists it has: leave securityList out and let those lists admit VXLAN, " +
        "or set default: true to have the VCN's default list managed.",
    });
  }
  if (additionalIds.length + 1 > LISTS_OF_A_SUBNET) {
    problems.push({
      path: join(path, "additionalIds"),
      message: `a subnet has ${LISTS_OF_A_SUBNET} Security Lists at most, and with the shared one these are ${additionalIds.length + 1}: give ${LISTS_OF_A_SUBNET - 1} or fewer.`,
    });
  }
  additionalIds.forEach((id, index) =>
    problems.push(...problemWithOcid(id, "securitylist", `${join(path, "additionalIds")}[${index}]`)),
  );
  ingress.forEach((rule, index) =>
    problems.push(...validateRule(rule, `${join(path, "ingress")}[${index}]`)),
  );
  egress.forEach((rule, index) => problems.push(...validateRule(rule, `${join(path, "egress")}[${index}]`)));
  return problems;
}

function validateRule(rule: SecurityRule, path: string): Problem[] {
  const problems: Problem[] = [];
  const protocol = protocolNumber(rule.protocol);
  if (protocol === undefined) {
    problems.push({
      path: join(path, "protocol"),
      message: `"${rule.protocol}" is no protocol: use tcp, udp, icmp, all, or an IP protocol number.`,
    });
  }
  if (!parseCidr(rule.cidr)) {
    problems.push({ path: join(path, "cidr"), message: notACidr(rule.cidr, "10.0.0.0/16") });
  }
  const { minPort, maxPort, icmpType, icmpCode } = rule;
  if ((minPort !== undefined || maxPort !== undefined) && protocol !== "6" && protocol !== "17") {
    problems.push({ path, message: "minPort and maxPort go with tcp and udp only." });
  }
  const isPort = (port: number) => Number.isInteger(port) && port >= 1 && port <= 65535;
  const last = maxPort ?? minPort;
  if (
    minPort === undefined
      ? maxPort !== undefined
      : !isPort(minPort) || !isPort(last ?? 0) || (last ?? 0) < minPort
  ) {
    problems.push({
      path,
      message:
        "give minPort, and maxPort if it is another: whole numbers from 1 to 65535, the smaller first.",
    });
  }
  if ((icmpType !== undefined || icmpCode !== undefined) && protocol !== "1") {
    problems.push({ path, message: "icmpType and icmpCode go with icmp only." });
  }
  const isOctet = (value: number) => Number.isInteger(value) && value >= 0 && value <= 255;
  if (icmpType === undefined ? icmpCode !== undefined : !isOctet(icmpType) || !isOctet(icmpCode ?? 0)) {
    problems.push({
      path,
      message: "give icmpType, and icmpCode if only one is meant: whole numbers from 0 to 255.",
    });
  }
  return problems;
}

function validateOperators({ operatorCidrs, securityList }: NetworkSettings, path: string): Problem[] {
  const problems: Problem[] = [];
  if ((operatorCidrs ?? []).length === 0 && (securityList?.additionalIds ?? []).length === 0) {
    problems.push({
      path,
      message:
        "SSH would be open to nobody: give the address that you come from, such as [198.51.100.10/32]. " +
        "There is no default that opens it to the world; 0.0.0.0/0 has to be written out.",
    });
  }
  (operatorCidrs ?? []).forEach((text, index) => {
    const cidr = parseCidr(text);
    const where = `${path}[${index}]`;
    if (cidr?.family === 4) return;
    const address = parseAddress(text);
    problems.push({
      path: where,
      message: cidr
        ? `${text} is an IPv6 network: the hosts have IPv4 addresses, so give IPv4 CIDRs.`
        : address?.kind() === "ipv4"
          ? `${text} is an address without a prefix length: write ${text}/32.`
          : notACidr(text, "198.51.100.10/32"),
    });
  });
  return problems;
}

function validateRuleCount(network: NetworkSettings, path: string, outside: readonly string[]): Problem[] {
  const subnets = Object.entries(network.subnets ?? {}).map(([name, { cidr }]) => cidr ?? `subnet ${name}`);
  const { ingress = [], egress = [], stateful = false } = network.securityList ?? {};
  const rules = securityRules({
    members: [...subnets, ...outside],
    operatorCidrs: network.operatorCidrs ?? [],
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

/** What is allowed and still worth a word: SSH that is open to everybody. */
export function networkWarnings({ operatorCidrs = [] }: NetworkSettings, at: string): string[] {
  return withoutContained(operatorCidrs)
    .filter((text) => parseCidr(text)?.prefix === 0)
    .map(
      (text) =>
        `${join(at, "operatorCidrs")}: ${text} opens SSH on every host to the whole internet. Give the addresses that you come from instead.`,
    );
}
