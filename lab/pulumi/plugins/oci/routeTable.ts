import { clients } from "./clients.ts";
import { object, set } from "./codecs.ts";
import { COMMON, IN_VCN, NETWORK } from "./resource.ts";
import type { ResourceType } from "./resource.ts";

const rule = object({
  networkEntityId: { required: true },
  destination: {},
  destinationType: { defaultWhenOmitted: "CIDR_BLOCK" },
  description: { defaultWhenOmitted: "" },
  routeType: { defaultWhenOmitted: "STATIC" },
  // Deprecated; the service returns it beside `destination`.
  cidrBlock: { kind: "output" },
});

export const routeTable: ResourceType = {
  ...NETWORK,
  properties: { ...COMMON, ...IN_VCN, routeRules: { codec: set(rule), defaultWhenOmitted: [] } },
  create: async (details) => {
    const { network } = await clients();
    const createRouteTableDetails = { routeRules: [], ...details } as never;
    return (await network.createRouteTable({ createRouteTableDetails })).routeTable;
  },
  read: async (rtId) => (await (await clients()).network.getRouteTable({ rtId })).routeTable,
  update: async (rtId, updateRouteTableDetails) =>
    (await clients()).network.updateRouteTable({ rtId, updateRouteTableDetails }),
  move: async (rtId, compartmentId) =>
    (await clients()).network.changeRouteTableCompartment({
      rtId,
      changeRouteTableCompartmentDetails: { compartmentId },
    }),
  delete: async (rtId) => (await clients()).network.deleteRouteTable({ rtId }),
};
