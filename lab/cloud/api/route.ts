import { createHash } from "node:crypto";
import type { HttpBindings } from "@hono/node-server";
import type { Context, Handler, Hono, MiddlewareHandler } from "hono";
import type { Cloud } from "../model/cloud.ts";
import { moveResource } from "../model/compartment.ts";
import type { ResourceKind } from "../model/resources.ts";
import type { Operation, RequestBody } from "../requestSchemas.ts";
import { readBody } from "./requestBody.ts";
import { ApiError } from "./errors.ts";
import { compartmentOf, filterItems, page, sortItems } from "./lists.ts";

export interface Env {
  Bindings: HttpBindings;
  /** `shownId` is the OCID of the resource in the answer. */
  Variables: { cloud: Cloud; shownId?: string };
}

/** The routes of one of Oracle's services. */
export type Service = Hono<Env>;

/** A request and its answer. */
export type Call = Context<Env>;

/** The OCID in the path. */
export const idOf = ({ req }: Call): string => req.param("id") ?? "";

/** Answers with one resource, and with the OCID of its work request. */
export function show(call: Call, resource: { id?: string }, workRequest?: string): Response {
  call.set("shownId", resource.id);
  call.header("etag", etagOf(resource));
  call.header("opc-work-request-id", workRequest);
  return call.json(resource);
}

/** Changes with the resource. */
const etagOf = (resource: object) =>
  createHash("sha256").update(JSON.stringify(resource)).digest("hex").slice(0, 40);

/**
 * Runs a request that changes a resource of a kind: once for each retry token, and only in the version of `if-match`.
 * The change is saved and in force in the network before the answer is sent.
 */
export const change =
  (kind: ResourceKind): MiddlewareHandler<Env> =>
  async (call, next) => {
    const { cloud } = call.var;
    const id = idOf(call);
    const expectedEtag = call.req.header("if-match") ?? "*";
    if (id !== "" && expectedEtag !== "*" && expectedEtag !== etagOf(cloud.get(kind, id)))
      throw new ApiError(412, "NoEtagMatch", `The resource ${id} was changed since it was read.`);
    const token = id === "" ? call.req.header("opc-retry-token") : undefined;
    const retryKey = token && `${kind}/${token}`;
    const earlierId = retryKey && cloud.state.retries[retryKey];
    if (earlierId) return show(call, cloud.get(kind, earlierId));
    await next();
    if (call.error) return;
    const { shownId } = call.var;
    if (retryKey && shownId) cloud.state.retries[retryKey] = shownId;
    cloud.save();
    await cloud.effects.syncNetwork();
  };

/** The handler of a creation whose body the operation's schema checks. */
export const creates =
  <O extends Operation>(
    operation: O,
    create: (cloud: Cloud, details: RequestBody<O>) => { id: string },
  ): Handler<Env> =>
  async (call) =>
    show(call, create(call.var.cloud, await readBody(operation, call)));

/** The handler of a change whose body the operation's schema checks. */
export const updates =
  <O extends Operation>(
    operation: O,
    update: (cloud: Cloud, id: string, details: RequestBody<O>) => { id: string },
  ): Handler<Env> =>
  async (call) =>
    show(call, update(call.var.cloud, idOf(call), await readBody(operation, call)));

interface Crud {
  /** Query parameters that select resources of a list, beside displayName and lifecycleState. */
  filters?: readonly string[];
  create?: Handler<Env>;
  update?: Handler<Env>;
  remove?: (cloud: Cloud, id: string) => void;
  /** Whether it can be moved to another compartment. */
  moves?: true;
}

/** The routes of one kind of resource: get one, and list, create, update, delete, move where the last argument says so. */
export function crud(
  service: Service,
  path: string,
  kind: ResourceKind,
  { filters, create, update, remove, moves }: Crud,
): void {
  const item = `${path}/:id`;
  service.get(item, (call) => show(call, call.var.cloud.get(kind, idOf(call))));
  if (filters) service.get(path, (call) => list(call, kind, filters));
  if (create) service.post(path, change(kind), create);
  if (update) service.put(item, change(kind), update);
  if (remove)
    service.delete(item, change(kind), (call) => {
      remove(call.var.cloud, idOf(call));
      return call.body(null, 204);
    });
  if (moves)
    service.post(`${item}/actions/changeCompartment`, change(kind), async (call) => {
      const { compartmentId } = await readBody("changeCompartment", call);
      moveResource(call.var.cloud, kind, idOf(call), compartmentId);
      return call.body(null, 202);
    });
}

function list(call: Call, kind: ResourceKind, filters: readonly string[]): Response {
  const compartment = compartmentOf(call);
  const resources = call.var.cloud.all(kind).filter(({ compartmentId }) => compartmentId === compartment);
  return page(
    call,
    sortItems(call, filterItems(call, resources, ["displayName", "lifecycleState", ...filters])),
  );
}
