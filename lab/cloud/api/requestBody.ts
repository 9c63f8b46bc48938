import type { z } from "zod";
import { invalidParameter, missingParameter } from "../model/errors.ts";
import { REQUEST_SCHEMAS } from "../requestSchemas.ts";
import type { Operation, RequestBody } from "../requestSchemas.ts";
import { ApiError } from "./errors.ts";
import type { Call } from "./route.ts";

/**
 * Reads and checks a request's body.
 *
 * @throws CloudError that names the first missing field, or else every wrong field
 */
export async function readBody<O extends Operation>(operation: O, { req }: Call): Promise<RequestBody<O>> {
  const body: unknown = await req.json().catch(() => {
    throw new ApiError(400, "CannotParseRequest", "The request's body is not JSON.");
  });
  const result = REQUEST_SCHEMAS[operation].safeParse(withoutNulls(body));
  if (result.success) return result.data as RequestBody<O>;
  const { issues } = result.error;
  const missingField = issues.find(
    ({ code, message }) => code === "invalid_type" && message.endsWith("undefined"),
  );
  if (missingField !== undefined) throw missingParameter(missingField.path.join("."));
  throw invalidParameter(issues.map(describe).join("; "));
}

function describe(issue: z.core.$ZodIssue): string {
  if (issue.code !== "unrecognized_keys") return `${issue.path.join(".")}: ${issue.message}`;
  return issue.keys.map((key) => `Unrecognized field ${[...issue.path, key].join(".")}`).join("; ");
}

/** Drops null fields: Oracle takes null for absent. */
function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, inner]) => inner !== null)
      .map(([key, inner]) => [key, withoutNulls(inner)]),
  );
}
