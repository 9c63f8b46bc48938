import { clients } from "./clients.ts";
import { programView, unknownPropertiesIn } from "./codecs.ts";
import type { Fields, Properties } from "./codecs.ts";
import { isNotFound } from "./errors.ts";
import { instance } from "./instance.ts";
import { internetGateway } from "./internetGateway.ts";
import { allItems } from "./lists.ts";
import { natGateway } from "./natGateway.ts";
import { networkSecurityGroup } from "./networkSecurityGroup.ts";
import { COMMON } from "./resource.ts";
import type { ResourceType } from "./resource.ts";
import { routeTable } from "./routeTable.ts";
import { securityList } from "./securityList.ts";
import { serviceGateway } from "./serviceGateway.ts";
import { subnet } from "./subnet.ts";
import { vcn } from "./vcn.ts";

/** One function of the plugin: its arguments, and the outputs that it adds to them. */
interface Lookup {
  arguments: Properties;
  call: (args: Fields) => Promise<Fields>;
}

const IMAGE: Properties = {
  ...COMMON,
  id: {},
  baseImageId: {},
  createImageAllowed: {},
  launchMode: {},
  listingType: {},
  operatingSystem: {},
  operatingSystemVersion: {},
};

const SHAPE: Properties = {
  availabilityDomain: {},
  billingType: {},
  gpus: {},
  isFlexible: {},
  maxVnicAttachments: {},
  memoryInGbs: { api: "memoryInGBs" },
  name: { api: "shape" },
  networkingBandwidthInGbps: {},
  ocpus: {},
  processorDescription: {},
};

const IN_COMPARTMENT: Properties = { compartmentId: { required: true } };

const view = (properties: Properties) => (item: object) => programView(properties, item as Fields);

type NetworkClient = Awaited<ReturnType<typeof clients>>["network"];
/** A page of a list. */
type GetPage = (network: NetworkClient, request: never) => ReturnType<Parameters<typeof allItems>[0]>;

/** The function that lists parts of the network. `output` is its name for them. */
const networkList = (
  output: string,
  { properties }: ResourceType,
  getPage: GetPage,
  filters: Properties = { vcnId: {}, displayName: {} },
): Lookup => ({
  arguments: { ...IN_COMPARTMENT, state: {}, ...filters },
  call: async ({ state: lifecycleState, ...args }) => {
    const { network } = await clients();
    const request = { ...args, lifecycleState };
    const items = await allItems((page) => getPage(network, { ...request, ...page } as never));
    return { [output]: items.map((item) => view({ id: {}, ...properties })(item as object)) };
  },
});

const lookups: Readonly<Record<string, Lookup>> = {
  "oci:Core/getImages:getImages": {
    arguments: {
      ...IN_COMPARTMENT,
      displayName: {},
      operatingSystem: {},
      operatingSystemVersion: {},
      shape: {},
      sortBy: {},
      sortOrder: {},
      state: {},
    },
    call: async ({ state: lifecycleState, ...args }) => {
      const { compute } = await clients();
      const request = { ...args, lifecycleState };
      const images = await allItems((page) => compute.listImages({ ...request, ...page } as never));
      return { images: images.map(view(IMAGE)) };
    },
  },
  "oci:Core/getInstances:getInstances": {
    arguments: { ...IN_COMPARTMENT, availabilityDomain: {}, displayName: {}, state: {} },
    call: async ({ state: lifecycleState, ...args }) => {
      const { compute } = await clients();
      const request = { ...args, lifecycleState };
      const instances = await allItems((page) => compute.listInstances({ ...request, ...page } as never));
      return { instances: instances.map(view({ id: {}, ...instance.properties })) };
    },
  },
  "oci:Core/getShapes:getShapes": {
    arguments: { ...IN_COMPARTMENT, availabilityDomain: {}, imageId: {}, shape: {} },
    call: async (args) => {
      const { compute } = await clients();
      const shapes = await allItems((page) => compute.listShapes({ ...args, ...page } as never));
      return { shapes: shapes.map(view(SHAPE)) };
    },
  },
  "oci:Core/getServices:getServices": {
    arguments: {},
    call: async () => {
      const { network } = await clients();
      const services = await allItems((page) => network.listServices(page));
      return { services: services.map(view({ id: {}, name: {}, description: {}, cidrBlock: {} })) };
    },
  },
  "oci:Core/getVcns:getVcns": networkList(
    "virtualNetworks",
    vcn,
    (network, request) => network.listVcns(request),
    { displayName: {} },
  ),
  "oci:Core/getInternetGateways:getInternetGateways": networkList(
    "gateways",
    internetGateway,
    (network, request) => network.listInternetGateways(request),
  ),
  "oci:Core/getNatGateways:getNatGateways": networkList("natGateways", natGateway, (network, request) =>
    network.listNatGateways(request),
  ),
  "oci:Core/getServiceGateways:getServiceGateways": networkList(
    "serviceGateways",
    serviceGateway,
    (network, request) => network.listServiceGateways(request),
    { vcnId: {} },
  ),
  "oci:Core/getRouteTables:getRouteTables": networkList("routeTables", routeTable, (network, request) =>
    network.listRouteTables(request),
  ),
  "oci:Core/getSecurityLists:getSecurityLists": networkList(
    "securityLists",
    securityList,
    (network, request) => network.listSecurityLists(request),
  ),
  "oci:Core/getNetworkSecurityGroups:getNetworkSecurityGroups": networkList(
    "networkSecurityGroups",
    networkSecurityGroup,
    (network, request) => network.listNetworkSecurityGroups(request),
  ),
  "oci:Core/getSubnets:getSubnets": networkList("subnets", subnet, (network, request) =>
    network.listSubnets(request),
  ),
  "oci:Core/getVcn:getVcn": {
    arguments: { vcnId: { required: true } },
    call: async ({ vcnId }) => view(vcn.properties)(await vcn.read(vcnId as string, {})),
  },
  "oci:Core/getSubnet:getSubnet": {
    arguments: { subnetId: { required: true } },
    call: async ({ subnetId }) => view(subnet.properties)(await subnet.read(subnetId as string, {})),
  },
  "oci:Identity/getAvailabilityDomains:getAvailabilityDomains": {
    arguments: IN_COMPARTMENT,
    call: async (args) => {
      const { identity } = await clients();
      const { items } = await identity.listAvailabilityDomains(args as never);
      const domains = items.map(view({ compartmentId: {}, id: {}, name: {} }));
      return {
        availabilityDomains: domains.sort((a, b) => String(a["name"]).localeCompare(String(b["name"]))),
      };
    },
  },
};

/**
 * Calls a function. Its outputs are those of the lookup, the arguments, and an id made from them. Where the service knows
 * no such thing, there are no outputs, as with the official plugin.
 */
export async function lookUp(token: string, args: Fields): Promise<Fields> {
  const lookup = lookups[token];
  if (lookup === undefined)
    throw new Error(`the lab's stand-in for the oci plugin has no ${token}: set LAB_OCI_PLUGIN`);
  const unknownArguments = unknownPropertiesIn(lookup.arguments, args);
  if (unknownArguments.length > 0)
    throw new Error(
      `${token}: the lab's stand-in does not know ${unknownArguments.join(", ")}: set LAB_OCI_PLUGIN`,
    );
  const id = Object.values(args).join("/") || token;
  try {
    return { id, ...args, ...(await lookup.call(args)) };
  } catch (error) {
    if (isNotFound(error)) return {};
    throw error;
  }
}
