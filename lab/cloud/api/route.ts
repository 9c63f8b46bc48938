import type { Cloud } from "../model/cloud.ts";
import type { Kind } from "../model/store.ts";
import { compartmentOf, filtered, page, sorted } from "./lists.ts";
import type { Page } from "./lists.ts";

/** What a handler gets: the cloud, and the request's parts. */
export interface Call {
  cloud: Cloud;
  /** The path's last segment where the route has an `{id}`. */
  id: string;
  query: URLSearchParams;
  body: Buffer;
}

/** What a handler returns: a resource, with the work that goes on for it; a page of them; or nothing. */
export type Answer = { resource: object; workRequest?: string } | Page | undefined;

export interface Route {
  method: "GET" | "POST" | "PUT" | "DELETE";
  /** Below the API's version; `{id}` stands for one segment. */
  path: string;
  handle: (call: Call) => Answer;
  /** The resources of which `if-match` speaks, for requests that change one. */
  kind?: Kind;
}

/** A route to read something. */
export const get = (path: string, handle: Route["handle"]): Route => ({ method: "GET", path, handle });
/** The answer that is one resource. */
export const show = (resource: object, workRequest?: string): Answer => ({
  resource,
  ...(workRequest === undefined ? {} : { workRequest }),
});

/** The routes to read resources of one kind: by OCID, and as a list with its filters. */
export function reading(path: string, kind: Kind, filters: readonly string[]): Route[] {
  return [
    get(`${path}/{id}`, ({ cloud, id }) => show(cloud.get(kind, id))),
    get(path, ({ cloud, query }) => {
      const compartment = compartmentOf(cloud, query);
      const there = (cloud.all(kind) as { compartmentId: string }[]).filter(
        ({ compartmentId }) => compartmentId === compartment,
      );
      return page(
        sorted(filtered(there, query, ["displayName", "lifecycleState", ...filters]), query),
        query,
      );
    }),
  ];
}

/** The routes to change one resource. */
export function changing(
  path: string,
  kind: Kind,
  handlers: {
    create?: (call: Call) => object;
    update?: (call: Call) => object;
    remove?: (call: Call) => void;
  },
): Route[] {
  const { create, update, remove } = handlers;
  const routes: Route[] = [];
  if (create) routes.push({ method: "POST", path, kind, handle: (call) => show(create(call)) });
  if (update)
    routes.push({ method: "PUT", path: `${path}/{id}`, kind, handle: (call) => show(update(call)) });
  if (remove)
    routes.push({
      method: "DELETE",
      path: `${path}/{id}`,
      kind,
      handle: (call) => {
        remove(call);
        return undefined;
      },
    });
  return routes;
}
