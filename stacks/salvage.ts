import { z } from "zod";
import { unwrap } from "./issues.ts";

/** A value of which any part may be missing, except the entries of lists. */
export type Partly<T> = T extends readonly unknown[]
  ? T
  : T extends object
    ? { [K in keyof T]?: Partly<T[K]> }
    : T;

/**
 * Takes from a value whatever its schema accepts and leaves out the rest, so that checks of meaning can look at a
 * config whose shape is wrong somewhere, and one run says everything.
 *
 * @returns undefined where nothing can be used
 */
export function salvage<S extends z.ZodType>(schema: S, value: unknown): Partly<z.output<S>> | undefined {
  return take(schema, value) as Partly<z.output<S>> | undefined;
}

function take(schema: z.core.$ZodType, value: unknown): unknown {
  const inner = unwrap(schema);
  const isMapping = typeof value === "object" && value !== null && !Array.isArray(value);
  if (inner instanceof z.ZodObject && isMapping) {
    const shape = inner.shape as Record<string, z.core.$ZodType>;
    return collect(Object.keys(shape), (key) => take(shape[key] as z.core.$ZodType, valueAt(value, key)));
  }
  if (inner instanceof z.ZodRecord && isMapping) {
    return collect(Object.keys(value), (key) => take(inner.valueType, valueAt(value, key)));
  }
  const read = z.safeParse(inner, value);
  return read.success ? read.data : undefined;
}

const valueAt = (value: object, key: string) => (value as Record<string, unknown>)[key];

function collect(keys: readonly string[], read: (key: string) => unknown): Record<string, unknown> {
  return Object.fromEntries(
    keys.map((key) => [key, read(key)] as const).filter(([, found]) => found !== undefined),
  );
}
