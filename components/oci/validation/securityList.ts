import { joinPath } from "../../vxlan/problems.ts";
import type { Problem } from "../../vxlan/problems.ts";
import { problemWithOcid } from "../ocid.ts";
import type { NetworkSettings, Ocid } from "../settings.ts";
import { validateSecurityRule } from "./securityRule.ts";

/** OCI's limit for the Security Lists of one subnet. */
const LISTS_A_SUBNET = 5;

export function validateSecurityList(
  { securityList, subnets = {} }: NetworkSettings,
  path: string,
): Problem[] {
  if (!securityList) return [];
  const { name, default: isDefault = false, additionalIds = [], ingress = [], egress = [] } = securityList;
  const problems = validateName(name, isDefault, joinPath(path, "name"));
  const cidrs = Object.values(subnets).map(({ cidr }) => cidr);
  if (!isDefault && cidrs.length > 0 && cidrs.every((cidr) => cidr === undefined)) {
    problems.push({
      path,
      message:
        "every subnet exists, and a subnet that exists keeps the lists it has: leave securityList out and let those lists admit VXLAN, " +
        "or set default: true to have the VCN's default list managed.",
    });
  }
  return [
    ...problems,
    ...validateAdditionalIds(additionalIds, joinPath(path, "additionalIds")),
    ...ingress.flatMap((rule, index) => validateSecurityRule(rule, `${joinPath(path, "ingress")}[${index}]`)),
    ...egress.flatMap((rule, index) => validateSecurityRule(rule, `${joinPath(path, "egress")}[${index}]`)),
  ];
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
