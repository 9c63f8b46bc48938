import { containsSecret, unwrapSecrets, wrapSecret } from "../secrets.ts";
import { compareProperty, programView, requestDetails } from "./codecs.ts";
import type { Fields } from "./codecs.ts";
import { explain, isNotFound, withErrorContext } from "./errors.ts";
import type { ResourceType } from "./resource.ts";

/**
 * Creates, reads, updates and deletes a resource of any type. Values named `raw…` are as the engine sends them, with
 * their secrets wrapped. `label` names the resource in messages.
 */

/** Milliseconds between two reads of a resource that is not ready yet; each pause is half as long again. */
const FIRST_PAUSE = 50;
const BACKOFF = 1.5;
const LONGEST_PAUSE = 2_000;

/** The names of the properties whose values differ, and of those that only a new resource can get. */
export function differences(type: ResourceType, rawState: unknown, rawInputs: unknown) {
  const state = unwrapSecrets(rawState) as Fields;
  const inputs = unwrapSecrets(rawInputs) as Fields;
  const changes = Object.entries(type.properties)
    .filter(([, { kind }]) => kind !== "output")
    .map(([name, property]) => ({ name, difference: compareProperty(property, state[name], inputs[name]) }))
    .filter(({ difference }) => difference !== "none");
  return {
    changed: changes.map(({ name }) => name),
    replaces: changes.filter(({ difference }) => difference === "replaces").map(({ name }) => name),
  };
}

/**
 * Creates a resource and waits until it is ready.
 *
 * @throws Error with the service's message. If the resource was created but did not become ready, the error has its id
 * and properties, and the engine keeps the resource in the state, as with the official plugin.
 */
export async function create(type: ResourceType, label: string, rawInputs: Fields) {
  const inputs = unwrapSecrets(rawInputs) as Fields;
  const createdResource = (await withErrorContext(label, () =>
    type.create(requestDetails(type.properties, inputs), inputs),
  )) as Fields;
  const id = createdResource["id"] as string;
  try {
    const api = await awaitSettled(type, id, inputs);
    if (!type.lifecycle.readyStates.includes(stateOf(api)))
      throw new Error(
        `unexpected state ${stateOf(api)} of ${id}, wanted ${type.lifecycle.readyStates.join(" or ")}.`,
      );
    return { id, outs: await outputs(type, api, inputs, rawInputs) };
  } catch (error) {
    throw partialFailure(error, label, id, { ...rawInputs, id });
  }
}

/** The present properties of a resource; undefined where it is gone. */
export function readResource(type: ResourceType, label: string, id: string, rawState: Fields) {
  return withErrorContext(label, async () => {
    const state = unwrapSecrets(rawState) as Fields;
    const api = await readIfPresent(type, id, state);
    return api && (await outputs(type, api, state, rawState));
  });
}

/**
 * Changes in place what differs.
 *
 * @throws Error by which the engine knows that the update is unfinished: the next run updates the resource again, even
 * without a difference, as with the official plugin
 */
export async function update(
  type: ResourceType,
  label: string,
  id: string,
  rawState: Fields,
  rawInputs: Fields,
) {
  const state = unwrapSecrets(rawState) as Fields;
  const inputs = unwrapSecrets(rawInputs) as Fields;
  const { changed } = differences(type, state, inputs);
  try {
    const refusedNames = changed.filter((name) => type.properties[name]?.change === "refused");
    if (refusedNames.length > 0)
      throw new Error(`the lab's stand-in cannot change ${refusedNames.join(", ")}: set LAB_OCI_PLUGIN`);
    const changes = changed.map((name) => [name, inputs[name] ?? type.properties[name]?.defaultWhenOmitted]);
    const { compartmentId, ...details } = requestDetails(
      type.properties,
      Object.fromEntries(changes) as Fields,
    );
    if (compartmentId !== undefined) await type.move?.(id, compartmentId as string);
    if (Object.keys(details).length > 0) await type.update(id, details, state, inputs);
    // A local property that is no longer an input is gone: no API has it.
    const properties = Object.entries({ ...state, ...inputs }).filter(
      ([name]) => name in inputs || type.properties[name]?.kind !== "local",
    );
    return await outputs(
      type,
      await awaitSettled(type, id, state),
      Object.fromEntries(properties),
      rawInputs,
    );
  } catch (error) {
    throw partialFailure(error, label, id, rawState);
  }
}

/** Deletes a resource and waits until it is gone. It is no error if it is gone already. */
export function remove(type: ResourceType, label: string, id: string, rawState: Fields): Promise<void> {
  return withErrorContext(label, async () => {
    const state = unwrapSecrets(rawState) as Fields;
    try {
      await type.delete(id, state);
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
    if (type.staysAfterDelete) return;
    await waitFor(
      type.timeout,
      async () => (await readIfPresent(type, id, state)) === undefined,
      `${id} is still there`,
    );
  });
}

/** An error by which the engine keeps the resource in the state, marked as unfinished. */
function partialFailure(error: unknown, label: string, id: string, properties: Fields): Error {
  const { message } = explain(error, label);
  return Object.assign(new Error(message, { cause: error }), { id, properties, reasons: [message] });
}

const stateOf = (api: Fields) => String(api["lifecycleState"]);

async function readIfPresent(type: ResourceType, id: string, state: Fields): Promise<Fields | undefined> {
  try {
    const api = (await type.read(id, state)) as Fields;
    return stateOf(api) === "TERMINATED" ? undefined : api;
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

/** Waits until a resource leaves its passing states, for example PROVISIONING. */
async function awaitSettled(type: ResourceType, id: string, state: Fields): Promise<Fields> {
  let api: Fields = {};
  const isSettled = async () => {
    api = (await type.read(id, state)) as Fields;
    return !type.lifecycle.pendingStates.includes(stateOf(api));
  };
  await waitFor(type.timeout, isSettled, `${id} did not become ${type.lifecycle.readyStates.join(" or ")}`);
  return api;
}

async function waitFor(timeout: number, condition: () => Promise<boolean>, failure: string): Promise<void> {
  const deadline = Date.now() + timeout * 1_000;
  for (let pause = FIRST_PAUSE; !(await condition()); pause = Math.min(pause * BACKOFF, LONGEST_PAUSE)) {
    if (Date.now() > deadline) throw new Error(`timeout: ${failure} within ${timeout} s.`);
    await new Promise((resolve) => setTimeout(resolve, pause));
  }
}

/** A resource's outputs: its previous properties, overridden by what the API returns. Secrets stay secret. */
async function outputs(type: ResourceType, api: Fields, previous: Fields, raw: Fields): Promise<Fields> {
  const all: Fields = {
    ...previous,
    ...programView(type.properties, api),
    ...(await type.extraOutputs?.(api, previous)),
    id: api["id"],
  };
  return Object.fromEntries(
    Object.entries(all).map(([name, value]) => [name, containsSecret(raw[name]) ? wrapSecret(value) : value]),
  );
}
