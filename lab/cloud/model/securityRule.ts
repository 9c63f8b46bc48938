import { parseCidr } from "../../network/cidr.ts";
import type { IngressRuleDetails } from "../requestSchemas.ts";
import { invalidParameter } from "./errors.ts";

/** What rules of security lists and of network security groups have in common. */

type RuleDetails = Omit<IngressRuleDetails, "source" | "sourceType">;
type PortOptions = NonNullable<RuleDetails["tcpOptions"]>;
type IcmpOptions = NonNullable<RuleDetails["icmpOptions"]>;

/** The protocols that each kind of options goes with. */
const PROTOCOLS = { tcpOptions: ["6"], udpOptions: ["17"], icmpOptions: ["1", "58"] };

export function checkCidr(name: "source" | "destination", cidr: string): void {
  if (parseCidr(cidr) === undefined) throw invalidParameter(`The ${name} ${cidr} is not a valid CIDR block.`);
}

/** Checks what a rule admits; the other end of the traffic is left out. */
export function checkRule(rule: RuleDetails): RuleDetails & { isStateless: boolean } {
  const { protocol, isStateless = false, tcpOptions, udpOptions, icmpOptions, description } = rule;
  if (protocol !== "all" && !(/^\d{1,3}$/.test(protocol) && Number(protocol) <= 255))
    throw invalidParameter(`The protocol ${protocol} is not valid: a number as text, or all.`);
  for (const name of ["tcpOptions", "udpOptions", "icmpOptions"] as const)
    if (rule[name] !== undefined && !PROTOCOLS[name].includes(protocol))
      throw invalidParameter(`${name} do not go with the protocol ${protocol}.`);
  if (icmpOptions !== undefined) checkIcmp(icmpOptions);
  for (const options of [tcpOptions, udpOptions]) if (options !== undefined) checkPorts(options);
  return { protocol, isStateless, tcpOptions, udpOptions, icmpOptions, description };
}

function checkIcmp({ type, code = 0 }: IcmpOptions): void {
  for (const value of [type, code])
    if (!Number.isInteger(value) || value < 0 || value > 255)
      throw invalidParameter(`The ICMP type or code ${value} is not valid.`);
}

function checkPorts({ destinationPortRange, sourcePortRange }: PortOptions): void {
  const isPort = (port: number) => Number.isInteger(port) && port >= 1 && port <= 65535;
  for (const range of [destinationPortRange, sourcePortRange]) {
    if (range === undefined) continue;
    const { min, max } = range;
    if (!isPort(min) || !isPort(max) || min > max)
      throw invalidParameter(`The port range ${min}-${max} is not valid.`);
  }
}
