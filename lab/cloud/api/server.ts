import { randomBytes } from "node:crypto";
import { createServer } from "node:https";
import type { Server } from "node:https";
import { createAdaptorServer } from "@hono/node-server";
import { Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import type { Cloud } from "../model/cloud.ts";
import { noticePowerOff } from "../model/power.ts";
import { BASE_PATH, SERVICE_HOSTS } from "../region.ts";
import { addComputeRoutes } from "./computeRoutes.ts";
import { ApiError, toApiError } from "./errors.ts";
import { addIdentityRoutes } from "./identityRoutes.ts";
import { addNetworkRoutes } from "./networkRoutes.ts";
import type { Call, Env, Service } from "./route.ts";
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

/** The cloud's API over TLS: two services on one port, distinguished by host name. */
export function apiServer({ cloud, certificate, key, caller, injectFault }: ServerOptions): Server {
  const app = new Hono<Env>({ getPath: ({ url }) => url.replace(/^https:\/([^?]+).*$/, "$1") });
  app.onError(answerError);
  app.use(logRequest);
  app.use(bodyLimit({ maxSize: BODY_LIMIT, onError: refuseBody }));
  app.use(async (call, next) => {
    const { method = "GET", url = "/", headers } = call.env.incoming;
    checkSignature({ method, url, headers, body: Buffer.from(await call.req.arrayBuffer()) }, caller);
    noticePowerOff(cloud);
    injectFault(method, pathOf(call));
    call.set("cloud", cloud);
    await next();
  });
  // Networks and compute are one service, as with Oracle.
  const [iaas, identity] = [new Hono<Env>(), new Hono<Env>()];
  addNetworkRoutes(iaas);
  addComputeRoutes(iaas);
  addIdentityRoutes(identity);
  const [iaasHost = "", identityHost = ""] = SERVICE_HOSTS;
  addService(app, iaasHost, iaas);
  addService(app, identityHost, identity);
  app.notFound((call) =>
    answerError(new ApiError(404, "NotFound", `The lab's cloud has no ${pathOf(call)}.`), call),
  );
  const serverOptions = { cert: certificate, key };
  return createAdaptorServer({ fetch: app.fetch, createServer, serverOptions }) as Server;
}

function addService(app: Service, host: string, service: Service): void {
  app.route(`/${host}${BASE_PATH}`, service);
  for (const { path } of service.routes)
    app.all(`/${host}${BASE_PATH}${path}`, (call) => {
      throw new ApiError(
        405,
        "MethodNotAllowed",
        `The lab's cloud has no ${call.req.method} ${pathOf(call)}.`,
      );
    });
}

const pathOf = ({ req }: Call) => new URL(req.url).pathname;

function refuseBody(): never {
  throw new ApiError(413, "RequestEntityTooLarge", "The request's body is too large.");
}

async function logRequest(call: Call, next: () => Promise<void>): Promise<void> {
  // Oracle appends its own id to the one that the client gave.
  const ownId = randomBytes(16).toString("hex").toUpperCase();
  call.header("opc-request-id", [call.req.header("opc-request-id"), ownId].filter(Boolean).join("/"));
  call.header("date", new Date().toUTCString());
  await next();
  const path = (call.env.incoming.url ?? "").replace(BASE_PATH, "");
  process.stdout.write(
    `${new Date().toISOString()} ${call.req.method} ${path} ${call.res.status} ${ownId}\n`,
  );
}

function answerError(error: Error, call: Call): Response {
  const apiError = toApiError(error);
  if (apiError === undefined)
    process.stderr.write(`${call.req.method} ${call.req.url}: ${error.stack ?? ""}\n`);
  const { status, code, message } = apiError ?? new ApiError(500, "InternalServerError", "Internal error.");
  return call.json({ code, message }, status as ContentfulStatusCode);
}
