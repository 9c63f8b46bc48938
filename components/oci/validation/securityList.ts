import { joinPath } from "../../vxlan/problems.ts";
import type { Problem } from "../../vxlan/problems.ts";
import { problemWithOcid } from "../ocid.ts";
import type { NetworkSettings, Ocid } from "../settings.ts";
import { validateSecurityRule } from "./securityRule.ts";

/** OCI's limit for the Security Lists of one subnet. */
const LISTS_A_SUBNET = 5;

export function validateSecurityList(network: NetworkSettings, path: string): Problem[] {
  const { securityList, securityGroup = false } = network;
  if (!securityList) return [];
  const { name, default: isDefault = false, additionalIds = [], ingress = [], egress = [] } = securityList;
  return [
    ...validateName(name, isDefault && securityGroup === false, joinPath(path, "name")),
    ...validateUse(network, path),
    ...validateAdditionalIds(additionalIds, joinPath(path, "additionalIds")),
    ...ingress.flatMap((rule, index) => validateSecurityRule(rule, `${joinPath(path, "ingress")}[${index}]`)),
    ...egress.flatMap((rule, index) => validateSecurityRule(rule, `${joinPath(path, "egress")}[${index}]`)),
  ];
}

/** Refuses what no list takes where every subnet exists. A group takes name and rules. */
function validateUse({ securityList, securityGroup = false, subnets = {} }: NetworkSettings, path: string) {
  const { default: isDefault = false, additionalIds = [] } = securityList ?? {};
  const cidrs = Object.values(subnets).map(({ cidr }) => cidr);
  if (isDefault || cidrs.length === 0 || cidrs.some((cidr) => cidr !== undefined)) return [];
  const problem = "every subnet exists, and a subnet that exists keeps the lists it has: ";
  if (securityGroup === false) {
    const cure =
      "leave securityList out and let those lists admit VXLAN, set securityGroup: true to have the rules in a group of the hosts, " +
      "or set default: true to have the VCN's default list managed.";
    return [{ path, message: problem + cure }];
  }
  if (additionalIds.length === 0) return [];
  return [{ path: joinPath(path, "additionalIds"), message: `${problem}leave additionalIds out.` }];
}

function validateName(name: string | undefined, isDefault: boolean, path: string): Problem[] {
  if (name === undefined) return [];
  const problems: Problem[] = [];
  if (isDefault) {
    problems.push({
      path,
      message: "given beside default: true, and the VCN's default list has a name already: keep one of them.",
    });
  }
  if (name.trim() === "" || name.length > 255) {
    problems.push({ path, message: "use a name of 1 to 255 characters, such as internal-hosts." });
  }
  return problems;
}

function validateAdditionalIds(ids: readonly Ocid[], path: string): Problem[] {
  const problems = ids.flatMap((id, index) => problemWithOcid(id, "securitylist", `${path}[${index}]`));
  const lists = ids.length + 1;
  if (lists <= LISTS_A_SUBNET) return problems;
  const message = `a subnet has ${LISTS_A_SUBNET} Security Lists at most, and with the shared one these are ${lists}: give ${LISTS_A_SUBNET - 1} or fewer.`;
  return [{ path, message }, ...problems];
}
