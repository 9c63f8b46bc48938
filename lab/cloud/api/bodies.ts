import { z } from "zod";
import { CloudError, invalid, missing } from "../errors.ts";

/** What requests may carry. Every field that is not named here is refused, as Oracle refuses it. */

const tags = {
  freeformTags: z.record(z.string(), z.string()).optional(),
  definedTags: z.record(z.string(), z.record(z.string(), z.unknown())).optional(),
};
const changeable = { displayName: z.string().min(1).max(255).optional(), ...tags };
const created = { compartmentId: z.string(), ...changeable };
const json = z.record(z.string(), z.unknown()).optional();

const portRange = z.strictObject({ min: z.number(), max: z.number() });
const ports = z
  .strictObject({ destinationPortRange: portRange.optional(), sourcePortRange: portRange.optional() })
  .optional();
const rule = {
  protocol: z.string(),
  isStateless: z.boolean().optional(),
  tcpOptions: ports,
  udpOptions: ports,
  icmpOptions: z.strictObject({ type: z.number(), code: z.number().optional() }).optional(),
  description: z.string().max(255).optional(),
};
const ingress = z.array(z.strictObject({ source: z.string(), sourceType: z.string().optional(), ...rule }));
const egress = z.array(
  z.strictObject({ destination: z.string(), destinationType: z.string().optional(), ...rule }),
);
const routeRules = z.array(
  z.strictObject({
    destination: z.string().optional(),
    destinationType: z.string().optional(),
    cidrBlock: z.string().optional(),
    networkEntityId: z.string(),
    description: z.string().optional(),
    routeType: z.string().optional(),
  }),
);
const subnetLinks = {
  dhcpOptionsId: z.string().optional(),
  routeTableId: z.string().optional(),
  securityListIds: z.array(z.string()).optional(),
};
const vnic = {
  ...changeable,
  hostnameLabel: z.string().optional(),
  nsgIds: z.array(z.string()).optional(),
  skipSourceDestCheck: z.boolean().optional(),
};
const shapeConfig = z
  .strictObject({ ocpus: z.number().optional(), memoryInGBs: z.number().optional() })
  .optional();
const machine = {
  metadata: z.record(z.string(), z.string()).optional(),
  extendedMetadata: json,
  shapeConfig,
  faultDomain: z.string().optional(),
  instanceOptions: z.strictObject({ areLegacyImdsEndpointsDisabled: z.boolean().optional() }).optional(),
  launchOptions: json,
  availabilityConfig: json,
  agentConfig: json,
};

export const BODIES = {
  createVcn: z.strictObject({
    ...created,
    cidrBlock: z.string().optional(),
    cidrBlocks: z.array(z.string()).optional(),
    dnsLabel: z.string().optional(),
    isIpv6Enabled: z.literal(false).optional(),
  }),
  updateVcn: z.strictObject(changeable),
  createInternetGateway: z.strictObject({
    ...created,
    vcnId: z.string(),
    isEnabled: z.boolean(),
    routeTableId: z.string().optional(),
  }),
  updateInternetGateway: z.strictObject({ ...changeable, isEnabled: z.boolean().optional() }),
  createRouteTable: z.strictObject({ ...created, vcnId: z.string(), routeRules }),
  updateRouteTable: z.strictObject({ ...changeable, routeRules: routeRules.optional() }),
  createSecurityList: z.strictObject({
    ...created,
    vcnId: z.string(),
    ingressSecurityRules: ingress,
    egressSecurityRules: egress,
  }),
  updateSecurityList: z.strictObject({
    ...changeable,
    ingressSecurityRules: ingress.optional(),
    egressSecurityRules: egress.optional(),
  }),
  createSubnet: z.strictObject({
    ...created,
    ...subnetLinks,
    vcnId: z.string(),
    cidrBlock: z.string(),
    availabilityDomain: z.string().optional(),
    dnsLabel: z.string().optional(),
    prohibitInternetIngress: z.boolean().optional(),
    prohibitPublicIpOnVnic: z.boolean().optional(),
  }),
  updateSubnet: z.strictObject({ ...changeable, ...subnetLinks, cidrBlock: z.string().optional() }),
  updateVnic: z.strictObject(vnic),
  updateDhcpOptions: z.strictObject(changeable),
  updateBootVolume: z.strictObject(changeable),
  launchInstance: z.strictObject({
    ...created,
    ...machine,
    availabilityDomain: z.string(),
    shape: z.string(),
    sourceDetails: z
      .strictObject({
        sourceType: z.string(),
        imageId: z.string().optional(),
        bootVolumeSizeInGBs: z.number().optional(),
        bootVolumeVpusPerGB: z.number().optional(),
      })
      .optional(),
    imageId: z.string().optional(),
    subnetId: z.string().optional(),
    createVnicDetails: z
      .strictObject({
        ...vnic,
        subnetId: z.string().optional(),
        assignPublicIp: z.boolean().optional(),
        assignPrivateDnsRecord: z.boolean().optional(),
        privateIp: z.string().optional(),
      })
      .optional(),
    isPvEncryptionInTransitEnabled: z.boolean().optional(),
  }),
  updateInstance: z.strictObject({
    ...changeable,
    ...machine,
    shape: z.string().optional(),
    sourceDetails: z
      .strictObject({
        sourceType: z.literal("image"),
        imageId: z.string(),
        bootVolumeSizeInGBs: z.number().optional(),
        isPreserveBootVolumeEnabled: z.literal(false).optional(),
      })
      .optional(),
  }),
  createPublicIp: z.strictObject({
    compartmentId: z.string(),
    lifetime: z.string(),
    privateIpId: z.string(),
  }),
  publicIpByAddress: z.strictObject({ ipAddress: z.string() }),
  publicIpByPrivateIp: z.strictObject({ privateIpId: z.string() }),
} as const;

export type BodyName = keyof typeof BODIES;

/**
 * A request's body, checked.
 *
 * @throws CloudError 400 that names every field which is wrong
 */
export function readBody<N extends BodyName>(name: N, body: Buffer): z.output<(typeof BODIES)[N]> {
  let value: unknown;
  try {
    value = JSON.parse(body.toString("utf8"));
  } catch {
    throw new CloudError(400, "CannotParseRequest", "The request's body is not JSON.");
  }
  const parsed = BODIES[name].safeParse(withoutNulls(value));
  if (parsed.success) return parsed.data as z.output<(typeof BODIES)[N]>;
  const { issues } = parsed.error;
  const absent = issues.find(({ code, message }) => code === "invalid_type" && message.endsWith("undefined"));
  if (absent !== undefined) throw missing(absent.path.join("."));
  throw invalid(
    issues
      .map((issue) => {
        const at = issue.path.join(".");
        if (issue.code !== "unrecognized_keys") return `${at}: ${issue.message}`;
        return issue.keys.map((key) => `Unrecognized field ${[...issue.path, key].join(".")}`).join("; ");
      })
      .join("; "),
  );
}

/** To Oracle, null and absent are the same. */
function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, inner]) => inner !== null)
      .map(([key, inner]) => [key, withoutNulls(inner)]),
  );
}
