import { clients } from "./clients.ts";
import { COMMON, DNS_LABEL, NETWORK } from "./resource.ts";
import type { ResourceType } from "./resource.ts";

export const vcn: ResourceType = {
  ...NETWORK,
  properties: {
    ...COMMON,
    ...DNS_LABEL,
    cidrBlock: { change: "replaces" },
    cidrBlocks: { change: "refused" },
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
  update: async (vcnId, updateVcnDetails) => (await clients()).network.updateVcn({ vcnId, updateVcnDetails }),
  delete: async (vcnId) => (await clients()).network.deleteVcn({ vcnId }),
  // The API has no such field; a VCN with IPv6 blocks has IPv6.
  extraOutputs: ({ ipv6CidrBlocks, ipv6PrivateCidrBlocks }) =>
    Promise.resolve({
      isIpv6enabled: [ipv6CidrBlocks, ipv6PrivateCidrBlocks].some(
        (blocks) => Array.isArray(blocks) && blocks.length > 0,
      ),
    }),
};
