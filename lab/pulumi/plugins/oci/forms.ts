import { isDeepStrictEqual } from "node:util";

/**
 * Values as the program writes them, and as the API has them. A form knows the way there and back, and whether
 * what the program wants differs from what there is.
 */

export type Fields = Record<string, unknown>;

/** What it takes to get from what there is to what is wanted. */
export type Difference = "none" | "updates" | "replaces";

export interface Form {
  toApi: (value: unknown) => unknown;
  toProgram: (value: unknown) => unknown;
  /** `wanted` may be the engine's mark of an unknown value, which differs from every value there is. */
  compare: (was: unknown, wanted: unknown) => Difference;
  /** Paths of the properties in a value that the form does not know. */
  strangers: (value: unknown, path: string) => string[];
}

/** One property of a resource or of an object in it. */
export interface Property {
  /** Default: the same on both sides. */
  form?: Form;
  /** Its name in the API. Default: the same on both sides. */
  api?: string;
  required?: true;
  /** What a change of it does. Default: "updates". "refused": the real plugin can change it, this one cannot. */
  change?: "updates" | "replaces" | "refused";
  /** What leaving it out means. Without this, leaving it out leaves what is there. */
  absent?: unknown;
  /** "output": the program cannot set it. "local": the API does not have it; it is kept in the state alone. */
  kind?: "output" | "local";
}

export type Properties = Readonly<Record<string, Property>>;

const isFields = (value: unknown): value is Fields =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** How a property's values differ, with what it does to change it. */
export function compareProperty(property: Property, was: unknown, wanted: unknown): Difference {
  if (wanted === undefined && !("absent" in property)) return "none";
  const before = was ?? property.absent;
  const after = wanted ?? property.absent;
  if (before === undefined && after === undefined) return "none";
  const difference = formOf(property).compare(before, after);
  return difference !== "none" && property.change === "replaces" ? "replaces" : difference;
}

export const formOf = (property: Property): Form => property.form ?? plain;

const form = (parts: Partial<Form>): Form => ({
  toApi: (value) => value,
  toProgram: (value) => value,
  compare: (was, wanted) => (isDeepStrictEqual(was, wanted) ? "none" : "updates"),
  strangers: () => [],
  ...parts,
});

export const plain = form({});

/** A form whose values are compared as the text that this makes of them. */
const comparedAs = (text: (value: unknown) => string, parts: Partial<Form> = {}) =>
  form({ ...parts, compare: (was, wanted) => (text(was) === text(wanted) ? "none" : "updates") });

/** A name that the service writes in its own case. */
export const caseless = comparedAs((value) => String(value).toLowerCase());

/** A boolean that the program writes as a text. */
export const booleanText = comparedAs((value) => String(String(value) === "true"), {
  toApi: (value) => String(value) === "true",
  toProgram: String,
});

/** An integer that the program writes as a text. */
export const integerText = comparedAs(String, { toApi: Number, toProgram: String });

/** A time, which the real plugin writes as Go does: 2026-11-23 18:45:00 +0000 UTC. */
export const time = form({
  toProgram: (value) =>
    new Date(value as string)
      .toISOString()
      .replace("T", " ")
      .replace(/\.?0*Z$/, " +0000 UTC"),
});

/** Defined tags: `namespace.key` in the program, an object a namespace in the API. */
export const definedTags = form({
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
  compare: (was, wanted) => {
    const lower = (tags: unknown) =>
      isFields(tags)
        ? Object.fromEntries(Object.entries(tags).map(([name, tag]) => [name.toLowerCase(), tag]))
        : tags;
    return isDeepStrictEqual(lower(was), lower(wanted)) ? "none" : "updates";
  },
});

/** An object with properties of its own. */
export function object(properties: Properties): Form {
  return {
    toApi: (value) => detailsOf(properties, value as Fields),
    toProgram: (value) => programView(properties, value as Fields),
    compare: (was, wanted) => {
      // Of an object that is unknown as a whole, the real plugin does not foresee a replacement.
      if (!isFields(wanted) || was === undefined) return "updates";
      return worst(
        Object.entries(properties).map(([name, property]) =>
          compareProperty(property, (was as Fields)[name], wanted[name]),
        ),
      );
    },
    strangers: (value, path) => (isFields(value) ? strangersIn(properties, value, `${path}.`) : []),
  };
}

/** Elements in any order. */
export function set(element: Form = plain): Form {
  return {
    toApi: (value) => (value as unknown[]).map(element.toApi),
    toProgram: (value) => (value as unknown[]).map(element.toProgram),
    compare: (was, wanted) => {
      if (!Array.isArray(was) || !Array.isArray(wanted) || was.length !== wanted.length) return "updates";
      const left = [...(was as unknown[])];
      for (const one of wanted) {
        const at = left.findIndex((other) => element.compare(other, one) === "none");
        if (at < 0) return "updates";
        left.splice(at, 1);
      }
      return "none";
    },
    strangers: (value, path) =>
      Array.isArray(value) ? value.flatMap((one, index) => element.strangers(one, `${path}[${index}]`)) : [],
  };
}

const worst = (differences: readonly (Difference | "refused")[]): Difference => {
  if (differences.includes("replaces")) return "replaces";
  return differences.every((difference) => difference === "none") ? "none" : "updates";
};

/** All fields but those named. */
export const without = (fields: Fields, ...names: readonly string[]): Fields =>
  Object.fromEntries(Object.entries(fields).filter(([name]) => !names.includes(name)));

/** What an API request carries for what the program says; what is not given is left out. */
export function detailsOf(properties: Properties, inputs: Fields): Fields {
  return Object.fromEntries(
    Object.entries(properties)
      .filter(([name, { kind }]) => kind === undefined && (inputs[name] ?? undefined) !== undefined)
      .map(([name, property]) => [property.api ?? name, formOf(property).toApi(inputs[name])]),
  );
}

/** What the program sees of an API object; what the API does not return is left out. */
export function programView(properties: Properties, api: Fields): Fields {
  return Object.fromEntries(
    Object.entries(properties)
      .map(([name, property]) => [name, property, api[property.api ?? name]] as const)
      .filter(([, { kind }, value]) => kind !== "local" && value !== undefined && value !== null)
      .map(([name, property, value]) => [name, formOf(property).toProgram(value)]),
  );
}

/** Paths of what a program gives that these properties do not have, or that it cannot set. */
export function strangersIn(properties: Properties, inputs: Fields, path = ""): string[] {
  return Object.entries(inputs).flatMap(([name, value]) => {
    const property = properties[name];
    if (property === undefined || property.kind === "output") return [`${path}${name}`];
    return formOf(property).strangers(value, `${path}${name}`);
  });
}
