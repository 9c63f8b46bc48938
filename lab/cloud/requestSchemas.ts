import { z } from "zod";

/**
 * The bodies of the API's requests, by operation. The API checks them by these schemas, and the model takes its types
 * from them. A field that is not listed is refused by name, as Oracle refuses it.
 */

const text = z.string().optional();
const texts = z.array(z.string()).optional();
const flag = z.boolean().optional();
const number = z.number().optional();
const json = z.record(z.string(), z.unknown()).optional();

/** Fields that every update may change. */
const update = {
  displayName: z.string().min(1).max(255).optional(),
  freeformTags: z.record(z.string(), z.string()).optional(),
  definedTags: z.record(z.string(), z.record(z.string(), z.unknown())).optional(),
};
/** Fields of every creation. */
const create = { compartmentId: z.string(), ...update };
const createInVcn = { ...create, vcnId: z.string() };

const portRange = z.strictObject({ min: z.number(), max: z.number() });
const ports = z
  .strictObject({ destinationPortRange: portRange.optional(), sourcePortRange: portRange.optional() })
  .optional();
const securityRule = {
  protocol: z.string(),
  isStateless: flag,
  tcpOptions: ports,
  udpOptions: ports,
  icmpOptions: z.strictObject({ type: z.number(), code: number }).optional(),
  description: z.string().max(255).optional(),
};
const ingressRule = z.strictObject({ source: z.string(), sourceType: text, ...securityRule });
const egressRule = z.strictObject({ destination: z.string(), destinationType: text, ...securityRule });
const securityRules = {
  ingressSecurityRules: z.array(ingressRule),
  egressSecurityRules: z.array(egressRule),
};

/** A rule of a network security group. The direction decides whether it has a source or a destination. */
const groupRule = {
  direction: z.enum(["INGRESS", "EGRESS"]),
  source: text,
  sourceType: text,
  destination: text,
  destinationType: text,
  ...securityRule,
};

const routeRule = z.strictObject({
  destination: text,
  destinationType: text,
  /** The older name of `destination`. */
  cidrBlock: text,
  networkEntityId: z.string(),
  description: text,
  routeType: text,
});

const services = z.array(z.strictObject({ serviceId: z.string() }));

const subnetLinks = { dhcpOptionsId: text, routeTableId: text, securityListIds: texts };

const updateVnic = { ...update, hostnameLabel: text, nsgIds: texts, skipSourceDestCheck: flag };
const createVnic = z.strictObject({
  ...updateVnic,
  subnetId: text,
  assignPublicIp: flag,
  assignPrivateDnsRecord: flag,
  privateIp: text,
});

const shapeConfig = z.strictObject({ ocpus: number, memoryInGBs: number }).optional();
const instanceFields = {
  metadata: z.record(z.string(), z.string()).optional(),
  extendedMetadata: json,
  shapeConfig,
  faultDomain: text,
  instanceOptions: z.strictObject({ areLegacyImdsEndpointsDisabled: flag }).optional(),
  launchOptions: json,
  availabilityConfig: json,
  agentConfig: json,
};
const launchSource = z.strictObject({
  sourceType: z.string(),
  imageId: text,
  bootVolumeSizeInGBs: number,
  bootVolumeVpusPerGB: number,
});
/** The image that replaces an instance's boot volume. */
const updateSource = z.strictObject({
  sourceType: z.literal("image"),
  imageId: z.string(),
  bootVolumeSizeInGBs: number,
  isPreserveBootVolumeEnabled: z.literal(false).optional(),
});

