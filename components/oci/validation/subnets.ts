import { contains, overlaps, parseCidr } from "../../vxlan/addresses.ts";
import type { Cidr } from "../../vxlan/addresses.ts";
import { joinPath } from "../../vxlan/problems.ts";
import type { Problem } from "../../vxlan/problems.ts";
import { problemWithOcid } from "../ocid.ts";
import type { NetworkSettings } from "../settings.ts";
import { validateCidr } from "./cidr.ts";

export function validateSubnets({ vcn, subnets = {} }: NetworkSettings, path: string, at: string): Problem[] {
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
    const where = joinPath(path, name);
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
    problems.push(...problemWithOcid(id, "subnet", joinPath(where, "id")));
    if (id !== undefined && vcn?.cidr !== undefined) {
      problems.push({
        path: joinPath(where, "id"),
        message: `this subnet exists, so its VCN does too: give ${joinPath(at, "vcn.id")} instead of ${joinPath(at, "vcn.cidr")}.`,
      });
    }
    if (text === undefined) continue;
    problems.push(...validateCidr(text, joinPath(where, "cidr"), "a subnet"));
    const cidr = parseCidr(text);
    if (!cidr) continue;
    if (whole && !(contains(whole, cidr.network) && cidr.prefix >= whole.prefix)) {
      problems.push({
        path: joinPath(where, "cidr"),
        message: `${text} is not inside the VCN, ${whole.text}: choose a part of that, or a VCN that holds it.`,
      });
    }
    for (const other of seen.filter((candidate) => overlaps(candidate.cidr, cidr))) {
      problems.push({
        path: joinPath(where, "cidr"),
        message: `${text} overlaps ${other.cidr.text} of subnet ${other.name}: subnets of a VCN are apart.`,
      });
    }
    seen.push({ name, cidr });
  }
  return problems;
}
