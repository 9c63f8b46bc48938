import { createHash, randomBytes } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer } from "node:https";
import type { Server } from "node:https";
import { CloudError, notFound } from "../errors.ts";
import type { Cloud } from "../model/cloud.ts";
import { noticePowerOff } from "../model/power.ts";
import type { Resource } from "../model/resources.ts";
import { BASE_PATH, SERVICE_HOSTS } from "../region.ts";
import { computeRoutes } from "./computeRoutes.ts";
import { identityRoutes } from "./identityRoutes.ts";
import { networkRoutes } from "./networkRoutes.ts";
import type { Answer, Route } from "./route.ts";
import { checkSignature } from "./signature.ts";
import type { Caller } from "./signature.ts";

/** One host answers for networks and compute, as Oracle's does. */
const iaasRoutes = [...networkRoutes, ...computeRoutes];

/** What the API needs beside the cloud's books. */
export interface ServerOptions {
  certificate: Buffer;
  key: Buffer;
  caller: Caller;
  /** Faults that were asked for: throws in place of an answer. */
  disturb: (method: string, path: string) => void;
}

/** Bytes that a request's body may take. */
const BODY_LIMIT = 1 << 20;

/** The cloud's API over TLS: two services on one port, told apart by the name that they are asked by. */
export function apiServer(cloud: Cloud, { certificate, key, caller, disturb }: ServerOptions): Server {
  return createServer({ cert: certificate, key }, (request, response) => {
    void answer(request, response).catch((error: unknown) => {
      process.stderr.write(`${(error as Error).stack ?? ""}\n`);
      response.destroy();
    });
  });

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = "GET", url = "/", headers } = request;
    // Clients name their requests; Oracle adds to the name and returns it.
    const own = randomBytes(16).toString("hex").toUpperCase();
    const requestId = [headers["opc-request-id"], own].filter(Boolean).join("/");
    response.setHeader("opc-request-id", requestId);
    response.setHeader("date", new Date().toUTCString());
    try {
      const body = await read(request);
      checkSignature({ method, url, headers, body }, caller);
      noticePowerOff(cloud);
      const { pathname, searchParams } = new URL(url, `https://${SERVICE_HOSTS[0] ?? ""}`);
      disturb(method, pathname);
      const { route, id } = find(headers.host ?? "", method, pathname);
      send(response, await handle(route, id, searchParams, body, headers));
    } catch (error) {
      const refused =
        error instanceof CloudError ? error : new CloudError(500, "InternalServerError", "Internal error.");
      if (refused !== error) process.stderr.write(`${method} ${url}: ${(error as Error).stack ?? ""}\n`);
      write(response, refused.status, { code: refused.code, message: refused.message });
    }
    process.stdout.write(
      `${new Date().toISOString()} ${method} ${url.replace(BASE_PATH, "")} ${response.statusCode} ${own}\n`,
    );
  }

  async function handle(
    route: Route,
    id: string,
    query: URLSearchParams,
    body: Buffer,
    headers: IncomingMessage["headers"],
  ): Promise<Answer> {
    const { kind, method } = route;
    if (kind === undefined) return route.handle({ cloud, id, query, body });
    const wanted = headers["if-match"];
    if (wanted !== undefined && id !== "" && wanted !== "*" && wanted !== etagOf(cloud.get(kind, id)))
      throw new CloudError(412, "NoEtagMatch", `The resource ${id} was changed since it was read.`);
    const token = headers["opc-retry-token"];
    const retry =
      method === "POST" && id === "" && typeof token === "string" ? `${kind}/${token}` : undefined;
    const before = retry === undefined ? undefined : cloud.state.retries[retry];
    if (before !== undefined) return { resource: cloud.get(kind, before) };
    const result = route.handle({ cloud, id, query, body });
    if (retry !== undefined && result !== undefined && "resource" in result)
      cloud.state.retries[retry] = (result.resource as Resource).id;
    cloud.save();
    // Whoever is told of a change finds it in force; the answer says how things were when it was made.
    const answer = structuredClone(result);
    await cloud.effects.network();
    return answer;
  }
}

async function read(request: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of request as AsyncIterable<Buffer>) {
    size += part.length;
    if (size > BODY_LIMIT)
      throw new CloudError(413, "RequestEntityTooLarge", "The request's body is too large.");
    parts.push(part);
  }
  return Buffer.concat(parts);
}

/** The route of a request, and the OCID in its path. */
function find(host: string, method: string, pathname: string): { route: Route; id: string } {
  const routes = host.startsWith("identity.") ? identityRoutes : iaasRoutes;
  if (!pathname.startsWith(`${BASE_PATH}/`)) throw notFound(pathname);
  const segments = pathname.slice(BASE_PATH.length + 1).split("/");
  const there = routes.flatMap((route) => {
    const pattern = route.path.slice(1).split("/");
    if (pattern.length !== segments.length) return [];
    if (!pattern.every((part, index) => part === "{id}" || part === segments[index])) return [];
    const at = pattern.indexOf("{id}");
    return [{ route, id: at < 0 ? "" : decodeURIComponent(segments[at] ?? "") }];
  });
  if (there.length === 0) throw new CloudError(404, "NotFound", `The lab's cloud has no ${pathname}.`);
  const found = there.find(({ route }) => route.method === method);
  if (found === undefined)
    throw new CloudError(405, "MethodNotAllowed", `The lab's cloud has no ${method} ${pathname}.`);
  return found;
}

function send(response: ServerResponse, result: Answer): void {
  if (result === undefined) {
    response.writeHead(204).end();
  } else if ("resource" in result) {
    response.setHeader("etag", etagOf(result.resource));
    if (result.workRequest !== undefined) response.setHeader("opc-work-request-id", result.workRequest);
    write(response, 200, result.resource);
  } else {
    if (result.nextPage !== undefined) response.setHeader("opc-next-page", result.nextPage);
    write(response, 200, result.items);
  }
}

function write(response: ServerResponse, status: number, value: object): void {
  const text = JSON.stringify(value);
  response
    .writeHead(status, { "content-type": "application/json", "content-length": Buffer.byteLength(text) })
    .end(text);
}

/** Another one whenever the resource is another. */
const etagOf = (resource: object) =>
  createHash("sha256").update(JSON.stringify(resource)).digest("hex").slice(0, 40);
