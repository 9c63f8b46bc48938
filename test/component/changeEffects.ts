import { createHash } from "node:crypto";
import { isDeepStrictEqual } from "node:util";
import { OverlayEnvironment } from "../../components/index.ts";
import { deviceSettingsIn } from "../../components/vxlan/phases/install.ts";
import { differences } from "../../lab/pulumi/plugins/oci/lifecycle.ts";
import { TYPES } from "../../lab/pulumi/plugins/oci/types.ts";
import { unwrapSecrets } from "../../lab/pulumi/plugins/secrets.ts";
import { generateHostKeyPair, lookUp } from "./environment.ts";
import { register } from "./engineMocks.ts";
import type { RegisteredResource } from "./engineMocks.ts";

/**
 * What `pulumi up` does after a change of an environment, worked out without an engine: the program runs against mocks
 * with the config before and after, and the resources are compared as the providers would.
 */

export type Operation = "create" | "update" | "replace" | "delete";

/** What happens to one resource. */
export interface Effect {
  /** Name without the environment's: `a-device`, `network-vcn`. */
  name: string;
  operation: Operation;
}

/** A resource with its inputs as the engine sees them: no secrets' wrapping, no ignored change. */
interface PlannedResource {
  type: string;
  name: string;
  inputs: Record<string, any>;
  operation: Operation | "same";
  /** The provider's id: another one after each replacement. */
  id: string;
  /** The private address that an instance was launched with, where its inputs named one. */
  privateIp?: string;
}

type Plan = ReadonlyMap<string, PlannedResource>;

const NAME = "overlay";
const HOST_KEY_PAIR = generateHostKeyPair();

/** What happens to the resources of a previous run where the environment is another one. */
export async function effectsOf(previous: Plan, after: unknown): Promise<Effect[]> {
  const next = await planOf(after, previous);
  const deletedResources = [...previous].filter(([urn]) => !next.has(urn));
  const operations = [
    ...[...next.values()].map(({ name, operation }) => ({ name, operation })),
    ...deletedResources.map(([, { name }]) => ({ name, operation: "delete" as const })),
  ];
  return operations.flatMap(({ name, operation }) =>
    operation === "same" ? [] : [{ name: name.slice(NAME.length + 1), operation }],
  );
}

/** The resources that the program registers for an environment after a previous run. */
export async function planOf(environment: any, previous: Plan = new Map()): Promise<Plan> {
  const resources: RegisteredResource[] = [];
  const plan = new Map<string, PlannedResource>();
  const planResourceNamed = (type: string, name: string): PlannedResource => {
    const resource = resources.find((other) => other.name === name && other.type === type);
    if (!resource) throw new Error(`${name} was not registered`);
    const urn = `${resource.parent}::${type}::${name}`;
    const result = plan.get(urn) ?? planResource(resource, previous.get(urn));
    plan.set(urn, result);
    return result;
  };
  // Pulumi keeps a stack trace for each output, which takes half of the time.
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0;
  try {
    await register(
      () => new OverlayEnvironment(NAME, environment),
      ({ type, name }) => outputsOf(planResourceNamed(type, name)),
      lookUpImages,
      resources,
    );
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
  // Mocks ask for the outputs of components too, which have nothing that could change.
  return new Map([...plan].filter(([, { type }]) => !type.startsWith("oci-vxlan:")));
}

function planResource(resource: RegisteredResource, previous?: PlannedResource): PlannedResource {
  const { type, name, ignoreChanges } = resource;
  const inputs = unwrapSecrets(resource.inputs) as Record<string, any>;
  if (!previous) return { type, name, inputs, operation: "create", id: `${name}-id` };
  for (const path of ignoreChanges) ignoreChange(inputs, previous.inputs, path.split("."));
  const operation = compare(type, previous.inputs, inputs);
  const id = operation === "replace" ? `${previous.id}-new` : previous.id;
  const privateIp = operation === "replace" ? undefined : (previous.privateIp ?? addressIn(previous.inputs));
  return { type, name, inputs, operation, id, privateIp };
}

const addressIn = ({ createVnicDetails }: Record<string, any>): string | undefined =>
  createVnicDetails?.privateIp;

/** Gives the inputs the previous value at a path. */
function ignoreChange(inputs: any, previous: any, [key = "", ...innerKeys]: string[]): void {
  if (key === "*") {
    for (const name of Object.keys(inputs)) delete inputs[name];
    Object.assign(inputs, previous);
  } else if (innerKeys.length > 0) ignoreChange(inputs[key], previous[key], innerKeys);
  else inputs[key] = previous[key];
}

/**
 * As the providers compare. The lab's stand-in for `oci` knows which properties replace a resource. A Command is
 * replaced by other `triggers` only, and a Stash never.
 */
function compare(type: string, previous: any, inputs: any): PlannedResource["operation"] {
  const ociType = TYPES[type];
  if (ociType) {
    const { changed, replaces } = differences(ociType, previous, inputs);
    if (replaces.length > 0) return "replace";
    return changed.length > 0 ? "update" : "same";
  }
  if (!isDeepStrictEqual(previous.triggers, inputs.triggers)) return "replace";
  return isDeepStrictEqual(previous, inputs) ? "same" : "update";
}

const digest = (...parts: unknown[]) => createHash("sha256").update(JSON.stringify(parts)).digest("hex");

/** The outputs of the cloud and of the hosts. */
function outputsOf({ type, name, inputs, id, privateIp }: PlannedResource): Record<string, unknown> {
  if (type === "oci:Core/instance:Instance") return { id, ...instanceOutputs(id, inputs, privateIp) };
  if (type === "oci:Core/vcn:Vcn") return { id, defaultSecurityListId: `${id}-list` };
  if (type === "command:local:Command") return { id, stdout: HOST_KEY_PAIR, stderr: "" };
  if (type === "command:remote:Command") return { stdout: stdoutOf(name, inputs), stderr: "" };
  return { id };
}

function instanceOutputs(id: string, { createVnicDetails, sourceDetails, metadata }: any, address?: string) {
  const byte = Number.parseInt(digest(id).slice(0, 2), 16);
  return {
    // Oracle replaces the boot volume where the image is another one.
    bootVolumeId: digest(id, sourceDetails.sourceId),
    privateIp: createVnicDetails.privateIp ?? address ?? `10.20.1.${byte}`,
    publicIp: createVnicDetails.assignPublicIp === "true" ? `198.51.100.${byte}` : "",
    metadata,
  };
}

/** A device keeps its MAC on its machine, which is told by its boot volume, or else by its host key. */
function stdoutOf(name: string, { stdin, connection }: any): string {
  if (!name.endsWith("-device")) return "";
  const settings = deviceSettingsIn(stdin);
  const machine = /^machine (.*)$/m.exec(settings)?.[1] ?? connection.hostKey;
  const generation = /^generation (.*)$/m.exec(settings)?.[1];
  const mac = digest(machine).slice(0, 10).replaceAll(/../g, ":$&");
  const installation = digest(machine, generation).replace(
    /^(.{8})(.{4})(.{4})(.{4})(.{12}).*$/,
    "$1-$2-$3-$4-$5",
  );
  return `oci-vxlan device mac=02${mac} mtu=9000 installation=${installation}`;
}

/** The newest image of each operating system has an OCID of its own. */
function lookUpImages(token: string, inputs: any): Record<string, unknown> {
  if (token !== "oci:Core/getImages:getImages") return lookUp(token, inputs);
  return { images: [{ id: `ocid1.image.oc1.eu-frankfurt-1.${digest(inputs.operatingSystem)}` }] };
}
