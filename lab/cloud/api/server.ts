import { createHash, randomBytes } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer } from "node:https";
import type { Server } from "node:https";
import type { Cloud } from "../model/cloud.ts";
import { notFound } from "../model/errors.ts";
import { noticePowerOff } from "../model/power.ts";
import { BASE_PATH, SERVICE_HOSTS } from "../region.ts";
import { computeRoutes } from "./computeRoutes.ts";
import { ApiError, toApiError } from "./errors.ts";
import { identityRoutes } from "./identityRoutes.ts";
import { networkRoutes } from "./networkRoutes.ts";
import type { Answer, Call, Route } from "./route.ts";
import { checkSignature } from "./signature.ts";
import type { Caller } from "./signature.ts";

interface ServerOptions {
  cloud: Cloud;
  certificate: Buffer;
  key: Buffer;
  caller: Caller;
  /** Throws where a fault was injected into the API. */
  injectFault: (method: string, path: string) => void;
}

/** Bytes that a request's body may take. */
const BODY_LIMIT = 1 << 20;

/** One host answers for networks and compute, as Oracle's does. */
const iaasRoutes = [...networkRoutes, ...computeRoutes];

/** The cloud's API over TLS: two services on one port, distinguished by host name. */
export function apiServer(options: ServerOptions): Server {
  return createServer({ cert: options.certificate, key: options.key }, (request, response) => {
    void respond(options, request, response).catch((error: unknown) => {
      process.stderr.write(`${(error as Error).stack ?? ""}\n`);
      response.destroy();
    });
  });
}

async function respond(
  options: ServerOptions,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { method = "GET", url = "/", headers } = request;
  // Oracle appends its own id to the one that the client gave.
  const ownId = randomBytes(16).toString("hex").toUpperCase();
  response.setHeader("opc-request-id", [headers["opc-request-id"], ownId].filter(Boolean).join("/"));
  response.setHeader("date", new Date().toUTCString());
  try {
    send(response, await answer(options, request));
  } catch (error) {
    const apiError = toApiError(error) ?? new ApiError(500, "InternalServerError", "Internal error.");
    if (apiError.code === "InternalServerError")
      process.stderr.write(`${method} ${url}: ${(error as Error).stack ?? ""}\n`);
    sendJson(response, apiError.status, { code: apiError.code, message: apiError.message });
  }
  const path = url.replace(BASE_PATH, "");
  process.stdout.write(`${new Date().toISOString()} ${method} ${path} ${response.statusCode} ${ownId}\n`);
}

async function answer(
  { cloud, caller, injectFault }: ServerOptions,
  request: IncomingMessage,
): Promise<Answer> {
  const { method = "GET", url = "/", headers } = request;
  const body = await readBytes(request);
  checkSignature({ method, url, headers, body }, caller);
  noticePowerOff(cloud);
  const { pathname, searchParams } = new URL(url, `https://${SERVICE_HOSTS[0] ?? ""}`);
  injectFault(method, pathname);
  const { route, id } = findRoute(headers.host ?? "", method, pathname);
  const call = { cloud, id, query: searchParams, body };
  return route.kind === undefined ? route.handle(call) : change(route, route.kind, call, headers);
}

/** Handles a request that changes a resource, once for each retry token, and only on the version in `if-match`. */
async function change(
  route: Route,
  kind: NonNullable<Route["kind"]>,
  call: Call,
  headers: IncomingMessage["headers"],
): Promise<Answer> {
  const { cloud, id } = call;
  const expectedEtag = headers["if-match"] ?? "*";
  if (id !== "" && expectedEtag !== "*" && expectedEtag !== etagOf(cloud.get(kind, id)))
    throw new ApiError(412, "NoEtagMatch", `The resource ${id} was changed since it was read.`);
  const token = id === "" ? headers["opc-retry-token"] : undefined;
  const retryKey = token === undefined ? undefined : `${kind}/${String(token)}`;
  const earlierId = retryKey && cloud.state.retries[retryKey];
  if (earlierId !== undefined) return { resource: cloud.get(kind, earlierId) };
  const result = route.handle(call);
  const createdId = result !== undefined && "resource" in result ? result.resource.id : undefined;
  if (retryKey !== undefined && createdId !== undefined) cloud.state.retries[retryKey] = createdId;
  cloud.save();
  // The change is in force in the network before the answer, which shows the resource as it was right after the change.
  const snapshot = structuredClone(result);
  await cloud.effects.syncNetwork();
  return snapshot;
}

async function readBytes(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > BODY_LIMIT)
      throw new ApiError(413, "RequestEntityTooLarge", "The request's body is too large.");
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** The route of a request, and the OCID in its path. */
function findRoute(host: string, method: string, pathname: string): { route: Route; id: string } {
  if (!pathname.startsWith(`${BASE_PATH}/`)) throw notFound(pathname);
  const routes = host.startsWith("identity.") ? identityRoutes : iaasRoutes;
  const segments = pathname.slice(BASE_PATH.length).split("/");
  const matches = routes.flatMap((route) => {
    const pattern = route.path.split("/");
    if (pattern.length !== segments.length) return [];
    if (!pattern.every((part, index) => part === "{id}" || part === segments[index])) return [];
    return [{ route, id: decodeURIComponent(segments[pattern.indexOf("{id}")] ?? "") }];
  });
  if (matches.length === 0) throw new ApiError(404, "NotFound", `The lab's cloud has no ${pathname}.`);
  const match = matches.find(({ route }) => route.method === method);
  if (match === undefined)
    throw new ApiError(405, "MethodNotAllowed", `The lab's cloud has no ${method} ${pathname}.`);
  return match;
}

function send(response: ServerResponse, result: Answer): void {
  if (result === undefined) {
    response.writeHead(204).end();
  } else if ("resource" in result) {
    response.setHeader("etag", etagOf(result.resource));
    if (result.workRequest !== undefined) response.setHeader("opc-work-request-id", result.workRequest);
    sendJson(response, 200, result.resource);
  } else {
    if (result.nextPage !== undefined) response.setHeader("opc-next-page", result.nextPage);
    sendJson(response, 200, result.items);
  }
}

function sendJson(response: ServerResponse, status: number, value: object): void {
  const text = JSON.stringify(value);
  response
    .writeHead(status, { "content-type": "application/json", "content-length": Buffer.byteLength(text) })
    .end(text);
}

/** Changes with the resource. */
const etagOf = (resource: object) =>
  createHash("sha256").update(JSON.stringify(resource)).digest("hex").slice(0, 40);
