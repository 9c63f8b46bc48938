import { invalidParameter, missingParameter } from "../model/errors.ts";
import type { Call } from "./route.ts";

const LIMIT = 100;

/** The compartment whose resources a request lists; every list needs one. */
export function compartmentOf({ req, var: { cloud } }: Call): string {
  const id = req.query("compartmentId");
  if (id === undefined) throw missingParameter("compartmentId");
  cloud.checkCompartment(id);
  return id;
}

/** The items that match each of these filters which the query has: with `?vcnId=x` those whose vcnId is x. */
export function filterItems<T extends object>(
  { req }: Call,
  items: readonly T[],
  filters: readonly string[],
): T[] {
  return items.filter((item) =>
    filters.every((name) => {
      const value = req.query(name);
      return value === undefined || String((item as Record<string, unknown>)[name]) === value;
    }),
  );
}

/** Sorted by the query's sortBy and sortOrder; the newest first by default. */
export function sortItems<T extends object>({ req }: Call, items: readonly T[]): T[] {
  const by = req.query("sortBy") ?? "TIMECREATED";
  const field = { TIMECREATED: "timeCreated", DISPLAYNAME: "displayName" }[by];
  if (field === undefined) throw invalidParameter(`sortBy ${by} is not TIMECREATED or DISPLAYNAME.`);
  const order = req.query("sortOrder") ?? (by === "TIMECREATED" ? "DESC" : "ASC");
  if (order !== "ASC" && order !== "DESC") throw invalidParameter(`sortOrder ${order} is not ASC or DESC.`);
  const sign = order === "ASC" ? 1 : -1;
  const value = (item: T) => (item as Record<string, string | undefined>)[field] ?? "";
  return [...items].sort((a, b) => sign * value(a).localeCompare(value(b)));
}

/** One page of at most `limit` items; a page's token is the number of items before it. */
export function page(call: Call, items: readonly object[]): Response {
  const limit = Number(call.req.query("limit") ?? LIMIT);
  if (!Number.isInteger(limit) || limit < 1 || limit > 1000)
    throw invalidParameter("limit is not between 1 and 1000.");
  const start = Number(call.req.query("page") ?? 0);
  if (!Number.isInteger(start) || start < 0) throw invalidParameter("page is no token of a page.");
  const end = start + limit;
  if (end < items.length) call.header("opc-next-page", String(end));
  return call.json(items.slice(start, end));
}
