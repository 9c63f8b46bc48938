import { clients } from "./clients.ts";
import { COMMON, IN_VCN, NETWORK } from "./resource.ts";
import type { ResourceType } from "./resource.ts";

export const networkSecurityGroup: ResourceType = {
  ...NETWORK,
  properties: { ...COMMON, ...IN_VCN },
  create: async (details) => {
    const { network } = await clients();
    const createNetworkSecurityGroupDetails = details as never;
    return (await network.createNetworkSecurityGroup({ createNetworkSecurityGroupDetails }))
      .networkSecurityGroup;
  },
  read: async (networkSecurityGroupId) =>
    (await (await clients()).network.getNetworkSecurityGroup({ networkSecurityGroupId }))
      .networkSecurityGroup,
  update: async (networkSecurityGroupId, updateNetworkSecurityGroupDetails) =>
    (await clients()).network.updateNetworkSecurityGroup({
      networkSecurityGroupId,
      updateNetworkSecurityGroupDetails,
    }),
  move: async (networkSecurityGroupId, compartmentId) =>
    (await clients()).network.changeNetworkSecurityGroupCompartment({
      networkSecurityGroupId,
      changeNetworkSecurityGroupCompartmentDetails: { compartmentId },
    }),
  delete: async (networkSecurityGroupId) =>
    (await clients()).network.deleteNetworkSecurityGroup({ networkSecurityGroupId }),
};
