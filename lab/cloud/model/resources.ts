/** The resources of the lab's cloud, field by field as Oracle's API shows them. */

export type LifecycleState =
  | "PROVISIONING"
  | "AVAILABLE"
  | "STARTING"
  | "RUNNING"
  | "STOPPING"
  | "STOPPED"
  | "TERMINATING"
  | "TERMINATED"
  | "ATTACHING"
  | "ATTACHED"
  | "DETACHING"
  | "DETACHED";

/** What every resource has. */
export interface Resource {
  id: string;
  compartmentId: string;
  displayName: string;
  lifecycleState: LifecycleState;
  /** RFC 3339. */
  timeCreated: string;
  freeformTags: Record<string, string>;
  definedTags: Record<string, Record<string, unknown>>;
}

export interface Vcn extends Resource {
  cidrBlock: string;
  cidrBlocks: string[];
  defaultDhcpOptionsId: string;
  defaultRouteTableId: string;
  defaultSecurityListId: string;
  dnsLabel?: string;
  vcnDomainName?: string;
}

export interface DhcpOptions extends Resource {
  vcnId: string;
  domainNameType: string;
  options: Record<string, unknown>[];
}

export interface InternetGateway extends Resource {
  vcnId: string;
  isEnabled: boolean;
}

export interface RouteRule {
  destination: string;
  destinationType: "CIDR_BLOCK";
  cidrBlock: string;
  networkEntityId: string;
  routeType: "STATIC";
  description?: string;
}

export interface RouteTable extends Resource {
  vcnId: string;
  routeRules: RouteRule[];
}

export interface PortRange {
  min: number;
  max: number;
}

export interface PortOptions {
  destinationPortRange?: PortRange;
  sourcePortRange?: PortRange;
}

/** What ingress and egress rules have in common. */
export interface SecurityRule {
  /** A protocol's number as text, or "all". */
  protocol: string;
  isStateless: boolean;
  tcpOptions?: PortOptions;
  udpOptions?: PortOptions;
  icmpOptions?: { type: number; code?: number };
  description?: string;
}

export interface IngressSecurityRule extends SecurityRule {
  source: string;
  sourceType: "CIDR_BLOCK";
}

export interface EgressSecurityRule extends SecurityRule {
  destination: string;
  destinationType: "CIDR_BLOCK";
}

export interface SecurityList extends Resource {
  vcnId: string;
  ingressSecurityRules: IngressSecurityRule[];
  egressSecurityRules: EgressSecurityRule[];
}

export interface Subnet extends Resource {
  vcnId: string;
  cidrBlock: string;
  availabilityDomain?: string;
  dhcpOptionsId: string;
  dnsLabel?: string;
  subnetDomainName?: string;
  prohibitInternetIngress: boolean;
  prohibitPublicIpOnVnic: boolean;
  routeTableId: string;
  securityListIds: string[];
  virtualRouterIp: string;
  virtualRouterMac: string;
}

export interface ShapeConfig {
  ocpus: number;
  vcpus: number;
  memoryInGBs: number;
  networkingBandwidthInGbps: number;
  maxVnicAttachments: number;
  processorDescription: string;
  gpus: number;
  localDisks: number;
}

export interface Instance extends Resource {
  availabilityDomain: string;
  faultDomain: string;
  region: string;
  shape: string;
  shapeConfig: ShapeConfig;
  imageId: string;
  sourceDetails: {
    sourceType: "image";
    imageId: string;
    bootVolumeSizeInGBs: number;
    bootVolumeVpusPerGB: number;
  };
  metadata: Record<string, string>;
  extendedMetadata: Record<string, unknown>;
  systemTags: Record<string, unknown>;
  securityAttributes: Record<string, unknown>;
  securityAttributesState: "STABLE";
  launchMode: string;
  launchOptions: Record<string, unknown>;
  instanceOptions: { areLegacyImdsEndpointsDisabled: boolean };
  availabilityConfig: Record<string, unknown>;
  agentConfig: Record<string, unknown>;
}

export interface Vnic extends Resource {
  availabilityDomain: string;
  subnetId: string;
  isPrimary: boolean;
  macAddress: string;
  privateIp: string;
  publicIp?: string;
  hostnameLabel?: string;
  nsgIds: string[];
  skipSourceDestCheck: boolean;
}

export interface VnicAttachment extends Resource {
  availabilityDomain: string;
  instanceId: string;
  subnetId: string;
  vnicId: string;
  nicIndex: number;
  vlanTag: number;
}

/** The addresses of a VNIC, as objects of their own. */
export interface PrivateIp extends Omit<Resource, "lifecycleState"> {
  availabilityDomain: string;
  ipAddress: string;
  isPrimary: boolean;
  subnetId: string;
  vnicId: string;
  hostnameLabel?: string;
}

export interface BootVolume extends Resource {
  availabilityDomain: string;
  imageId: string;
  isHydrated: boolean;
  sizeInGBs: number;
  sizeInMBs: number;
  vpusPerGB: number;
}

export interface BootVolumeAttachment extends Resource {
  availabilityDomain: string;
  bootVolumeId: string;
  instanceId: string;
}
