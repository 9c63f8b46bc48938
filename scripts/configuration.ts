import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { format, resolveConfig } from "prettier";
import { parse } from "yaml";
import { z } from "zod";
import { environmentSchema } from "../stacks/schema.ts";
import { statusSchema } from "../status/report.ts";

/**
 * Writes the reference of the config keys from the schema in stacks/: the list of keys in docs/configuration.md,
 * and a JSON Schema by which editors complete and check stacks/*.yaml. Writes the JSON Schema of the status report too.
 * Run it by `npm run docs`.
 */

const ROOT = join(import.meta.dirname, "..");
const PAGE = "docs/configuration.md";
const JSON_SCHEMA = "stacks/config.schema.json";
const STATUS_SCHEMA = "status/report.schema.json";

/** Stand around the generated part of the page. */
const BEGIN = "<!-- The keys are written by `npm run docs`, from stacks/schema.ts. -->";
const END = "<!-- End of the keys. -->";

/** The parts of a JSON Schema that zod writes for an environment. */
interface Node {
  type?: string;
  title?: string;
  description?: string;
  default?: string | number | boolean | object;
  defaultText?: string;
  enum?: readonly string[];
  change?: string;
  properties?: Record<string, Node>;
  additionalProperties?: Node | boolean;
  items?: Node;
  anyOf?: readonly Node[];
  required?: readonly string[];
}

/** The mapping at one path, with the keys that are no mappings themselves. */
interface Section {
  path: string;
  node: Node;
}

/** The generated files by path, as they should be. */
export async function configurationFiles(): Promise<Record<string, string>> {
  const environment = z.toJSONSchema(environmentSchema, { io: "input", target: "draft-7" }) as Node;
  const page = readFileSync(join(ROOT, PAGE), "utf8");
  const [before, after] = [page.split(BEGIN)[0], page.split(END)[1]];
  if (before === undefined || after === undefined)
    throw new Error(`${PAGE} has no lines ${BEGIN} and ${END}.`);
  const keys = sectionsOf("", environment).map(describeSection).join("\n\n");
  return {
    [PAGE]: await formatText(PAGE, `${before}${BEGIN}\n\n${keys}\n\n${END}${after}`),
    [STATUS_SCHEMA]: await formatText(
      STATUS_SCHEMA,
      JSON.stringify(z.toJSONSchema(statusSchema, { target: "draft-7" }), null, 2),
    ),
    [JSON_SCHEMA]: await formatText(JSON_SCHEMA, JSON.stringify(stackFileSchema(environment), null, 2)),
  };
}

async function formatText(path: string, text: string): Promise<string> {
  return format(text, { ...(await resolveConfig(join(ROOT, path))), filepath: path });
}

/** The sections of a mapping: itself, then the mappings in it. A mapping in two places has one section. */
function sectionsOf(path: string, node: Node): Section[] {
  const sections: Section[] = [{ path, node }];
  for (const [key, value] of Object.entries(node.properties ?? {})) {
    const childPath = path === "" ? key : `${path}.${key}`;
    for (const section of nestedSections(childPath, value))
      if (!sections.some((other) => other.node.title === section.node.title)) sections.push(section);
  }
  return sections;
}

function nestedSections(path: string, node: Node): Section[] {
  if (node.properties) return sectionsOf(path, node);
  if (typeof node.additionalProperties === "object" && node.additionalProperties.properties)
    return sectionsOf(`${path}.<name>`, node.additionalProperties);
  if (node.items?.properties) return sectionsOf(`${path}[]`, node.items);
  return [];
}

const hasSection = (node: Node) => nestedSections("", node).length > 0 && !node.items;

/** A mapping with the description of a key is listed as one: it has the section of another path. */
const isListed = (node: Node) => !hasSection(node) || (node.properties && node.change !== undefined);

