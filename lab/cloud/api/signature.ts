import { createHash, timingSafeEqual, verify } from "node:crypto";
import type { KeyObject } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";
import { CloudError } from "../errors.ts";

/** A request as far as its signature goes. */
export interface SignedRequest {
  method: string;
  /** Path and query, as they came. */
  url: string;
  headers: IncomingHttpHeaders;
  body: Buffer;
}

/** Who may call: the key's id, as `tenancy/user/fingerprint`, and the key. */
export interface Caller {
  keyId: string;
  key: KeyObject;
}

/** Seconds that a request's date may be off. */
const SKEW = 300;

const HAVE_BODIES = ["POST", "PUT", "PATCH"];

const refused = (why: string) =>
  new CloudError(
    401,
    "NotAuthenticated",
    `The required information to complete authentication was not provided or was incorrect: ${why}`,
  );

/**
 * Checks a request's signature as Oracle does: HTTP Signatures (draft-cavage) by RSA and SHA-256 over the date,
 * the request line, the host, and for requests with a body over its length, type and digest.
 *
 * @throws CloudError 401
 */
export function checkSignature({ method, url, headers, body }: SignedRequest, caller: Caller): void {
  const fields = parse(headers.authorization ?? "");
  if (fields["keyId"] !== caller.keyId) throw refused("the key is not known");
  if (fields["algorithm"] !== "rsa-sha256") throw refused("the algorithm is not rsa-sha256");
  const signed = (fields["headers"] ?? "").toLowerCase().split(" ");
  const date = signed.includes("x-date") ? "x-date" : "date";
  const wanted = [date, "(request-target)", "host"];
  if (HAVE_BODIES.includes(method)) wanted.push("content-length", "content-type", "x-content-sha256");
  const unsigned = wanted.find((name) => !signed.includes(name));
  if (unsigned !== undefined) throw refused(`${unsigned} is not signed`);

  const lines = signed.map((name) => {
    const value = name === "(request-target)" ? `${method.toLowerCase()} ${url}` : headers[name];
    if (value === undefined) throw refused(`the header ${name} is missing`);
    return `${name}: ${String(value)}`;
  });
  const signature = Buffer.from(fields["signature"] ?? "", "base64");
  if (!verify("sha256", Buffer.from(lines.join("\n")), caller.key, signature))
    throw refused("the signature does not fit the request");
  if (!(Math.abs(Date.parse(String(headers[date])) - Date.now()) <= SKEW * 1000))
    throw refused(`the ${date} is more than ${SKEW} s off`);
  if (HAVE_BODIES.includes(method)) checkDigest(String(headers["x-content-sha256"]), body);
}

function checkDigest(claimed: string, body: Buffer): void {
  const digest = createHash("sha256").update(body).digest();
  const given = Buffer.from(claimed, "base64");
  if (given.length !== digest.length || !timingSafeEqual(given, digest))
    throw refused("x-content-sha256 does not fit the body");
}

/** The fields of `Signature name="value",…`. */
function parse(authorization: string): Record<string, string> {
  if (!authorization.startsWith("Signature ")) throw refused("the request is not signed");
  const fields = authorization.matchAll(/([a-zA-Z]+)="([^"]*)"/g);
  return Object.fromEntries([...fields].map(([, name = "", value = ""]) => [name, value]));
}