export const REQUEST_SCHEMAS = {
  createVcn: z.strictObject({
    ...create,
    cidrBlock: text,
    cidrBlocks: texts,
    dnsLabel: text,
    isIpv6Enabled: z.literal(false).optional(),
  }),
  updateVcn: z.strictObject(update),
  addVcnCidr: z.strictObject({ cidrBlock: z.string() }),
  modifyVcnCidr: z.strictObject({ originalCidrBlock: z.string(), newCidrBlock: z.string() }),
  removeVcnCidr: z.strictObject({ cidrBlock: z.string() }),
  /** Of a resource of any kind. */
  changeCompartment: z.strictObject({ compartmentId: z.string() }),
  createInternetGateway: z.strictObject({ ...createInVcn, isEnabled: z.boolean(), routeTableId: text }),
  updateInternetGateway: z.strictObject({ ...update, isEnabled: flag }),
  createNatGateway: z.strictObject({
    ...createInVcn,
    blockTraffic: flag,
    publicIpId: text,
    routeTableId: text,
  }),
  updateNatGateway: z.strictObject({ ...update, blockTraffic: flag }),
  createServiceGateway: z.strictObject({ ...createInVcn, services, routeTableId: text }),
  updateServiceGateway: z.strictObject({ ...update, blockTraffic: flag, services: services.optional() }),
  createRouteTable: z.strictObject({ ...createInVcn, routeRules: z.array(routeRule) }),
  updateRouteTable: z.strictObject({ ...update, routeRules: z.array(routeRule).optional() }),
  createSecurityList: z.strictObject({ ...createInVcn, ...securityRules }),
  updateSecurityList: z.strictObject({ ...update, ...z.strictObject(securityRules).partial().shape }),
  createNetworkSecurityGroup: z.strictObject(createInVcn),
  updateNetworkSecurityGroup: z.strictObject(update),
  addSecurityRules: z.strictObject({ securityRules: z.array(z.strictObject(groupRule)) }),
  updateSecurityRules: z.strictObject({
    securityRules: z.array(z.strictObject({ ...groupRule, id: z.string() })),
  }),
  removeSecurityRules: z.strictObject({ securityRuleIds: z.array(z.string()) }),
  createSubnet: z.strictObject({
    ...createInVcn,
    ...subnetLinks,
    cidrBlock: z.string(),
    availabilityDomain: text,
    dnsLabel: text,
    prohibitInternetIngress: flag,
    prohibitPublicIpOnVnic: flag,
  }),
  updateSubnet: z.strictObject({ ...update, ...subnetLinks, cidrBlock: text }),
  updateVnic: z.strictObject(updateVnic),
  updateDhcpOptions: z.strictObject(update),
  updateBootVolume: z.strictObject(update),
  launchInstance: z.strictObject({
    ...create,
    ...instanceFields,
    availabilityDomain: z.string(),
    shape: z.string(),
    sourceDetails: launchSource.optional(),
    /** Older names of `sourceDetails.imageId` and `createVnicDetails.subnetId`. */
    imageId: text,
    subnetId: text,
    createVnicDetails: createVnic.optional(),
    isPvEncryptionInTransitEnabled: flag,
  }),
  updateInstance: z.strictObject({
    ...update,
    ...instanceFields,
    shape: text,
    sourceDetails: updateSource.optional(),
  }),
  createComputeCapacityReport: z.strictObject({
    compartmentId: z.string(),
    availabilityDomain: z.string(),
    shapeAvailabilities: z.array(
      z.strictObject({ instanceShape: z.string(), instanceShapeConfig: shapeConfig, faultDomain: text }),
    ),
  }),
  createPublicIp: z.strictObject({
    compartmentId: z.string(),
    lifetime: z.string(),
    privateIpId: z.string(),
  }),
  getPublicIpByIpAddress: z.strictObject({ ipAddress: z.string() }),
  getPublicIpByPrivateIpId: z.strictObject({ privateIpId: z.string() }),
} as const;

export type Operation = keyof typeof REQUEST_SCHEMAS;

/** The body of an operation's request, for example of `createVcn`. */
export type RequestBody<O extends Operation> = z.infer<(typeof REQUEST_SCHEMAS)[O]>;

/** Fields of every creation. */
export type CreateFields = Pick<RequestBody<"createVcn">, keyof typeof create>;
export type IngressRuleDetails = z.infer<typeof ingressRule>;
export type EgressRuleDetails = z.infer<typeof egressRule>;
export type GroupRuleDetails = RequestBody<"addSecurityRules">["securityRules"][number];
export type RouteRuleDetails = z.infer<typeof routeRule>;
export type VnicDetails = z.infer<typeof createVnic>;
export type ShapeConfigDetails = NonNullable<RequestBody<"launchInstance">["shapeConfig"]>;