function describeSection({ path, node }: Section): string {
  const required = node.required ?? [];
  const keys = Object.entries(node.properties ?? {}).filter(([, key]) => isListed(key));
  return [
    `### ${node.title}${path === "" ? "" : `: \`${path}\``}`,
    node.description,
    keys.map(([key, value]) => describeKey(key, value, required.includes(key))).join("\n"),
  ].join("\n\n");
}

function describeKey(key: string, node: Node, isRequired: boolean): string {
  return `- **\`${key}\`** (${typeOf(node)}, ${presence(node, isRequired)}): ${node.description} _${node.change}_`;
}

function typeOf({ type, enum: values, items, anyOf, properties }: Node): string {
  if (properties) return "mapping";
  if (anyOf) return anyOf.map(typeOf).join(", or ");
  if (values) return values.map((value) => `\`${value}\``).join(" or ");
  if (items) return items.properties ? "list of rules" : "list of texts";
  const names: Record<string, string> = {
    string: "text",
    boolean: "`true` or `false`",
    integer: "whole number",
    number: "number",
    object: "mapping of texts",
  };
  return names[type ?? ""] ?? "";
}

function presence(node: Node, isRequired: boolean): string {
  if (isRequired) return "required";
  if (node.defaultText !== undefined) return `default: ${node.defaultText}`;
  if (node.default === undefined || typeof node.default === "object") return "optional";
  return `default \`${node.default}\``;
}

/** The JSON Schema of a whole stack file, of which Pulumi itself writes a part. */
function stackFileSchema(environment: Node) {
  const { name: project } = parse(readFileSync(join(ROOT, "Pulumi.yaml"), "utf8")) as { name: string };
  const secret = {
    type: "object",
    properties: { secure: { type: "string" } },
    required: ["secure"],
    additionalProperties: false,
  };
  const keyAndPassphrase = (key: string, description: string) => ({
    [`${project}:${key}`]: {
      description: `${description}: \`pulumi config set --secret ${key} < FILE\`.`,
      ...secret,
    },
    [`${project}:${key}Passphrase`]: {
      description: `Its passphrase: \`pulumi config set --secret ${key}Passphrase\`.`,
      ...secret,
    },
  });
  const { $schema, ...environmentNode } = forEditors(environment) as Node & { $schema: string };
  return {
    $schema,
    title: `A stack's config file of ${project}`,
    type: "object",
    properties: {
      config: {
        type: "object",
        properties: {
          [`${project}:environment`]: environmentNode,
          ...keyAndPassphrase("sshPrivateKey", "The SSH private key"),
          ...keyAndPassphrase("sshOldPrivateKey", "The SSH private key that the new one replaces"),
          ...keyAndPassphrase("sshProxyPrivateKey", "The SSH private key of jump hosts"),
        },
        // The config of providers and of Pulumi itself.
        patternProperties: { [`^(?!${project}:)[^:]+:.+$`]: {} },
        additionalProperties: false,
      },
      encryptionsalt: { type: "string" },
      encryptedkey: { type: "string" },
      secretsprovider: { type: "string" },
      environment: { description: "Environments of Pulumi ESC." },
    },
    additionalProperties: false,
  };
}

/** A schema that puts default and effect of a change into each description, because editors show only that. */
function forEditors(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(forEditors);
  if (typeof node !== "object" || node === null) return node;
  const { defaultText, change, ...rest } = node as Node;
  const copy = Object.fromEntries(Object.entries(rest).map(([key, value]) => [key, forEditors(value)]));
  if (typeof rest.description !== "string") return copy;
  const parts = [
    rest.description,
    rest.default === undefined || typeof rest.default === "object" ? "" : `Default: ${rest.default}.`,
    defaultText === undefined ? "" : `Default: ${defaultText}.`,
    change ?? "",
  ];
  return { ...copy, description: parts.filter((part) => part !== "").join(" ") };
}

if (import.meta.main) {
  for (const [path, text] of Object.entries(await configurationFiles()))
    writeFileSync(join(ROOT, path), text);
}
