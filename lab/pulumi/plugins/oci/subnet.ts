import { clients } from "./clients.ts";
import { caseInsensitive, set } from "./codecs.ts";
import { COMMON, DNS_LABEL, IN_VCN, NETWORK } from "./resource.ts";
import type { ResourceType } from "./resource.ts";

export const subnet: ResourceType = {
  ...NETWORK,
  properties: {
    ...COMMON,
    ...IN_VCN,
    ...DNS_LABEL,
    availabilityDomain: { codec: caseInsensitive, change: "replaces" },
    cidrBlock: {},
    dhcpOptionsId: {},
    prohibitInternetIngress: { change: "replaces" },
    prohibitPublicIpOnVnic: { change: "replaces" },
    routeTableId: {},
    securityListIds: { codec: set() },
    ipv4cidrBlocks: { api: "ipv4CidrBlocks", kind: "output" },
    ipv6cidrBlock: { api: "ipv6CidrBlock", kind: "output" },
    ipv6cidrBlocks: { api: "ipv6CidrBlocks", kind: "output" },
    ipv6virtualRouterIp: { api: "ipv6VirtualRouterIp", kind: "output" },
    subnetDomainName: { kind: "output" },
    virtualRouterIp: { kind: "output" },
    virtualRouterMac: { kind: "output" },
  },
  create: async (details) => {
    const { network } = await clients();
    return (await network.createSubnet({ createSubnetDetails: details as never })).subnet;
  },
  read: async (subnetId) => (await (await clients()).network.getSubnet({ subnetId })).subnet,
  update: async (subnetId, updateSubnetDetails) =>
    (await clients()).network.updateSubnet({ subnetId, updateSubnetDetails }),
  move: async (subnetId, compartmentId) =>
    (await clients()).network.changeSubnetCompartment({
      subnetId,
      changeSubnetCompartmentDetails: { compartmentId },
    }),
  delete: async (subnetId) => (await clients()).network.deleteSubnet({ subnetId }),
};
