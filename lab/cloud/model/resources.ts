import type {
  EgressRuleDetails,
  GroupRuleDetails,
  IngressRuleDetails,
  RouteRuleDetails,
} from "../requestSchemas.ts";

/** The resources of the lab's cloud, with the fields that Oracle's API shows. */

export type LifecycleState =
  | "PROVISIONING"
  | "AVAILABLE"
  | "UPDATING"
  | "STARTING"
  | "RUNNING"
  | "STOPPING"
  | "STOPPED"
  | "TERMINATING"
  | "TERMINATED"
  | "ATTACHED";

/** Fields of every resource. */
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

interface DhcpOptions extends Resource {
  vcnId: string;
  domainNameType: string;
  options: Record<string, unknown>[];
}

export interface InternetGateway extends Resource {
  vcnId: string;
  isEnabled: boolean;
}

export interface NatGateway extends Resource {
  vcnId: string;
  /** Stops all its traffic where true. */
  blockTraffic: boolean;
  /** Its public address. */
  natIp: string;
}

export interface ServiceGateway extends Resource {
  vcnId: string;
  blockTraffic: boolean;
  services: { serviceId: string; serviceName: string }[];
}

/** A route rule with its defaults. `cidrBlock` is the older name of the destination; Oracle shows both. */
export type RouteRule = RouteRuleDetails & {
  destination: string;
  destinationType: "CIDR_BLOCK" | "SERVICE_CIDR_BLOCK";
  cidrBlock?: string;
  routeType: "STATIC";
};

export interface RouteTable extends Resource {
  vcnId: string;
  routeRules: RouteRule[];
}

/** A security rule with its defaults. */
export type IngressSecurityRule = IngressRuleDetails & { isStateless: boolean; sourceType: "CIDR_BLOCK" };
export type EgressSecurityRule = EgressRuleDetails & { isStateless: boolean; destinationType: "CIDR_BLOCK" };

export interface SecurityList extends Resource {
  vcnId: string;
  ingressSecurityRules: IngressSecurityRule[];
  egressSecurityRules: EgressSecurityRule[];
}

export interface NetworkSecurityGroup extends Resource {
  vcnId: string;
}

/** A rule of a network security group. Its id is unique in the group. */
export type GroupRule = GroupRuleDetails & { id: string; isStateless: boolean; timeCreated: string };

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

interface VnicAttachment extends Resource {
  availabilityDomain: string;
  instanceId: string;
  subnetId: string;
  vnicId: string;
  nicIndex: number;
  vlanTag: number;
}

/** The private address of a VNIC, which Oracle shows as a resource of its own. */
interface PrivateIp extends Omit<Resource, "lifecycleState"> {
  availabilityDomain: string;
  ipAddress: string;
  isPrimary: boolean;
  subnetId: string;
  vnicId: string;
  hostnameLabel?: string;
}

interface BootVolume extends Resource {
  availabilityDomain: string;
  imageId: string;
  isHydrated: boolean;
  sizeInGBs: number;
  sizeInMBs: number;
  vpusPerGB: number;
}

interface BootVolumeAttachment extends Resource {
  availabilityDomain: string;
  bootVolumeId: string;
  instanceId: string;
}

/** The kinds of resources, by the names of their tables in the state. */
export interface Resources {
  vcns: Vcn;
  dhcpOptions: DhcpOptions;
  internetGateways: InternetGateway;
  natGateways: NatGateway;
  serviceGateways: ServiceGateway;
  routeTables: RouteTable;
  securityLists: SecurityList;
  networkSecurityGroups: NetworkSecurityGroup;
  subnets: Subnet;
  instances: Instance;
  vnics: Vnic;
  vnicAttachments: VnicAttachment;
  privateIps: PrivateIp;
  bootVolumes: BootVolume;
  bootVolumeAttachments: BootVolumeAttachment;
}

export type ResourceKind = keyof Resources;

/** The kinds that clients create and delete by requests of their own, and that need no machine. */
export type NetworkKind =
  | "vcns"
  | "internetGateways"
  | "natGateways"
  | "serviceGateways"
  | "routeTables"
  | "securityLists"
  | "networkSecurityGroups"
  | "subnets";
