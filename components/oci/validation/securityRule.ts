import { parseCidr } from "../../vxlan/addresses.ts";
import { joinPath } from "../../vxlan/problems.ts";
import type { Problem } from "../../vxlan/problems.ts";
import { protocolNumber } from "../securityRules.ts";
import type { SecurityRule } from "../securityRules.ts";
import { notACidr } from "./cidr.ts";

export function validateSecurityRule(rule: SecurityRule, path: string): Problem[] {
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
  return [...problems, ...validatePorts(rule, protocol, path), ...validateIcmp(rule, protocol, path)];
}

function validatePorts(
  { minPort, maxPort }: SecurityRule,
  protocol: string | undefined,
  path: string,
): Problem[] {
  if (minPort === undefined && maxPort === undefined) return [];
  const problems: Problem[] = [];
  if (protocol !== "6" && protocol !== "17") {
    problems.push({ path, message: "minPort and maxPort go with tcp and udp only." });
  }
  const [first = 0, last = first] = [minPort, maxPort];
  const arePorts = [first, last].every((port) => Number.isInteger(port) && port >= 1 && port <= 65535);
  if (!arePorts || last < first) {
    problems.push({
      path,
      message:
        "give minPort, and maxPort if it is another: whole numbers from 1 to 65535, the smaller first.",
    });
  }
  return problems;
}

function validateIcmp(
  { icmpType, icmpCode }: SecurityRule,
  protocol: string | undefined,
  path: string,
): Problem[] {
  if (icmpType === undefined && icmpCode === undefined) return [];
  const problems: Problem[] = [];
  if (protocol !== "1") {
    problems.push({ path, message: "icmpType and icmpCode go with icmp only." });
  }
  const isOctet = (value: number) => Number.isInteger(value) && value >= 0 && value <= 255;
  if (icmpType === undefined || !isOctet(icmpType) || !isOctet(icmpCode ?? 0)) {
    problems.push({
      path,
      message: "give icmpType, and icmpCode if only one is meant: whole numbers from 0 to 255.",
    });
  }
  return problems;
}
