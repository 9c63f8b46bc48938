import { clients } from "./clients.ts";
import { COMMON, IN_VCN, NETWORK } from "./resource.ts";
import type { ResourceType } from "./resource.ts";

export const natGateway: ResourceType = {
  ...NETWORK,
  properties: {
    ...COMMON,
    ...IN_VCN,
    blockTraffic: {},
    publicIpId: { change: "replaces" },
    routeTableId: {},
    natIp: { kind: "output" },
  },
  create: async (details) => {
    const { network } = await clients();
    return (await network.createNatGateway({ createNatGatewayDetails: details as never })).natGateway;
  },
  read: async (natGatewayId) => (await (await clients()).network.getNatGateway({ natGatewayId })).natGateway,
  update: async (natGatewayId, updateNatGatewayDetails) =>
    (await clients()).network.updateNatGateway({ natGatewayId, updateNatGatewayDetails }),
  move: async (natGatewayId, compartmentId) =>
    (await clients()).network.changeNatGatewayCompartment({
      natGatewayId,
      changeNatGatewayCompartmentDetails: { compartmentId },
    }),
  delete: async (natGatewayId) => (await clients()).network.deleteNatGateway({ natGatewayId }),
};
