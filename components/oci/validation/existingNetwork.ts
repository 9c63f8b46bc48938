import { contains, parseCidr } from "../../vxlan/addresses.ts";
import { joinPath } from "../../vxlan/problems.ts";
import type { Problem } from "../../vxlan/problems.ts";
import { instancesOf } from "../settings.ts";
import type { EnvironmentSettings, NetworkSettings } from "../settings.ts";
import { instancePath } from "./environment.ts";
import { validateInstanceAddresses } from "./instanceAddresses.ts";
import { validateOverlap } from "./overlaps.ts";
import type { Underlay } from "./overlaps.ts";

/** What Oracle knows about those parts of a network that exist already. */
export interface ExistingNetwork {
  /** OCID of the VCN that is given by it. */
  vcnId: string;
  /** The CIDRs of the VCN that is given by its OCID. */
  vcnCidrs: readonly string[];
  /** Subnets that are given by their OCIDs, by the names in the config. */
  subnets: Readonly<Record<string, ExistingSubnet>>;
}

interface ExistingSubnet {
  cidr: string;
  vcnId: string;
  /** Whether it prohibits public addresses. */
  private: boolean;
}

/** All problems of an environment in a network that exists, which can be found once the network was looked up. */
export function validateExistingNetwork(
  environment: EnvironmentSettings,
  existing: ExistingNetwork,
): Problem[] {
  const { network = {} } = environment;
  const instances = instancesOf(environment);
  const subnets = resolvedSubnets(network, existing);
  return [
    ...validateOverlap(environment, instances, existingUnderlays(existing)),
    ...validateInstanceAddresses(instances, { subnets }, instancePath),
    ...validateGroup(network, existing),
  ];
}

/** Oracle refuses a VNIC in a group of another VCN. */
function validateGroup(
  { securityGroup = false }: NetworkSettings,
  { vcnId, subnets }: ExistingNetwork,
): Problem[] {
  if (securityGroup === false) return [];
  return Object.entries(subnets)
    .filter(([, subnet]) => subnet.vcnId !== vcnId)
    .map(([name, subnet]) => ({
      path: joinPath("network.subnets", name, "id"),
      message:
        `this subnet is in ${subnet.vcnId}, and a Network Security Group holds hosts of its own VCN only: ` +
        "give that VCN as network.vcn.id, or leave securityGroup out.",
    }));
}

/** The CIDRs of the VCN, and of subnets that lie in another one. */
function existingUnderlays({ vcnCidrs, subnets }: ExistingNetwork): Underlay[] {
  const vcns = vcnCidrs.flatMap((text) => parseCidr(text) ?? []);
  const isInVcn = (text: string) => {
    const cidr = parseCidr(text);
    return cidr !== undefined && vcns.some((vcn) => vcn.prefix <= cidr.prefix && contains(vcn, cidr.network));
  };
  return [
    ...vcnCidrs.map((text) => ({ text, path: "network.vcn.id" })),
    ...Object.entries(subnets)
      .filter(([, { cidr }]) => !isInVcn(cidr))
      .map(([name, { cidr }]) => ({ text: cidr, path: joinPath("network.subnets", name, "id") })),
  ];
}

/** The subnets as they were looked up. New ones keep no settings, since those were checked without a lookup. */
function resolvedSubnets(network: NetworkSettings, existing: ExistingNetwork): NetworkSettings["subnets"] {
  const subnets = Object.entries(network.subnets ?? {});
  return Object.fromEntries(subnets.map(([name, { id }]) => [name, { id, ...existing.subnets[name] }]));
}
