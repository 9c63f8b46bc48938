import { clients } from "./clients.ts";
import { COMMON, IN_VCN, NETWORK } from "./resource.ts";
import type { ResourceType } from "./resource.ts";

export const internetGateway: ResourceType = {
  ...NETWORK,
  properties: {
    ...COMMON,
    ...IN_VCN,
    enabled: { api: "isEnabled", defaultWhenOmitted: true },
    routeTableId: {},
  },
  create: async (details) => {
    const { network } = await clients();
    const createInternetGatewayDetails = { isEnabled: true, ...details } as never;
    return (await network.createInternetGateway({ createInternetGatewayDetails })).internetGateway;
  },
  read: async (igId) => (await (await clients()).network.getInternetGateway({ igId })).internetGateway,
  update: async (igId, updateInternetGatewayDetails) =>
    (await clients()).network.updateInternetGateway({ igId, updateInternetGatewayDetails }),
  move: async (igId, compartmentId) =>
    (await clients()).network.changeInternetGatewayCompartment({
      igId,
      changeInternetGatewayCompartmentDetails: { compartmentId },
    }),
  delete: async (igId) => (await clients()).network.deleteInternetGateway({ igId }),
};
