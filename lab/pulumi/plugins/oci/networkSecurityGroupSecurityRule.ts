import { clients } from "./clients.ts";
import { object, requestDetails, time } from "./codecs.ts";
import type { Fields, Properties } from "./codecs.ts";
import { allItems } from "./lists.ts";
import { NETWORK } from "./resource.ts";
import type { ResourceType } from "./resource.ts";
import { icmp, portRange } from "./securityList.ts";

/** One rule of a network security group. Its id is unique in its group only, and the API has no call that gets one. */

const ports = object({
  destinationPortRange: { codec: portRange, defaultWhenOmitted: undefined },
  sourcePortRange: { codec: portRange, defaultWhenOmitted: undefined },
});

const PROPERTIES: Properties = {
  // The API has it in the path.
  networkSecurityGroupId: { required: true, change: "replaces", kind: "local" },
  direction: { required: true },
  protocol: { required: true },
  description: {},
  source: { defaultWhenOmitted: undefined },
  sourceType: {},
  destination: {},
  destinationType: {},
  stateless: { api: "isStateless" },
  icmpOptions: { codec: icmp, defaultWhenOmitted: undefined },
  tcpOptions: { codec: ports, defaultWhenOmitted: undefined },
  udpOptions: { codec: ports, defaultWhenOmitted: undefined },
  isValid: { kind: "output" },
  timeCreated: { codec: time, kind: "output" },
};

const groupOf = ({ networkSecurityGroupId }: Fields) => networkSecurityGroupId as string;

/** What the service would answer if it had a call for one rule. */
const NO_SUCH_RULE = { statusCode: 404, serviceCode: "NotAuthorizedOrNotFound", message: "no such rule" };

export const networkSecurityGroupSecurityRule: ResourceType = {
  ...NETWORK,
  properties: PROPERTIES,
  create: async (details, inputs) => {
    const { network } = await clients();
    const { addedNetworkSecurityGroupSecurityRules: addedRules } =
      await network.addNetworkSecurityGroupSecurityRules({
        networkSecurityGroupId: groupOf(inputs),
        addNetworkSecurityGroupSecurityRulesDetails: { securityRules: [details as never] },
      });
    return { ...addedRules.securityRules?.[0] };
  },
  read: async (id, state) => {
    const { network } = await clients();
    const rules = await allItems((page) =>
      network.listNetworkSecurityGroupSecurityRules({ networkSecurityGroupId: groupOf(state), ...page }),
    );
    const rule = rules.find((each) => each.id === id);
    if (rule === undefined) throw Object.assign(new Error(NO_SUCH_RULE.message), NO_SUCH_RULE);
    // A rule has no lifecycle of its own.
    return { ...rule, lifecycleState: "AVAILABLE" };
  },
  // The API replaces a rule as a whole.
  update: async (id, _, state, inputs) =>
    (await clients()).network.updateNetworkSecurityGroupSecurityRules({
      networkSecurityGroupId: groupOf(state),
      updateNetworkSecurityGroupSecurityRulesDetails: {
        securityRules: [{ ...requestDetails(PROPERTIES, inputs), id } as never],
      },
    }),
  delete: async (id, state) =>
    (await clients()).network.removeNetworkSecurityGroupSecurityRules({
      networkSecurityGroupId: groupOf(state),
      removeNetworkSecurityGroupSecurityRulesDetails: { securityRuleIds: [id] },
    }),
};
