import { clients } from "./clients.ts";
import { object, set } from "./codecs.ts";
import { COMMON, IN_VCN, NETWORK } from "./resource.ts";
import type { ResourceType } from "./resource.ts";

const service = object({ serviceId: { required: true }, serviceName: { kind: "output" } });

export const serviceGateway: ResourceType = {
  ...NETWORK,
  properties: {
    ...COMMON,
    ...IN_VCN,
    services: { codec: set(service), required: true },
    routeTableId: {},
    blockTraffic: { kind: "output" },
  },
  create: async (details) => {
    const { network } = await clients();
    const createServiceGatewayDetails = details as never;
    return (await network.createServiceGateway({ createServiceGatewayDetails })).serviceGateway;
  },
  read: async (serviceGatewayId) =>
    (await (await clients()).network.getServiceGateway({ serviceGatewayId })).serviceGateway,
  update: async (serviceGatewayId, updateServiceGatewayDetails) =>
    (await clients()).network.updateServiceGateway({ serviceGatewayId, updateServiceGatewayDetails }),
  move: async (serviceGatewayId, compartmentId) =>
    (await clients()).network.changeServiceGatewayCompartment({
      serviceGatewayId,
      changeServiceGatewayCompartmentDetails: { compartmentId },
    }),
  delete: async (serviceGatewayId) => (await clients()).network.deleteServiceGateway({ serviceGatewayId }),
};
