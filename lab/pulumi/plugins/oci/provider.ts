import { flushCompileCache } from "node:module";
import { main } from "@pulumi/pulumi/provider/index.js";
import type { Provider } from "@pulumi/pulumi/provider/index.js";
import { unwrapSecrets } from "../secrets.ts";
import { unknownPropertiesIn } from "./codecs.ts";
import type { Fields } from "./codecs.ts";
import { withErrorContext } from "./errors.ts";
import { create, differences, readResource, remove, update } from "./lifecycle.ts";
import { lookUp } from "./lookups.ts";
import type { ResourceType } from "./resource.ts";
import { TYPES } from "./types.ts";

/**
 * A stand-in for Pulumi's `oci` plugin 4.20.0, which no package registry carries. It has the resources in
 * types.ts and the functions in lookups.ts, with the official plugin's tokens, property names and replacements, and
 * calls Oracle's own SDK. Anything else it refuses by name. It takes credentials and region from the stack's config and
 * the environment, as the official plugin does.
 */

/** A resource's type, and its label in messages. */
function resourceOf(urn: string): { type: ResourceType; label: string } {
  const [, , types = "", name = ""] = urn.split("::");
  const token = types.split("$").pop() ?? "";
  const type = TYPES[token];
  if (type === undefined)
    throw new Error(`the lab's stand-in for the oci plugin has no ${token}: set LAB_OCI_PLUGIN`);
  return { type, label: `${name} (${token})` };
}

const provider: Provider = {
  version: "4.20.0",

  check: (urn, _olds, news: Fields) => {
    const { type } = resourceOf(urn);
    const inputs = unwrapSecrets(news) as Fields;
    const unknownProperties = unknownPropertiesIn(type.properties, inputs).map((property) => ({
      property,
      reason: "the lab's stand-in does not know it as an input: set LAB_OCI_PLUGIN",
    }));
    const missingProperties = Object.entries(type.properties)
      .filter(([name, { required }]) => required && inputs[name] === undefined)
      .map(([property]) => ({ property, reason: "it is required" }));
    return Promise.resolve({ inputs: news, failures: [...unknownProperties, ...missingProperties] });
  },

  diff: (_id, urn, olds: Fields, news: Fields) => {
    const { changed, replaces } = differences(resourceOf(urn).type, olds, news);
    return Promise.resolve({ changes: changed.length > 0, replaces });
  },

  create: (urn, inputs: Fields) => {
    const { type, label } = resourceOf(urn);
    return create(type, label, inputs);
  },

  read: async (id, urn, state: Fields = {}) => {
    const { type, label } = resourceOf(urn);
    const props = await readResource(type, label, id, state);
    return props === undefined ? { id: "", props: {} } : { id, props };
  },

  update: async (id, urn, olds: Fields, news: Fields) => {
    const { type, label } = resourceOf(urn);
    return { outs: await update(type, label, id, olds, news) };
  },

  delete: (id, urn, state: Fields) => {
    const { type, label } = resourceOf(urn);
    return remove(type, label, id, state);
  },

  invoke: (token, args: Fields) =>
    withErrorContext(token, async () => ({ outputs: await lookUp(token, unwrapSecrets(args) as Fields) })),
};

// Node would write it when the process ends, and the engine kills plugins.
flushCompileCache();

await main(provider, process.argv.slice(2));
