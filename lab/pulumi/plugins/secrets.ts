/** How the engine marks a secret on the wire: an object with this key and value, and the secret in `value`. */
const SIGNATURE = "4dabf18193072939515e22adb298388d";
const SECRET = "1b47061264138c4ac30d75fd1eb44270";

/** A property value with all secrets in it revealed. Nothing revealed may go into an output or a message. */
export function reveal(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reveal);
  if (typeof value !== "object" || value === null) return value;
  const fields = value as Record<string, unknown>;
  if (fields[SIGNATURE] === SECRET) return reveal(fields["value"]);
  return Object.fromEntries(Object.entries(fields).map(([key, inner]) => [key, reveal(inner)]));
}

/** Marks a value as a secret for the engine. */
export const conceal = (value: unknown): Record<string, unknown> => ({ [SIGNATURE]: SECRET, value });

/** Whether a value is a secret or has one anywhere in it. */
export function hasSecret(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  return (value as Record<string, unknown>)[SIGNATURE] === SECRET || Object.values(value).some(hasSecret);
}
