import { conceal, hasSecret, reveal } from "../secrets.ts";
import { explain, isNotFound } from "./errors.ts";
import { compareProperty, detailsOf, programView } from "./forms.ts";
import type { Fields } from "./forms.ts";
import type { ResourceType } from "./resource.ts";

/** The life of a resource of any type. `raw` values are as the engine sends them, with their secrets marked. */

/** Milliseconds between two looks at a resource that is on its way; each pause is half as long again. */
const FIRST_PAUSE = 50;
const BACKOFF = 1.5;
const LONGEST_PAUSE = 2_000;

/** The names of the properties whose values differ, and of those that only a new resource can get. */
export function differences(type: ResourceType, rawState: unknown, rawInputs: unknown) {
  const state = reveal(rawState) as Fields;
  const inputs = reveal(rawInputs) as Fields;
  const found = Object.entries(type.properties)
    .filter(([, { kind }]) => kind !== "output")
    .map(([name, property]) => ({ name, what: compareProperty(property, state[name], inputs[name]) }))
    .filter(({ what }) => what !== "none");
  return {
    changed: found.map(({ name }) => name),
    replaces: found.filter(({ what }) => what === "replaces").map(({ name }) => name),
  };
}

/**
 * Makes a resource and waits until it is ready.
 *
 * @throws Error with the service's words. Where the resource exists already but did not become ready, the error
 * holds its id and properties, and the engine keeps it in the state, as the real plugin does.
 */
export async function create(type: ResourceType, about: string, raw: Fields) {
  const inputs = reveal(raw) as Fields;
  const made = (await telling(about, () =>
    type.create(detailsOf(type.properties, inputs), inputs),
  )) as Fields;
  const id = made["id"] as string;
  try {
    const api = await settled(type, id);
    if (!type.lifecycle.ready.includes(stateOf(api))) throw new Error(unexpected(type, api));
    return { id, outs: await outputs(type, api, inputs, raw) };
  } catch (error) {
    throw unfinished(error, about, id, { ...raw, id });
  }
}

/** What there is of a resource now; undefined where it is gone. */
export function read(type: ResourceType, about: string, id: string, raw: Fields) {
  return telling(about, async () => {
    const api = await present(type, id);
    return api && (await outputs(type, api, reveal(raw) as Fields, raw));
  });
}

/**
 * Changes what differs, in place. A resource whose change failed is changed again by the next run, even where
 * nothing is asked for then, as with the real plugin.
 */
export async function update(
  type: ResourceType,
  about: string,
  id: string,
  rawState: Fields,
  rawInputs: Fields,
) {
  const state = reveal(rawState) as Fields;
  const inputs = reveal(rawInputs) as Fields;
  const { changed } = differences(type, state, inputs);
  const refused = changed.filter((name) => type.properties[name]?.change === "refused");
  try {
    if (refused.length > 0)
      throw new Error(`the lab's stand-in cannot change ${refused.join(", ")}: set LAB_OCI_PLUGIN`);
    const wanted = changed.map((name) => [name, inputs[name] ?? type.properties[name]?.absent]);
    const details = detailsOf(type.properties, Object.fromEntries(wanted) as Fields);
    if (Object.keys(details).length > 0) await type.update(id, details, state, inputs);
    const known = Object.fromEntries(
      Object.entries({ ...state, ...inputs }).filter(
        ([name]) => name in inputs || type.properties[name]?.kind !== "local",
      ),
    );
    return await outputs(type, await settled(type, id), known, rawInputs);
  } catch (error) {
    throw unfinished(error, about, id, rawState);
  }
}

/** Deletes a resource and waits until it is gone; one that is gone already is no error. */
export function remove(type: ResourceType, about: string, id: string, raw: Fields): Promise<void> {
  return telling(about, async () => {
    try {
      await type.delete(id, reveal(raw) as Fields);
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
    if (type.staysAfterDelete) return;
    await until(type.limit, async () => (await present(type, id)) === undefined, `${id} is still there`);
  });
}

async function telling<T>(about: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw explain(error, about);
  }
}

/** An error by which the engine keeps the resource in the state, and knows that it is not done. */
function unfinished(error: unknown, about: string, id: string, properties: Fields): Error {
  const { message } = explain(error, about);
  return Object.assign(new Error(message, { cause: error }), { id, properties, reasons: [message] });
}

const stateOf = (api: Fields) => String(api["lifecycleState"]);

async function present(type: ResourceType, id: string): Promise<Fields | undefined> {
  try {
    const api = (await type.read(id)) as Fields;
    return stateOf(api) === "TERMINATED" ? undefined : api;
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

/** The resource once it is no longer on its way to somewhere. */
async function settled(type: ResourceType, id: string): Promise<Fields> {
  let api: Fields = {};
  const look = async () => {
    api = (await type.read(id)) as Fields;
    return !type.lifecycle.pending.includes(stateOf(api));
  };
  await until(type.limit, look, `${id} did not become ${type.lifecycle.ready.join(" or ")}`);
  return api;
}

async function until(limit: number, holds: () => Promise<boolean>, otherwise: string): Promise<void> {
  const deadline = Date.now() + limit * 1_000;
  for (let pause = FIRST_PAUSE; !(await holds()); pause = Math.min(pause * BACKOFF, LONGEST_PAUSE)) {
    if (Date.now() > deadline) throw new Error(`timeout: ${otherwise} within ${limit} s.`);
    await new Promise((resolve) => setTimeout(resolve, pause));
  }
}

const unexpected = (type: ResourceType, api: Fields) =>
  `unexpected state ${stateOf(api)} of ${String(api["id"])}, wanted ${type.lifecycle.ready.join(" or ")}.`;

/** What the program and the state get to know: what was known, and over it what the API says. */
async function outputs(type: ResourceType, api: Fields, known: Fields, raw: Fields): Promise<Fields> {
  const all: Fields = {
    ...known,
    ...programView(type.properties, api),
    ...(await type.more?.(api, known)),
    id: api["id"],
  };
  return Object.fromEntries(
    Object.entries(all).map(([name, value]) => [name, hasSecret(raw[name]) ? conceal(value) : value]),
  );
}
