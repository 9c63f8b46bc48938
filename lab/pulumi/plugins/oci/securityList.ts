import { clients } from "./clients.ts";
import { object, set, withoutFields } from "./codecs.ts";
import type { Fields, Codec, Properties } from "./codecs.ts";
import { COMMON, IN_VCN, NETWORK } from "./resource.ts";
import type { ResourceType } from "./resource.ts";

export const portRange = object({ min: { required: true }, max: { required: true } });

/** Ports. The program gives the destination's as `min` and `max`; the API has them in `destinationPortRange`. */
const ports: Codec = (() => {
  const flatPorts = object({
    min: { defaultWhenOmitted: undefined },
    max: { defaultWhenOmitted: undefined },
    sourcePortRange: { codec: portRange, defaultWhenOmitted: undefined },
  });
  return {
    ...flatPorts,
    toApi: (value) => {
      const { min, max, ...source } = flatPorts.toApi(value) as Fields;
      return {
        ...(min === undefined && max === undefined ? {} : { destinationPortRange: { min, max } }),
        ...source,
      };
    },
    toProgram: (value) => {
      const { destinationPortRange, ...source } = value as Fields;
      return flatPorts.toProgram({ ...source, ...(destinationPortRange as Fields | undefined) });
    },
  };
})();

/** ICMP type and code. A code of -1 means any. */
export const icmp: Codec = (() => {
  const flatIcmp = object({ type: { required: true }, code: { defaultWhenOmitted: -1 } });
  return {
    ...flatIcmp,
    toApi: (value) => {
      const { code, ...type } = value as Fields;
      return code === undefined || code === -1 ? type : { ...type, code };
    },
    toProgram: (value) => ({ code: -1, ...(flatIcmp.toProgram(value) as Fields) }),
  };
})();

/** Rules; `peer` is their name of the other end of the traffic. */
const rules = (peer: "source" | "destination"): Codec =>
  set(
    object({
      protocol: { required: true },
      [peer]: { required: true },
      [`${peer}Type`]: { defaultWhenOmitted: "CIDR_BLOCK" },
      description: { defaultWhenOmitted: "" },
      stateless: { api: "isStateless", defaultWhenOmitted: false },
      icmpOptions: { codec: icmp, defaultWhenOmitted: undefined },
      tcpOptions: { codec: ports, defaultWhenOmitted: undefined },
      udpOptions: { codec: ports, defaultWhenOmitted: undefined },
    }),
  );

const RULES: Properties = {
  ingressSecurityRules: { codec: rules("source"), defaultWhenOmitted: [] },
  egressSecurityRules: { codec: rules("destination"), defaultWhenOmitted: [] },
};

const NO_RULES = { ingressSecurityRules: [], egressSecurityRules: [] };

const updateList = async (securityListId: string, updateSecurityListDetails: Fields) =>
  (await (await clients()).network.updateSecurityList({ securityListId, updateSecurityListDetails }))
    .securityList;

const readList = async (securityListId: string) =>
  (await (await clients()).network.getSecurityList({ securityListId })).securityList;

const moveList = async (securityListId: string, compartmentId: string) =>
  (await clients()).network.changeSecurityListCompartment({
    securityListId,
    changeSecurityListCompartmentDetails: { compartmentId },
  });

export const securityList: ResourceType = {
  ...NETWORK,
  properties: { ...COMMON, ...IN_VCN, ...RULES },
  create: async (details) => {
    const { network } = await clients();
    const createSecurityListDetails = { ...NO_RULES, ...details } as never;
    return (await network.createSecurityList({ createSecurityListDetails })).securityList;
  },
  read: readList,
  update: updateList,
  move: moveList,
  delete: async (securityListId) => (await clients()).network.deleteSecurityList({ securityListId }),
};

/** The list that comes with a VCN. Creating it takes the list over, deleting it empties the list. */
export const defaultSecurityList: ResourceType = {
  ...NETWORK,
  properties: {
    ...COMMON,
    ...RULES,
    compartmentId: {},
    manageDefaultResourceId: { required: true, change: "replaces", kind: "local" },
  },
  create: (details, { manageDefaultResourceId }) =>
    updateList(manageDefaultResourceId as string, {
      ...NO_RULES,
      ...withoutFields(details, "compartmentId"),
    }),
  read: readList,
  update: updateList,
  move: moveList,
  delete: (id) => updateList(id, NO_RULES),
  staysAfterDelete: true,
};
