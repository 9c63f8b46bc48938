import type { Cloud } from "../model/cloud.ts";
import type { ResourceKind } from "../model/resources.ts";
import type { Operation, RequestBody } from "../requestSchemas.ts";
import { readBody } from "./bodies.ts";
import { compartmentOf, filtered, page, sorted } from "./lists.ts";
import type { Page } from "./lists.ts";

/** A request, as far as its handler needs it. */
export interface Call {
  cloud: Cloud;
  /** The path's segment for `{id}`; empty where the route has none. */
  id: string;
  query: URLSearchParams;
  body: Buffer;
}

/** A resource, with the OCID of its work request; a page of resources; or nothing. */
export type Answer = { resource: { id?: string }; workRequest?: string } | Page | undefined;

export interface Route {
  method: "GET" | "POST" | "PUT" | "DELETE";
  /** Below the API's version; `{id}` stands for one segment. */
  path: string;
  handle: (call: Call) => Answer;
  /** Set for requests that change a resource: the kind that `if-match` and retry tokens are about. */
  kind?: ResourceKind;
}

export const get = (path: string, handle: Route["handle"]): Route => ({ method: "GET", path, handle });

/** The answer that shows one resource. */
export const show = (resource: object, workRequest?: string): Answer => ({ resource, workRequest });

/** The handler of a creation whose body the operation's schema checks. */
export const creates =
  <O extends Operation>(operation: O, create: (cloud: Cloud, details: RequestBody<O>) => object) =>
  ({ cloud, body }: Call) =>
    show(create(cloud, readBody(operation, body)));

/** The handler of a change whose body the operation's schema checks. */
export const updates =
  <O extends Operation>(
    operation: O,
    update: (cloud: Cloud, id: string, details: RequestBody<O>) => object,
  ) =>
  ({ cloud, id, body }: Call) =>
    show(update(cloud, id, readBody(operation, body)));

interface Crud {
  /** Query parameters that select resources of a list, beside displayName and lifecycleState. */
  filters?: readonly string[];
  create?: Route["handle"];
  update?: Route["handle"];
  remove?: (cloud: Cloud, id: string) => void;
}

/** The routes of one kind of resource: get one, and list, create, update, delete where a handler is given. */
export function crud(path: string, kind: ResourceKind, { filters, create, update, remove }: Crud): Route[] {
  const item = `${path}/{id}`;
  const routes: (Route | undefined)[] = [
    get(item, ({ cloud, id }) => show(cloud.get(kind, id))),
    filters && get(path, (call) => list(call, kind, filters)),
    create && { method: "POST", path, kind, handle: create },
    update && { method: "PUT", path: item, kind, handle: update },
    remove && { method: "DELETE", path: item, kind, handle: ({ cloud, id }) => void remove(cloud, id) },
  ];
  return routes.filter((route) => route !== undefined);
}

function list({ cloud, query }: Call, kind: ResourceKind, filters: readonly string[]): Page {
  const compartment = compartmentOf(cloud, query);
  const resources = cloud.all(kind).filter(({ compartmentId }) => compartmentId === compartment);
  return page(
    sorted(filtered(resources, query, ["displayName", "lifecycleState", ...filters]), query),
    query,
  );
}
