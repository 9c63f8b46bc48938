import { getSubnetOutput } from "@pulumi/oci/core/getSubnet.js";
import { getVcnOutput } from "@pulumi/oci/core/getVcn.js";
import * as pulumi from "@pulumi/pulumi";
import type { NetworkArgs } from "./hostNetwork.ts";
import type { ExistingNetwork } from "./oci/validation/existingNetwork.ts";

/**
 * Looks up those parts of a network that exist.
 *
 * @param parent whose provider is asked
 * @returns undefined where all of it is created
 */
export function lookUpNetwork(
  { vcn, subnets }: NetworkArgs,
  parent: pulumi.Resource,
): pulumi.Output<ExistingNetwork> | undefined {
  if (vcn.id === undefined) return undefined; // Existing subnets are in an existing VCN.
  const lookedUp = Object.entries(subnets).flatMap(([name, { id }]) =>
    id === undefined ? [] : [{ name, subnet: getSubnetOutput({ subnetId: id }, { parent }) }],
  );
  return pulumi
    .all([getVcnOutput({ vcnId: vcn.id }, { parent }), pulumi.all(lookedUp)])
    .apply(([{ vcnId, cidrBlocks }, found]) => ({
      vcnId,
      vcnCidrs: cidrBlocks,
      subnets: Object.fromEntries(
        found.map(({ name, subnet: { cidrBlock, vcnId: subnetVcnId, prohibitPublicIpOnVnic } }) => [
          name,
          { cidr: cidrBlock, vcnId: subnetVcnId, private: prohibitPublicIpOnVnic },
        ]),
      ),
    }));
}
