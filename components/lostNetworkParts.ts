import { getInternetGateways } from "@pulumi/oci/core/getInternetGateways.js";
import { getNatGateways } from "@pulumi/oci/core/getNatGateways.js";
import { getNetworkSecurityGroups } from "@pulumi/oci/core/getNetworkSecurityGroups.js";
import { getRouteTables } from "@pulumi/oci/core/getRouteTables.js";
import { getSecurityLists } from "@pulumi/oci/core/getSecurityLists.js";
import { getServiceGateways } from "@pulumi/oci/core/getServiceGateways.js";
import { getSubnets } from "@pulumi/oci/core/getSubnets.js";
import { getVcns } from "@pulumi/oci/core/getVcns.js";
import * as pulumi from "@pulumi/pulumi";
import { openInputs, takesHooks } from "./hookInputs.ts";

/** Where a part of the network is looked for. */
interface Place {
  compartmentId: string;
  /** Undefined for a VCN. */
  vcnId: string;
  displayName: string;
}

/** The inputs of a part by which an earlier creation of it is recognised. */
interface PartInputs extends Place {
  /** Of a VCN. */
  cidrBlocks?: string[];
  /** Of a subnet. */
  cidrBlock?: string;
  /** Of a route table. */
  routeRules?: RouteRule[];
}

/** Where packets are routed to: a gateway. */
interface RouteRule {
  networkEntityId: string;
}

/** A part as the cloud lists it. */
interface ListedPart {
  id: string;
  state: string;
  displayName: string;
  cidrBlocks?: string[];
  cidrBlock?: string;
  routeRules?: RouteRule[];
}

interface Kind {
  noun: string;
  /** Whether an existing VCN may well have others of that name, which other stacks have created. */
  isShared?: true;
  /** Of `oci network`, which deletes the part whose OCID follows. */
  deletion: string;
  list: (place: Place, options: pulumi.InvokeOptions) => Promise<readonly ListedPart[]>;
}

/** By the type of the resource. */
const KINDS: Readonly<Record<string, Kind>> = {
  "oci:Core/vcn:Vcn": {
    noun: "VCN",
    deletion: "vcn delete --force --vcn-id",
    list: async ({ compartmentId, displayName }, options) =>
      (await getVcns({ compartmentId, displayName }, options)).virtualNetworks,
  },
  "oci:Core/internetGateway:InternetGateway": {
    noun: "internet gateway",
    deletion: "internet-gateway delete --force --ig-id",
    list: async (place, options) => (await getInternetGateways(place, options)).gateways,
  },
  "oci:Core/natGateway:NatGateway": {
    noun: "NAT gateway",
    deletion: "nat-gateway delete --force --nat-gateway-id",
    list: async (place, options) => (await getNatGateways(place, options)).natGateways,
  },
  "oci:Core/serviceGateway:ServiceGateway": {
    noun: "service gateway",
    deletion: "service-gateway delete --force --service-gateway-id",
    list: async ({ compartmentId, vcnId }, options) =>
      (await getServiceGateways({ compartmentId, vcnId }, options)).serviceGateways,
  },
  "oci:Core/routeTable:RouteTable": {
    noun: "route table",
    deletion: "route-table delete --force --rt-id",
    list: async (place, options) => (await getRouteTables(place, options)).routeTables,
  },
  "oci:Core/securityList:SecurityList": {
    noun: "Security List",
    isShared: true,
    deletion: "security-list delete --force --security-list-id",
    list: async (place, options) => (await getSecurityLists(place, options)).securityLists,
  },
  "oci:Core/networkSecurityGroup:NetworkSecurityGroup": {
    noun: "Network Security Group",
    isShared: true,
    deletion: "nsg delete --force --nsg-id",
    list: async (place, options) => (await getNetworkSecurityGroups(place, options)).networkSecurityGroups,
  },
  "oci:Core/subnet:Subnet": {
    noun: "subnet",
    deletion: "subnet delete --force --subnet-id",
    list: async (place, options) => (await getSubnets(place, options)).subnets,
  },
};

/**
 * Options of the parts of a network that warn, before one is created, where another like it is there. Pulumi writes a
 * part into the state when its creation has ended, so a run that is killed meanwhile leaves a part that no state has.
 * Then Oracle refuses a second subnet or gateway, or `destroy` cannot delete the VCN.
 *
 * They warn only: a hook does not learn whether the state has the other one, as it has where a part is replaced.
 *
 * @param network its name, unique in the program
 */
export function warnOfLostParts(
  network: string,
  isNewVcn: boolean,
  parent: pulumi.Resource,
): pulumi.CustomResourceOptions {
  if (!takesHooks()) return {};
  const warnHook = new pulumi.ResourceHook(`${network}-lost-parts`, async ({ type, newInputs }) => {
    const kind = KINDS[type];
    if (kind === undefined || (kind.isShared && !isNewVcn)) return;
    const inputs = (await openInputs(newInputs)) as unknown as PartInputs;
    const { compartmentId, vcnId, displayName } = inputs;
    // A user who may not list these may not create one either, and that error comes next.
    const parts = await kind.list({ compartmentId, vcnId, displayName }, { parent }).catch(() => []);
    for (const id of lostParts(inputs, parts))
      await pulumi.log.warn(lostPartAdvice(kind, displayName, id), parent);
  });
  return { hooks: { beforeCreate: [warnHook] } };
}

/**
 * Finds earlier creations of a part of the network.
 *
 * @returns their OCIDs, without those of parts that are being terminated
 */
export function lostParts(inputs: PartInputs, parts: readonly ListedPart[]): string[] {
  const { displayName, cidrBlock, cidrBlocks = [], routeRules } = inputs;
  const isLike = (part: ListedPart) =>
    !part.state.startsWith("TERMINAT") &&
    part.displayName === displayName &&
    (cidrBlock === undefined || part.cidrBlock === cidrBlock) &&
    cidrBlocks.every((block) => part.cidrBlocks?.includes(block)) &&
    // The tables of public and of private subnets have one name.
    (routeRules === undefined || gatewaysOf(part) === gatewaysOf(inputs));
  return parts.filter(isLike).map(({ id }) => id);
}

const gatewaysOf = ({ routeRules = [] }: { routeRules?: RouteRule[] }) =>
  routeRules
    .map(({ networkEntityId }) => networkEntityId)
    .sort()
    .join();

const lostPartAdvice = ({ noun, deletion }: Kind, displayName: string, id: string) =>
  `another ${noun} "${displayName}" is there already. If \`pulumi stack --show-ids\` does not name it, and it is no other ` +
  `stack's, a run of this stack was killed while it created it, and nothing uses it. Delete it, then run \`pulumi up\` ` +
  `again:\n    oci network ${deletion} ${id}`;
