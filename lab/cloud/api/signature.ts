import { createHash, timingSafeEqual, verify } from "node:crypto";
import type { KeyObject } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";
import { tokenPrincipal } from "../authentication.ts";
import { ApiError } from "./errors.ts";

/** The parts of a request that its signature covers. */
export interface SignedRequest {
  method: string;
  /** Path and query, as the client sent them. */
  url: string;
  headers: IncomingHttpHeaders;
  body: Buffer;
}

/** The only caller that the API knows, by its key's id (`tenancy/user/fingerprint`) and public key. */
export interface Caller {
  keyId: string;
  key: KeyObject;
}

/** Seconds that a request's date may differ from the server's time. */
const SKEW = 300;

const METHODS_WITH_BODY = ["POST", "PUT", "PATCH"];

const notAuthenticated = (reason: string) =>
  new ApiError(
    401,
    "NotAuthenticated",
    `The required information to complete authentication was not provided or was incorrect: ${reason}`,
  );

/**
 * Checks a request's signature as Oracle does: HTTP Signatures (draft-cavage) by RSA and SHA-256 over the date,
 * the request line, the host, and for requests with a body over its length, type and digest.
 *
 * @throws ApiError 401
 */
export function checkSignature({ method, url, headers, body }: SignedRequest, caller: Caller): void {
  const fields = parseAuthorization(headers.authorization ?? "");
  const keyId = fields["keyId"] ?? "";
  const principal = tokenPrincipal(keyId);
  if (principal !== undefined)
    throw notAuthenticated(`${principal} signs the request, and the lab's cloud takes API keys only`);
  if (keyId !== caller.keyId) throw notAuthenticated("the key is not known");
  if (fields["algorithm"] !== "rsa-sha256") throw notAuthenticated("the algorithm is not rsa-sha256");
  const signedHeaders = (fields["headers"] ?? "").toLowerCase().split(" ");
  const date = signedHeaders.includes("x-date") ? "x-date" : "date";
  const required = [date, "(request-target)", "host"];
  if (METHODS_WITH_BODY.includes(method)) required.push("content-length", "content-type", "x-content-sha256");
  const unsignedHeader = required.find((name) => !signedHeaders.includes(name));
  if (unsignedHeader !== undefined) throw notAuthenticated(`${unsignedHeader} is not signed`);

  const lines = signedHeaders.map((name) => {
    const value = name === "(request-target)" ? `${method.toLowerCase()} ${url}` : headers[name];
    if (value === undefined) throw notAuthenticated(`the header ${name} is missing`);
    return `${name}: ${String(value)}`;
  });
  const signature = Buffer.from(fields["signature"] ?? "", "base64");
  if (!verify("sha256", Buffer.from(lines.join("\n")), caller.key, signature))
    throw notAuthenticated("the signature does not fit the request");
  if (!(Math.abs(Date.parse(String(headers[date])) - Date.now()) <= SKEW * 1000))
    throw notAuthenticated(`the ${date} is more than ${SKEW} s off`);
  if (METHODS_WITH_BODY.includes(method)) checkDigest(String(headers["x-content-sha256"]), body);
}

function checkDigest(digestHeader: string, body: Buffer): void {
  const digest = createHash("sha256").update(body).digest();
  const claimedDigest = Buffer.from(digestHeader, "base64");
  if (claimedDigest.length !== digest.length || !timingSafeEqual(claimedDigest, digest))
    throw notAuthenticated("x-content-sha256 does not fit the body");
}

/** The fields of `Signature name="value",…`. */
function parseAuthorization(authorization: string): Record<string, string> {
  if (!authorization.startsWith("Signature ")) throw notAuthenticated("the request is not signed");
  const fields = authorization.matchAll(/([a-zA-Z]+)="([^"]*)"/g);
  return Object.fromEntries([...fields].map(([, name = "", value = ""]) => [name, value]));
}
