import * as oci from "@pulumi/oci";
import * as pulumi from "@pulumi/pulumi";

/** One of each resource that the plugin serves. A test overrides their arguments by `OVERRIDES`, by resource name. */

const overrides = JSON.parse(process.env["OVERRIDES"] ?? "{}") as Record<string, any>;
/** Of all resources that have one. */
const { compartmentId = "ocid1.compartment.oc1..aaaaaaaalab" } = overrides["all"] ?? {};

const domains = oci.identity.getAvailabilityDomainsOutput({ compartmentId });
const images = oci.core.getImagesOutput({
  compartmentId,
  operatingSystem: "Canonical Ubuntu",
  operatingSystemVersion: "24.04",
  shape: "VM.Standard.E4.Flex",
  sortBy: "TIMECREATED",
  sortOrder: "DESC",
});
const platformImage = images.apply((result) => result.images.find(({ baseImageId }) => !baseImageId));

const vcn = new oci.core.Vcn("vcn", {
  compartmentId,
  cidrBlocks: ["10.7.0.0/16"],
  displayName: "vcn",
  ...overrides["vcn"],
});
const gateway = new oci.core.InternetGateway("gateway", {
  compartmentId,
  vcnId: vcn.id,
  ...overrides["gateway"],
});
const routes = new oci.core.RouteTable("routes", {
  compartmentId,
  vcnId: vcn.id,
  routeRules: [{ destination: "0.0.0.0/0", networkEntityId: gateway.id }],
  ...overrides["routes"],
});
const natGateway = new oci.core.NatGateway("natGateway", {
  compartmentId,
  vcnId: vcn.id,
  blockTraffic: false,
  ...overrides["natGateway"],
});
const services = oci.core.getServicesOutput({});
const service = services.apply((result) =>
  result.services.find(({ cidrBlock }) => cidrBlock.startsWith("all-")),
);
const serviceGateway = new oci.core.ServiceGateway("serviceGateway", {
  compartmentId,
  vcnId: vcn.id,
  displayName: "services",
  services: [{ serviceId: service.apply((oracleService) => oracleService?.id ?? "") }],
  ...overrides["serviceGateway"],
});
new oci.core.RouteTable("privateRoutes", {
  compartmentId,
  vcnId: vcn.id,
  routeRules: [
    { destination: "0.0.0.0/0", networkEntityId: natGateway.id },
    {
      destination: service.apply((oracleService) => oracleService?.cidrBlock ?? ""),
      destinationType: "SERVICE_CIDR_BLOCK",
      networkEntityId: serviceGateway.id,
    },
  ],
});
const list = new oci.core.SecurityList("list", {
  compartmentId,
  vcnId: vcn.id,
  displayName: "list",
  ingressSecurityRules: [
    { protocol: "17", source: "10.7.1.0/24", stateless: true, udpOptions: { min: 4789, max: 4789 } },
    { protocol: "6", source: "198.51.100.10/32", tcpOptions: { min: 22, max: 22 }, description: "SSH" },
    { protocol: "1", source: "0.0.0.0/0", icmpOptions: { type: 3, code: 4 } },
    { protocol: "1", source: "10.7.0.0/16", icmpOptions: { type: 8 } },
  ],
  egressSecurityRules: [{ protocol: "all", destination: "0.0.0.0/0" }],
  ...overrides["list"],
});
new oci.core.DefaultSecurityList("default", {
  manageDefaultResourceId: vcn.defaultSecurityListId,
  ingressSecurityRules: [{ protocol: "all", source: "10.7.0.0/16" }],
  ...overrides["default"],
});
const subnet = new oci.core.Subnet("subnet", {
  compartmentId,
  vcnId: vcn.id,
  cidrBlock: "10.7.1.0/24",
  routeTableId: routes.id,
  securityListIds: [list.id],
  ...overrides["subnet"],
});
const group = new oci.core.NetworkSecurityGroup("group", {
  compartmentId,
  vcnId: vcn.id,
  displayName: "group",
  ...overrides["group"],
});
const groupRule = new oci.core.NetworkSecurityGroupSecurityRule("groupRule", {
  networkSecurityGroupId: group.id,
  direction: "INGRESS",
  protocol: "17",
  source: group.id,
  sourceType: "NETWORK_SECURITY_GROUP",
  stateless: true,
  udpOptions: { destinationPortRange: { min: 4789, max: 4789 } },
  ...overrides["groupRule"],
});
const instance = new oci.core.Instance(
  "instance",
  {
    compartmentId,
    availabilityDomain: domains.apply((result) => result.availabilityDomains[0]?.name ?? ""),
    shape: "VM.Standard.E4.Flex",
    shapeConfig: { ocpus: 1, memoryInGbs: 8 },
    displayName: "instance",
    sourceDetails: { sourceType: "image", sourceId: platformImage.apply((image) => image?.id ?? "") },
    createVnicDetails: {
      subnetId: subnet.id,
      privateIp: "10.7.1.5",
      assignPublicIp: "true",
      nsgIds: [group.id],
      ...overrides["vnic"],
    },
    instanceOptions: { areLegacyImdsEndpointsDisabled: true },
    metadata: pulumi.secret({ ssh_authorized_keys: "ssh-ed25519 AAAA", user_data: "I2Nsb3VkLWNvbmZpZwo=" }),
    ...overrides["instance"],
  },
  { deleteBeforeReplace: true },
);

export const vcnId = vcn.id;
export const instanceId = instance.id;
export const bootVolumeId = instance.bootVolumeId;
export const privateIp = instance.privateIp;
export const publicIp = instance.publicIp;
export const state = instance.state;
export const imageName = platformImage.apply((image) => image?.displayName);
export const subnetLists = subnet.securityListIds;
export const router = subnet.virtualRouterIp;
export const groupId = group.id;
export const groupRuleId = groupRule.id;
export const natIp = natGateway.natIp;
export const metadata = instance.metadata;
