import { clients } from "./clients.ts";
import { COMMON, DNS_LABEL, NETWORK } from "./resource.ts";
import type { ResourceType } from "./resource.ts";

/** One block a run is added, removed or modified, as by the official plugin. */
async function changeBlocks(vcnId: string, before: string[], after: string[]): Promise<void> {
  const { network } = await clients();
  const addedBlocks = after.filter((block) => !before.includes(block));
  const removedBlocks = before.filter((block) => !after.includes(block));
  const [newCidrBlock, originalCidrBlock] = [addedBlocks[0], removedBlocks[0]];
  if (addedBlocks.length > 1 || removedBlocks.length > 1)
    throw new Error(
      "only one add/remove or modification is allowed at once, new cidr_block must be added at the end of list",
    );
  if (newCidrBlock !== undefined && originalCidrBlock !== undefined)
    await network.modifyVcnCidr({ vcnId, modifyVcnCidrDetails: { originalCidrBlock, newCidrBlock } });
  else if (newCidrBlock !== undefined)
    await network.addVcnCidr({ vcnId, addVcnCidrDetails: { cidrBlock: newCidrBlock } });
  else if (originalCidrBlock !== undefined)
    await network.removeVcnCidr({ vcnId, removeVcnCidrDetails: { cidrBlock: originalCidrBlock } });
}

export const vcn: ResourceType = {
  ...NETWORK,
  properties: {
    ...COMMON,
    ...DNS_LABEL,
    cidrBlock: { change: "replaces" },
    cidrBlocks: {},
    isIpv6enabled: { api: "isIpv6Enabled", change: "refused" },
    byoipv6cidrBlocks: { api: "byoipv6CidrBlocks", kind: "output" },
    defaultDhcpOptionsId: { kind: "output" },
    defaultRouteTableId: { kind: "output" },
    defaultSecurityListId: { kind: "output" },
    ipv6cidrBlocks: { api: "ipv6CidrBlocks", kind: "output" },
    ipv6privateCidrBlocks: { api: "ipv6PrivateCidrBlocks", kind: "output" },
    vcnDomainName: { kind: "output" },
  },
  create: async (details) => {
    const { network } = await clients();
    return (await network.createVcn({ createVcnDetails: details as never })).vcn;
  },
  read: async (vcnId) => (await (await clients()).network.getVcn({ vcnId })).vcn,
  update: async (vcnId, { cidrBlocks, ...updateVcnDetails }, state) => {
    if (cidrBlocks !== undefined)
      await changeBlocks(vcnId, (state["cidrBlocks"] ?? []) as string[], cidrBlocks as string[]);
    if (Object.keys(updateVcnDetails).length > 0)
      await (await clients()).network.updateVcn({ vcnId, updateVcnDetails });
  },
  move: async (vcnId, compartmentId) =>
    (await clients()).network.changeVcnCompartment({
      vcnId,
      changeVcnCompartmentDetails: { compartmentId },
    }),
  delete: async (vcnId) => (await clients()).network.deleteVcn({ vcnId }),
  // The API has no such field; a VCN with IPv6 blocks has IPv6.
  extraOutputs: ({ ipv6CidrBlocks, ipv6PrivateCidrBlocks }) =>
    Promise.resolve({
      isIpv6enabled: [ipv6CidrBlocks, ipv6PrivateCidrBlocks].some(
        (blocks) => Array.isArray(blocks) && blocks.length > 0,
      ),
    }),
};
