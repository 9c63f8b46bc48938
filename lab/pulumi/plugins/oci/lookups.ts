import { clients } from "./clients.ts";
import { programView, unknownPropertiesIn } from "./codecs.ts";
import type { Fields, Properties } from "./codecs.ts";
import { instance } from "./instance.ts";
import { allItems } from "./lists.ts";
import { COMMON } from "./resource.ts";
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

/** Calls a function. Its outputs are those of the lookup, the arguments, and an id made from them. */
export async function lookUp(token: string, args: Fields): Promise<Fields> {
  const lookup = lookups[token];
  if (lookup === undefined)
    throw new Error(`the lab's stand-in for the oci plugin has no ${token}: set LAB_OCI_PLUGIN`);
  const unknown = unknownPropertiesIn(lookup.arguments, args);
  if (unknown.length > 0)
    throw new Error(`${token}: the lab's stand-in does not know ${unknown.join(", ")}: set LAB_OCI_PLUGIN`);
  const id = Object.values(args).join("/") || token;
  return { id, ...args, ...(await lookup.call(args)) };
}
