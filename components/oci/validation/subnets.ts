import { contains, overlaps, parseCidr } from "../../vxlan/addresses.ts";
import type { Cidr } from "../../vxlan/addresses.ts";
import { joinPath } from "../../vxlan/problems.ts";
import type { Problem } from "../../vxlan/problems.ts";
import { problemWithOcid } from "../ocid.ts";
import type { NetworkSettings } from "../settings.ts";
import { validateCidr } from "./cidr.ts";

/**
 * Checks the hosts' subnets: each new or existing, and new ones apart from each other inside the VCN.
 *
 * @param path of the subnets in the user's input
 * @param networkPath of the network
 */
export function validateSubnets(
  { vcn, subnets = {} }: NetworkSettings,
  path: string,
  networkPath: string,
): Problem[] {
  if (Object.keys(subnets).length === 0) {
    return [
      { path, message: "no subnet is given: give one for all hosts, or one each, by a name of your choice." },
    ];
  }
  const earlierSubnets: NamedCidr[] = [];
  return Object.entries(subnets).flatMap(([name, { cidr, id, private: isPrivate }]) => {
    const subnetPath = joinPath(path, name);
    if (cidr !== undefined && id === undefined) {
      return validateNewSubnet(name, cidr, joinPath(subnetPath, "cidr"), vcn?.cidr, earlierSubnets);
    }
    if (cidr === undefined && id !== undefined) {
      return [
        ...validateExistingSubnet(id, joinPath(subnetPath, "id"), vcn?.cidr, networkPath),
        ...(isPrivate === undefined ? [] : [privateBesideId(joinPath(subnetPath, "private"))]),
      ];
    }
    const message =
      cidr === undefined
        ? "neither cidr nor id is given: give the CIDR of a new subnet, or the OCID of one that exists."
        : "given by cidr and by id: keep cidr to have a subnet created, or id for one that exists.";
    return [{ path: subnetPath, message }];
  });
}

const privateBesideId = (path: string): Problem => ({
  path,
  message: "this subnet exists, and Oracle knows whether it prohibits public addresses: leave private out.",
});

interface NamedCidr {
  name: string;
  cidr: Cidr;
}

/** @param earlierSubnets gets this one */
function validateNewSubnet(
  name: string,
  text: string,
  path: string,
  vcnCidr: string | undefined,
  earlierSubnets: NamedCidr[],
): Problem[] {
  const problems = validateCidr(text, path, "a subnet");
  const cidr = parseCidr(text);
  if (!cidr) return problems;
  const vcn = parseCidr(vcnCidr ?? "");
  if (vcn && !(contains(vcn, cidr.network) && cidr.prefix >= vcn.prefix)) {
    problems.push({
      path,
      message: `${text} is not inside the VCN, ${vcn.text}: choose a part of that, or a VCN that holds it.`,
    });
  }
  for (const other of earlierSubnets.filter((candidate) => overlaps(candidate.cidr, cidr))) {
    problems.push({
      path,
      message: `${text} overlaps ${other.cidr.text} of subnet ${other.name}: subnets of a VCN are apart.`,
    });
  }
  earlierSubnets.push({ name, cidr });
  return problems;
}

function validateExistingSubnet(
  id: unknown,
  path: string,
  vcnCidr: string | undefined,
  networkPath: string,
): Problem[] {
  const problems = problemWithOcid(id, "subnet", path);
  if (vcnCidr !== undefined) {
    problems.push({
      path,
      message: `this subnet exists, so its VCN does too: give ${joinPath(networkPath, "vcn.id")} instead of ${joinPath(networkPath, "vcn.cidr")}.`,
    });
  }
  return problems;
}
