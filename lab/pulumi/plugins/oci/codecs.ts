import { isDeepStrictEqual } from "node:util";

/**
 * Translates the properties of resources between the program and Oracle's API. A codec writes one value
 * for either side, and tells whether two values mean the same.
 */

export type Fields = Record<string, unknown>;

/** How a resource gets from its state to its desired inputs. */
export type Difference = "none" | "updates" | "replaces";

export interface Codec {
  toApi: (value: unknown) => unknown;
  toProgram: (value: unknown) => unknown;
  /** `desired` may be the engine's mark of an unknown value, which differs from every other value. */
  compare: (previous: unknown, desired: unknown) => Difference;
  /** Paths of the properties in a value that the codec does not know. */
  unknownProperties: (value: unknown, path: string) => string[];
}

/** One property of a resource, or of an object in it. */
export interface Property {
  /** Default: the value is the same on both sides. */
  codec?: Codec;
  /** Its name in the API. Default: the same on both sides. */
  api?: string;
  required?: true;
  /** The effect of a change. Default: "updates". "refused": the official plugin can change it, this one cannot. */
  change?: "updates" | "replaces" | "refused";
  /** The value of an omitted property. Without a default, omitting the property leaves its value as it is. */
  defaultWhenOmitted?: unknown;
  /** "output": the program cannot set it. "local": the API does not have it; only the state keeps it. */
  kind?: "output" | "local";
}

export type Properties = Readonly<Record<string, Property>>;

const isFields = (value: unknown): value is Fields =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const codecOf = (property: Property): Codec => property.codec ?? plainCodec;

export function compareProperty(property: Property, previous: unknown, desired: unknown): Difference {
  const { defaultWhenOmitted: fallback, change } = property;
  if (desired === undefined && !("defaultWhenOmitted" in property)) return "none";
  const [before, after] = [previous ?? fallback, desired ?? fallback];
  if (before === undefined && after === undefined) return "none";
  const difference = codecOf(property).compare(before, after);
  return difference !== "none" && change === "replaces" ? "replaces" : difference;
}

const codec = (parts: Partial<Codec>): Codec => ({
  toApi: (value) => value,
  toProgram: (value) => value,
  compare: (previous, desired) => (isDeepStrictEqual(previous, desired) ? "none" : "updates"),
  unknownProperties: () => [],
  ...parts,
});

export const plainCodec = codec({});

/** A codec that compares values by a text made from them. */
const comparedByText = (text: (value: unknown) => string, parts: Partial<Codec> = {}) =>
  codec({
    ...parts,
    compare: (previous, desired) => (text(previous) === text(desired) ? "none" : "updates"),
  });

/** A name that the service may return in another case. */
export const caseInsensitive = comparedByText((value) => String(value).toLowerCase());

/** A boolean that the program writes as text. */
export const booleanText = comparedByText((value) => String(String(value) === "true"), {
  toApi: (value) => String(value) === "true",
  toProgram: String,
});

/** An integer that the program writes as text. */
export const integerText = comparedByText(String, { toApi: Number, toProgram: String });

/** A time, which the official plugin writes as Go does: 2026-11-23 18:45:00 +0000 UTC. */
export const time = codec({
  toProgram: (value) =>
    new Date(value as string)
      .toISOString()
      .replace("T", " ")
      .replace(/\.?0*Z$/, " +0000 UTC"),
});

/** Defined tags: `namespace.key` in the program, one object for each namespace in the API. */
export const definedTags = codec({
  toApi: (value) => {
    const tags: Record<string, Fields> = {};
    for (const [name, tag] of Object.entries(value as Fields)) {
      const [namespace = "", key = ""] = name.split(/\.(.*)/);
      (tags[namespace] ??= {})[key] = tag;
    }
    return tags;
  },
  toProgram: (value) =>
    Object.fromEntries(
      Object.entries(value as Record<string, Fields>).flatMap(([namespace, tags]) =>
        Object.entries(tags).map(([key, tag]) => [`${namespace}.${key}`, tag]),
      ),
    ),
  compare: (previous, desired) => {
    const lowerCase = (tags: unknown) =>
      isFields(tags)
        ? Object.fromEntries(Object.entries(tags).map(([name, tag]) => [name.toLowerCase(), tag]))
        : tags;
    return isDeepStrictEqual(lowerCase(previous), lowerCase(desired)) ? "none" : "updates";
  },
});

/** An object with properties of its own. */
export function object(properties: Properties): Codec {
  return {
    toApi: (value) => requestDetails(properties, value as Fields),
    toProgram: (value) => programView(properties, value as Fields),
    compare: (previous, desired) => {
      // The official plugin foresees no replacement for an object that is unknown as a whole.
      if (!isFields(desired) || previous === undefined) return "updates";
      const differences = Object.entries(properties).map(([name, property]) =>
        compareProperty(property, (previous as Fields)[name], desired[name]),
      );
      if (differences.includes("replaces")) return "replaces";
      return differences.includes("updates") ? "updates" : "none";
    },
    unknownProperties: (value, path) =>
      isFields(value) ? unknownPropertiesIn(properties, value, `${path}.`) : [],
  };
}

/** Elements whose order does not count. */
export function set(element: Codec = plainCodec): Codec {
  return {
    toApi: (value) => (value as unknown[]).map(element.toApi),
    toProgram: (value) => (value as unknown[]).map(element.toProgram),
    compare: (previous, desired) => {
      if (!Array.isArray(previous) || !Array.isArray(desired) || previous.length !== desired.length)
        return "updates";
      const unmatchedItems = [...(previous as unknown[])];
      for (const item of desired) {
        const index = unmatchedItems.findIndex((other) => element.compare(other, item) === "none");
        if (index < 0) return "updates";
        unmatchedItems.splice(index, 1);
      }
      return "none";
    },
    unknownProperties: (value, path) =>
      Array.isArray(value)
        ? value.flatMap((item, index) => element.unknownProperties(item, `${path}[${index}]`))
        : [],
  };
}

/** All fields but those named. */
export const withoutFields = (fields: Fields, ...names: readonly string[]): Fields =>
  Object.fromEntries(Object.entries(fields).filter(([name]) => !names.includes(name)));

/** The body of an API request for a program's inputs, without what they omit. */
export function requestDetails(properties: Properties, inputs: Fields): Fields {
  return Object.fromEntries(
    Object.entries(properties)
      .filter(([name, { kind }]) => kind === undefined && (inputs[name] ?? undefined) !== undefined)
      .map(([name, property]) => [property.api ?? name, codecOf(property).toApi(inputs[name])]),
  );
}

/** An API object as the program sees it, without what the API omits. */
export function programView(properties: Properties, api: Fields): Fields {
  return Object.fromEntries(
    Object.entries(properties)
      .map(([name, property]) => [name, property, api[property.api ?? name]] as const)
      .filter(([, { kind }, value]) => kind !== "local" && value !== undefined && value !== null)
      .map(([name, property, value]) => [name, codecOf(property).toProgram(value)]),
  );
}

/** Paths of the inputs that these properties do not have, or that a program cannot set. */
export function unknownPropertiesIn(properties: Properties, inputs: Fields, path = ""): string[] {
  return Object.entries(inputs).flatMap(([name, value]) => {
    const property = properties[name];
    if (property === undefined || property.kind === "output") return [`${path}${name}`];
    return codecOf(property).unknownProperties(value, `${path}${name}`);
  });
}
