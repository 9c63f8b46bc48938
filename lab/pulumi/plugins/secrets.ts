import { isRpcSecret, specialSecretSig, specialSigKey, unwrapRpcSecret } from "@pulumi/pulumi/runtime/rpc.js";

/** Property values as the engine sends them, with secrets wrapped in objects that mark them. */

/** A value with all secrets in it unwrapped. It must not go into an output or a message. */
export function unwrapSecrets(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(unwrapSecrets);
  if (typeof value !== "object" || value === null) return value;
  if (isRpcSecret(value)) return unwrapSecrets(unwrapRpcSecret(value));
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, unwrapSecrets(inner)]));
}

export const wrapSecret = (value: unknown) => ({ [specialSigKey]: specialSecretSig, value });

/** Whether a value is a secret or has one anywhere in it. */
export const containsSecret = (value: unknown): boolean =>
  typeof value === "object" &&
  value !== null &&
  (isRpcSecret(value) || Object.values(value).some(containsSecret));
