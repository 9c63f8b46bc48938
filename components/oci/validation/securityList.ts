import { parseCidr } from "../../vxlan/addresses.ts";
import { joinPath } from "../../vxlan/problems.ts";
import type { Problem } from "../../vxlan/problems.ts";
import { problemWithOcid } from "../ocid.ts";
import { protocolNumber } from "../securityRules.ts";
import type { SecurityRule } from "../securityRules.ts";
import type { NetworkSettings } from "../settings.ts";
import { notACidr } from "./cidr.ts";

/** Security Lists of one subnet, at most. */
const LISTS_OF_A_SUBNET = 5;

export function validateSecurityList(
  { securityList, subnets = {} }: NetworkSettings,
  path: string,
): Problem[] {
  const problems: Problem[] = [];
  const { name, default: isDefault, additionalIds = [], ingress = [], egress = [] } = securityList ?? {};
  if (name !== undefined && isDefault === true) {
    problems.push({
      path: joinPath(path, "name"),
      message: "given beside default: true, and the VCN's default list has a name already: keep one of them.",
    });
  }
  if (name !== undefined && (name.trim() === "" || name.length > 255)) {
    problems.push({
      path: joinPath(path, "name"),
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
      path: joinPath(path, "additionalIds"),
      message: `a subnet has ${LISTS_OF_A_SUBNET} Security Lists at most, and with the shared one these are ${additionalIds.length + 1}: give ${LISTS_OF_A_SUBNET - 1} or fewer.`,
    });
  }
  additionalIds.forEach((id, index) =>
    problems.push(...problemWithOcid(id, "securitylist", `${joinPath(path, "additionalIds")}[${index}]`)),
  );
  ingress.forEach((rule, index) =>
    problems.push(...validateRule(rule, `${joinPath(path, "ingress")}[${index}]`)),
  );
  egress.forEach((rule, index) =>
    problems.push(...validateRule(rule, `${joinPath(path, "egress")}[${index}]`)),
  );
  return problems;
}

function validateRule(rule: SecurityRule, path: string): Problem[] {
  const problems: Problem[] = [];
  const protocol = protocolNumber(rule.protocol);
  if (protocol === undefined) {
    problems.push({
      path: joinPath(path, "protocol"),
      message: `"${rule.protocol}" is no protocol: use tcp, udp, icmp, all, or an IP protocol number.`,
    });
  }
  if (!parseCidr(rule.cidr)) {
    problems.push({ path: joinPath(path, "cidr"), message: notACidr(rule.cidr, "10.0.0.0/16") });
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
