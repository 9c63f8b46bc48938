import { readFileSync } from "node:fs";
import { hostKey, loginKey, publicKey } from "../../lab/hosts/keys.ts";
import type { Lab } from "../../lab/system/lab.ts";

/**
 * What each lab makes anew, by the placeholder that stands for it in a recording: the login key, and the hosts' keys
 * without type and comment.
 */
export function labValues(lab: Lab, hosts: readonly string[]): Record<string, string> {
  const keyOf = (file: string) => publicKey(file).split(" ")[1] ?? "";
  return {
    "<login key>": readFileSync(loginKey(lab), "utf8").trim(),
    ...Object.fromEntries(hosts.map((host) => [`<host key of ${host}>`, keyOf(hostKey(lab, host))])),
  };
}

/** Replaces the keys of `values` by its values in all strings below a value of JSON, in those of secrets too. */
export function fillIn<Value>(value: Value, values: Readonly<Record<string, string>>): Value {
  if (typeof value === "string") {
    let text: string = value;
    for (const [from, to] of Object.entries(values)) text = text.replaceAll(from, () => to);
    return text as Value;
  }
  if (value === null || typeof value !== "object") return value;
  if (Array.isArray(value)) return value.map((item: unknown) => fillIn(item, values)) as Value;
  const entries = Object.entries(value).map(([key, item]: [string, unknown]) => {
    // The engine writes a secret as the text of its JSON.
    if (key === "plaintext" && typeof item === "string")
      return [key, JSON.stringify(fillIn(JSON.parse(item), values))];
    return [key, fillIn(item, values)];
  });
  return Object.fromEntries(entries) as Value;
}

/** `values` the other way round. */
export function inverse(values: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(values).map(([key, value]) => [value, key]));
}
