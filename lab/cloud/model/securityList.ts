import { conflict, invalid, limitExceeded } from "../errors.ts";
import { parseCidr } from "./cidr.ts";
import type { Cloud, CommonDetails } from "./cloud.ts";
import { updateCommon } from "./cloud.ts";
import type {
  EgressSecurityRule,
  IngressSecurityRule,
  PortOptions,
  PortRange,
  SecurityList,
  SecurityRule,
} from "./resources.ts";

interface PortOptionsDetails {
  destinationPortRange?: PortRange | undefined;
  sourcePortRange?: PortRange | undefined;
}

/** What requests say of a rule in either direction. */
interface RuleDetails {
  protocol: string;
  isStateless?: boolean | undefined;
  tcpOptions?: PortOptionsDetails | undefined;
  udpOptions?: PortOptionsDetails | undefined;
  icmpOptions?: { type: number; code?: number | undefined } | undefined;
  description?: string | undefined;
}

export interface SecurityRulesDetails {
  ingressSecurityRules?: (RuleDetails & { source: string; sourceType?: string | undefined })[] | undefined;
  egressSecurityRules?:
    (RuleDetails & { destination: string; destinationType?: string | undefined })[] | undefined;
}

export type CreateSecurityListDetails = CommonDetails & { vcnId: string } & SecurityRulesDetails;

/** Rules that one list holds in one direction. */
const RULES_LIMIT = 200;

export function createSecurityList(cloud: Cloud, details: CreateSecurityListDetails): SecurityList {
  cloud.get("vcns", details.vcnId);
  const list: SecurityList = {
    ...cloud.common("securitylist", details, "securitylist"),
    lifecycleState: "PROVISIONING",
    vcnId: details.vcnId,
    ingressSecurityRules: [],
    egressSecurityRules: [],
  };
  setRules(list, { ingressSecurityRules: [], egressSecurityRules: [], ...details });
  cloud.add("securityLists", list);
  cloud.settle("securityLists", list.id, "AVAILABLE");
  return list;
}

export function updateSecurityList(
  cloud: Cloud,
  id: string,
  details: Partial<CommonDetails> & SecurityRulesDetails,
): SecurityList {
  const list = cloud.get("securityLists", id);
  setRules(list, details);
  updateCommon(list, details);
  return list;
}

export function deleteSecurityList(cloud: Cloud, id: string): void {
  const list = cloud.get("securityLists", id);
  if (cloud.get("vcns", list.vcnId).defaultSecurityListId === id)
    throw conflict(`The security list ${id} is its VCN's default: it goes with the VCN.`);
  const subnet = cloud.all("subnets").find(({ securityListIds }) => securityListIds.includes(id));
  if (subnet !== undefined)
    throw conflict(`The security list ${id} cannot be deleted: the subnet ${subnet.id} uses it.`);
  list.lifecycleState = "TERMINATING";
  cloud.settle("securityLists", id, "removed");
}

/** Checks all rules, then takes them: a list is changed whole or not at all. */
function setRules(
  list: SecurityList,
  { ingressSecurityRules, egressSecurityRules }: SecurityRulesDetails,
): void {
  const ingress = ingressSecurityRules?.map(({ source, sourceType, ...rule }): IngressSecurityRule => {
    checkPeer("source", source, sourceType);
    return { ...checkRule(rule), source, sourceType: "CIDR_BLOCK" };
  });
  const egress = egressSecurityRules?.map(({ destination, destinationType, ...rule }): EgressSecurityRule => {
    checkPeer("destination", destination, destinationType);
    return { ...checkRule(rule), destination, destinationType: "CIDR_BLOCK" };
  });
  if ((ingress?.length ?? 0) > RULES_LIMIT || (egress?.length ?? 0) > RULES_LIMIT)
    throw limitExceeded(`A security list holds at most ${RULES_LIMIT} rules in each direction.`);
  if (ingress !== undefined) list.ingressSecurityRules = ingress;
  if (egress !== undefined) list.egressSecurityRules = egress;
}

function checkPeer(name: "source" | "destination", cidr: string, type: string | undefined): void {
  if (type !== undefined && type !== "CIDR_BLOCK")
    throw invalid(`The ${name}Type ${type} is not supported: CIDR_BLOCK.`);
  if (parseCidr(cidr) === undefined) throw invalid(`The ${name} ${cidr} is not a valid CIDR block.`);
}

function checkRule({
  protocol,
  isStateless,
  tcpOptions,
  udpOptions,
  icmpOptions,
  description,
}: RuleDetails): SecurityRule {
  if (protocol !== "all" && !(/^\d{1,3}$/.test(protocol) && Number(protocol) <= 255))
    throw invalid(`The protocol ${protocol} is not valid: a number as text, or all.`);
  const fits = { tcpOptions: ["6"], udpOptions: ["17"], icmpOptions: ["1", "58"] };
  for (const [name, options] of Object.entries({ tcpOptions, udpOptions, icmpOptions })) {
    if (options !== undefined && !fits[name as keyof typeof fits].includes(protocol))
      throw invalid(`${name} do not go with the protocol ${protocol}.`);
  }
  if (icmpOptions !== undefined) {
    for (const value of [icmpOptions.type, icmpOptions.code ?? 0])
      if (!Number.isInteger(value) || value < 0 || value > 255)
        throw invalid(`The ICMP type or code ${value} is not valid.`);
  }
  return {
    protocol,
    isStateless: isStateless ?? false,
    ...(tcpOptions === undefined ? {} : { tcpOptions: checkPorts(tcpOptions) }),
    ...(udpOptions === undefined ? {} : { udpOptions: checkPorts(udpOptions) }),
    ...(icmpOptions === undefined
      ? {}
      : {
          icmpOptions: {
            type: icmpOptions.type,
            ...(icmpOptions.code === undefined ? {} : { code: icmpOptions.code }),
          },
        }),
    ...(description === undefined ? {} : { description }),
  };
}

function checkPorts({ destinationPortRange, sourcePortRange }: PortOptionsDetails): PortOptions {
  for (const range of [destinationPortRange, sourcePortRange]) {
    if (range === undefined) continue;
    const { min, max } = range;
    if (![min, max].every((port) => Number.isInteger(port) && port >= 1 && port <= 65535) || min > max)
      throw invalid(`The port range ${min}-${max} is not valid.`);
  }
  return {
    ...(destinationPortRange === undefined ? {} : { destinationPortRange }),
    ...(sourcePortRange === undefined ? {} : { sourcePortRange }),
  };
}
