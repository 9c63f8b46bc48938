import { getSubnetOutput } from "@pulumi/oci/core/getSubnet.js";
import type { GetSubnetResult } from "@pulumi/oci/core/getSubnet.js";
import { getVcnOutput } from "@pulumi/oci/core/getVcn.js";
import type { GetVcnResult } from "@pulumi/oci/core/getVcn.js";
import * as pulumi from "@pulumi/pulumi";
import type { NetworkArgs } from "./hostNetwork.ts";
import type { ExistingNetwork } from "./oci/validation/existingNetwork.ts";
import { refuseProblems } from "./validation.ts";
import { joinPath } from "./vxlan/problems.ts";
import type { Problem } from "./vxlan/problems.ts";

/**
 * Looks up those parts of a network that exist.
 *
 * @param name of the environment, which is refused where Oracle does not know one of them
 * @param parent whose provider is asked
 * @returns undefined where all of it is created
 */
export function lookUpNetwork(
  name: string,
  { vcn, subnets }: NetworkArgs,
  parent: pulumi.Resource,
): pulumi.Output<ExistingNetwork> | undefined {
  if (vcn.id === undefined) return undefined; // Existing subnets are in an existing VCN.
  const lookedUp = Object.entries(subnets).flatMap(([subnetName, { id }]) =>
    id === undefined ? [] : [{ name: subnetName, subnet: getSubnetOutput({ subnetId: id }, { parent }) }],
  );
  return pulumi
    .all([getVcnOutput({ vcnId: vcn.id }, { parent }), pulumi.all(lookedUp)])
    .apply(([foundVcn, foundSubnets]) => {
      refuseProblems("OverlayEnvironment", name, unknownParts(foundVcn, foundSubnets));
      return {
        vcnId: foundVcn.vcnId,
        vcnCidrs: foundVcn.cidrBlocks,
        subnets: Object.fromEntries(
          foundSubnets.map(({ name, subnet: { cidrBlock, vcnId, prohibitPublicIpOnVnic } }) => [
            name,
            { cidr: cidrBlock, vcnId, private: prohibitPublicIpOnVnic },
          ]),
        ),
      };
    });
}

/** Oracle's provider answers a lookup of an unknown OCID with nothing. */
function unknownParts(
  vcn: Partial<GetVcnResult>,
  subnets: readonly { name: string; subnet: Partial<GetSubnetResult> }[],
): Problem[] {
  const problem = (path: string, noun: string) => ({
    path,
    message: `Oracle knows no such ${noun}, or your user may not see it: check the OCID, oci:region and the policies of your user.`,
  });
  return [
    ...(vcn.cidrBlocks === undefined ? [problem("network.vcn.id", "VCN")] : []),
    ...subnets
      .filter(({ subnet }) => subnet.cidrBlock === undefined)
      .map(({ name }) => problem(joinPath("network.subnets", name, "id"), "subnet")),
  ];
}
