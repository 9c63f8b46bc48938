import { clients } from "./clients.ts";
import { object, set, without } from "./forms.ts";
import type { Fields, Form, Properties } from "./forms.ts";
import { COMMON, IN_VCN, NETWORK } from "./resource.ts";
import type { ResourceType } from "./resource.ts";

const range = object({ min: { required: true }, max: { required: true } });

/** Ports: the program gives those of the destination directly, the API has them in an object of their own. */
const ports: Form = (() => {
  const flat = object({
    min: { absent: undefined },
    max: { absent: undefined },
    sourcePortRange: { form: range, absent: undefined },
  });
  return {
    ...flat,
    toApi: (value) => {
      const { min, max, ...source } = flat.toApi(value) as Fields;
      return {
        ...(min === undefined && max === undefined ? {} : { destinationPortRange: { min, max } }),
        ...source,
      };
    },
    toProgram: (value) => {
      const { destinationPortRange, ...source } = value as Fields;
      return flat.toProgram({ ...source, ...(destinationPortRange as Fields | undefined) });
    },
  };
})();

/** ICMP type and code; a code of -1 stands for any. */
const icmp: Form = (() => {
  const flat = object({ type: { required: true }, code: { absent: -1 } });
  return {
    ...flat,
    toApi: (value) => {
      const { code, ...type } = value as Fields;
      return code === undefined || code === -1 ? type : { ...type, code };
    },
    toProgram: (value) => ({ code: -1, ...(flat.toProgram(value) as Fields) }),
  };
})();

/** A rule; `end` is what it calls the other side of the traffic. */
const rules = (end: "source" | "destination"): Form =>
  set(
    object({
      protocol: { required: true },
      [end]: { required: true },
      [`${end}Type`]: { absent: "CIDR_BLOCK" },
      description: { absent: "" },
      stateless: { api: "isStateless", absent: false },
      icmpOptions: { form: icmp, absent: undefined },
      tcpOptions: { form: ports, absent: undefined },
      udpOptions: { form: ports, absent: undefined },
    }),
  );

const RULES: Properties = {
  ingressSecurityRules: { form: rules("source"), absent: [] },
  egressSecurityRules: { form: rules("destination"), absent: [] },
};

const NO_RULES = { ingressSecurityRules: [], egressSecurityRules: [] };

const put = async (securityListId: string, updateSecurityListDetails: Fields) =>
  (await (await clients()).network.updateSecurityList({ securityListId, updateSecurityListDetails }))
    .securityList;

const read = async (securityListId: string) =>
  (await (await clients()).network.getSecurityList({ securityListId })).securityList;

export const securityList: ResourceType = {
  ...NETWORK,
  properties: { ...COMMON, ...IN_VCN, ...RULES },
  create: async (details) => {
    const { network } = await clients();
    const createSecurityListDetails = { ...NO_RULES, ...details } as never;
    return (await network.createSecurityList({ createSecurityListDetails })).securityList;
  },
  read,
  update: put,
  delete: async (securityListId) => (await clients()).network.deleteSecurityList({ securityListId }),
};

/** The list that a VCN comes with: taken over rather than made, emptied rather than deleted. */
export const defaultSecurityList: ResourceType = {
  ...NETWORK,
  properties: {
    ...COMMON,
    ...RULES,
    compartmentId: { change: "refused" },
    manageDefaultResourceId: { required: true, change: "replaces", kind: "local" },
  },
  create: (details, { manageDefaultResourceId }) =>
    put(manageDefaultResourceId as string, { ...NO_RULES, ...without(details, "compartmentId") }),
  read,
  update: put,
  delete: (id) => put(id, NO_RULES),
  staysAfterDelete: true,
};
