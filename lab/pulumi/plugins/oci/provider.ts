import { main } from "@pulumi/pulumi/provider/index.js";
import type { Provider } from "@pulumi/pulumi/provider/index.js";
import { reveal } from "../secrets.ts";
import { create, differences, read, remove, update } from "./driver.ts";
import { explain } from "./errors.ts";
import { strangersIn } from "./forms.ts";
import type { Fields } from "./forms.ts";
import { instance } from "./instance.ts";
import { internetGateway } from "./internetGateway.ts";
import { lookUp } from "./lookups.ts";
import type { ResourceType } from "./resource.ts";
import { routeTable } from "./routeTable.ts";
import { defaultSecurityList, securityList } from "./securityList.ts";
import { subnet } from "./subnet.ts";
import { vcn } from "./vcn.ts";

/**
 * A stand-in for Pulumi's `oci` plugin 4.20.0, for machines that only package registries answer: none of them
 * carries the plugin. It has the resources and functions below, with the real one's tokens, property names and
 * replacements, over Oracle's own SDK. What it has not, it refuses by name. Credentials and region it takes
 * from the environment, where the real one looks first; `oci:region` in the stack config does not reach it.
 */

const TYPES: Readonly<Record<string, ResourceType>> = {
  "oci:Core/vcn:Vcn": vcn,
  "oci:Core/internetGateway:InternetGateway": internetGateway,
  "oci:Core/routeTable:RouteTable": routeTable,
  "oci:Core/securityList:SecurityList": securityList,
  "oci:Core/defaultSecurityList:DefaultSecurityList": defaultSecurityList,
  "oci:Core/subnet:Subnet": subnet,
  "oci:Core/instance:Instance": instance,
};

/** A resource's type, and what to call the resource in a message. */
function resourceOf(urn: string): { type: ResourceType; about: string } {
  const [, , types = "", name = ""] = urn.split("::");
  const token = types.split("$").pop() ?? "";
  const type = TYPES[token];
  if (type === undefined)
    throw new Error(`the lab's stand-in for the oci plugin has no ${token}: set LAB_OCI_PLUGIN`);
  return { type, about: `${name} (${token})` };
}

const provider: Provider = {
  version: "4.20.0",

  check: (urn, _olds, news: Fields) => {
    const { type } = resourceOf(urn);
    const inputs = reveal(news) as Fields;
    const strange = strangersIn(type.properties, inputs).map((property) => ({
      property,
      reason: "the lab's stand-in does not know it as an input: set LAB_OCI_PLUGIN",
    }));
    const missing = Object.entries(type.properties)
      .filter(([name, { required }]) => required && inputs[name] === undefined)
      .map(([property]) => ({ property, reason: "it is required" }));
    return Promise.resolve({ inputs: news, failures: [...strange, ...missing] });
  },

  diff: (_id, urn, olds: Fields, news: Fields) => {
    const { changed, replaces } = differences(resourceOf(urn).type, olds, news);
    return Promise.resolve({ changes: changed.length > 0, replaces });
  },

  create: (urn, inputs: Fields) => {
    const { type, about } = resourceOf(urn);
    return create(type, about, inputs);
  },

  read: async (id, urn, state: Fields = {}) => {
    const { type, about } = resourceOf(urn);
    const props = await read(type, about, id, state);
    return props === undefined ? { id: "", props: {} } : { id, props };
  },

  update: async (id, urn, olds: Fields, news: Fields) => {
    const { type, about } = resourceOf(urn);
    return { outs: await update(type, about, id, olds, news) };
  },

  delete: (id, urn, state: Fields) => {
    const { type, about } = resourceOf(urn);
    return remove(type, about, id, state);
  },

  invoke: async (token, args: Fields) => {
    try {
      return { outputs: await lookUp(token, reveal(args) as Fields) };
    } catch (error) {
      throw explain(error, token);
    }
  },
};

await main(provider, process.argv.slice(2));
