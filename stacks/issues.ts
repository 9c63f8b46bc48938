import { z } from "zod";
import type { Problem } from "../components/vxlan/problems.ts";

type Issue = z.core.$ZodIssue;

/** Words an issue that zod reports as the other checks word theirs: the path, the wrong value, what would be right. */
export function describeIssue(schema: z.core.$ZodType, issue: Issue): Problem[] {
  const path = issue.path.length === 0 ? "environment" : pathOf(issue.path);
  switch (issue.code) {
    case "unrecognized_keys":
      return issue.keys.map((key) => ({
        path: pathOf([...issue.path, key]),
        message: `unknown key: the keys here are ${knownKeys(schema, issue.path).join(", ")}.`,
      }));
    case "invalid_type":
      return [
        {
          path,
          message:
            issue.input === undefined
              ? `missing: give ${article(issue.expected)}.`
              : `${show(issue.input)} is not ${article(issue.expected)}.`,
        },
      ];
    case "invalid_union":
      return [{ path, message: `${show(issue.input)} is not ${alternatives(issue.errors)}.` }];
    case "too_small":
      return [{ path, message: `${show(issue.input)} is too small: use ${String(issue.minimum)} or more.` }];
    case "too_big":
      return [{ path, message: `${show(issue.input)} is too large: use ${String(issue.maximum)} or less.` }];
    default:
      return [{ path, message: issue.message }];
  }
}

/** What would be right, by the first issue of each alternative of a union. */
function alternatives(errors: readonly (readonly Issue[])[]): string {
  const names = errors.map(([issue]) => {
    if (issue?.code === "invalid_type") return article(issue.expected);
    return issue?.code === "invalid_value" ? issue.values.map(String).join(", ") : issue?.message;
  });
  return names.filter((name) => name !== undefined).join(", or ");
}

function show(value: unknown): string {
  return JSON.stringify(value) ?? String(value);
}

function article(type: string): string {
  const names: Record<string, string> = {
    int: "a whole number",
    number: "a number",
    string: "a text (quote it where it looks like a number)",
    boolean: "true or false",
    array: "a list",
    object: "a mapping of keys to values",
    record: "a mapping of names to values",
  };
  return names[type] ?? type;
}

function pathOf(path: readonly PropertyKey[]): string {
  return path.reduce<string>(
    (text, key) =>
      typeof key === "number" ? `${text}[${key}]` : text === "" ? String(key) : `${text}.${String(key)}`,
    "",
  );
}

/** The keys that the schema allows at a path. */
function knownKeys(schema: z.core.$ZodType, path: readonly PropertyKey[]): string[] {
  const objectSchema = unwrap(path.reduce((parent, key) => childOf(unwrap(parent), key), schema));
  return objectSchema instanceof z.ZodObject ? Object.keys(objectSchema.shape) : [];
}

/** The schema inside optional() and default(). */
function unwrap(schema: z.core.$ZodType): z.core.$ZodType {
  return schema instanceof z.ZodDefault || schema instanceof z.ZodOptional
    ? unwrap(schema.def.innerType)
    : schema;
}

function childOf(schema: z.core.$ZodType, key: PropertyKey): z.core.$ZodType {
  if (schema instanceof z.ZodObject)
    return (schema.shape as Record<PropertyKey, z.core.$ZodType>)[key] ?? z.unknown();
  if (schema instanceof z.ZodRecord) return schema.valueType;
  if (schema instanceof z.ZodArray) return schema.element;
  return z.unknown();
}
