/** An nftables table, from what `nft -j list table` prints, as far as it decides which packets pass. */
export interface NftTable {
  /** `ip`, `ip6`, `inet`, … */
  family: string;
  name: string;
  chains: readonly NftChain[];
}

export interface NftChain {
  name: string;
  /** `input`, `output`, …; undefined for a chain that other chains jump to. */
  hook?: string;
  /** Whether a base chain drops what none of its rules decides about. */
  drops: boolean;
  rules: readonly NftRule[];
}

interface NftRule {
  /** By which nft names it. */
  handle: number;
  statements: readonly NftStatement[];
}

/** A statement that matters for the verdict. Others, such as a counter or a log, are left out. */
export type NftStatement =
  | { kind: "match"; fields: readonly string[]; isNegated: boolean; values: readonly NftValue[] }
  | { kind: "map"; fields: readonly string[]; entries: readonly [NftValue, NftVerdict][] }
  | { kind: "verdict"; verdict: NftVerdict }
  /** A condition that cannot be judged, for example a rate limit. */
  | { kind: "unknown condition" }
  /** Something else that may decide about the packet, for example a queue. */
  | { kind: "unknown verdict" };

/** What a match compares its fields with: a test for each of them. Undefined where a test is not understood. */
export type NftValue = readonly NftTest[] | undefined;

export type NftTest =
  { exact: string } | { first: string; last: string } | { network: string } | { namedSet: string };

export type NftVerdict = { kind: "accept" | "refuse" | "return" } | { kind: "jump" | "goto"; target: string };

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/**
 * Reads one table.
 *
 * @param text standard output of `nft -j list table`
 * @throws Error where that is no JSON, or holds no table
 */
export function parseNftTable(text: string): NftTable {
  const objects = list(member(JSON.parse(text) as Json, "nftables"));
  const table = objects.map((object) => member(object, "table")).find((value) => value !== undefined);
  if (table === undefined) throw new Error("nft listed no table");
  const rules = objects.flatMap((object) => member(object, "rule") ?? []);
  const chains = objects.flatMap((object): NftChain[] => {
    const chain = member(object, "chain");
    if (chain === undefined) return [];
    const name = string(member(chain, "name"));
    return [
      {
        name,
        hook: optionalString(member(chain, "hook")),
        drops: member(chain, "policy") === "drop",
        rules: rules.filter((rule) => member(rule, "chain") === name).map(parseRule),
      },
    ];
  });
  return { family: string(member(table, "family")), name: string(member(table, "name")), chains };
}

function parseRule(rule: Json): NftRule {
  return {
    handle: Number(member(rule, "handle")),
    statements: list(member(rule, "expr")).flatMap((statement) => parseStatement(statement) ?? []),
  };
}

/** Statements that neither decide about a packet nor depend on it. */
const NEUTRAL = ["counter", "log", "notrack", "mangle", "set", "ct helper", "ct timeout", "secmark"];
const CONDITIONS = ["limit", "quota", "ct count"];

function parseStatement(statement: Json): NftStatement | undefined {
  const verdict = parseVerdict(statement);
  if (verdict) return { kind: "verdict", verdict };
  const match = member(statement, "match");
  if (match !== undefined) return parseMatch(match);
  const map = member(statement, "vmap");
  if (map !== undefined) return parseMap(map);
  const isOneOf = (keys: string[]) => keys.some((key) => member(statement, key) !== undefined);
  if (isOneOf(NEUTRAL)) return undefined;
  return { kind: isOneOf(CONDITIONS) ? "unknown condition" : "unknown verdict" };
}

function parseVerdict(json: Json): NftVerdict | undefined {
  for (const kind of ["accept", "return"] as const) if (member(json, kind) !== undefined) return { kind };
  for (const key of ["drop", "reject"]) if (member(json, key) !== undefined) return { kind: "refuse" };
  for (const kind of ["jump", "goto"] as const) {
    const target = member(member(json, kind), "target");
    if (target !== undefined) return { kind, target: string(target) };
  }
  return undefined;
}

/** Only equality is understood: `in` is that of bit masks such as `ct state`. */
function parseMatch(match: Json): NftStatement {
  const fields = parseFields(member(match, "left"));
  const operator = string(member(match, "op"));
  if (!fields || !["==", "in", "!="].includes(operator)) return { kind: "unknown condition" };
  const right = member(match, "right") ?? null;
  return { kind: "match", fields, isNegated: operator === "!=", values: alternatives(right).map(parseValue) };
}

function parseMap(map: Json): NftStatement {
  const fields = parseFields(member(map, "key"));
  const elements = member(member(map, "data"), "set");
  if (!fields || elements === undefined) return { kind: "unknown verdict" };
  const entries = list(elements).map((element): [NftValue, NftVerdict | undefined] => {
    const [key = null, verdict = null] = list(element);
    return [parseValue(key), parseVerdict(verdict)];
  });
  const isWhole = (entry: [NftValue, NftVerdict | undefined]): entry is [NftValue, NftVerdict] =>
    entry[1] !== undefined;
  return entries.every(isWhole) ? { kind: "map", fields, entries } : { kind: "unknown verdict" };
}

/** The fields of a packet that an expression reads, for example `udp dport`, or several where it is a concatenation. */
function parseFields(expression: Json | undefined): string[] | undefined {
  const parts = member(expression, "concat");
  const fields = (parts === undefined ? [expression ?? null] : list(parts)).map(parseField);
  const isKnown = (field: string | undefined): field is string => field !== undefined;
  return fields.every(isKnown) ? fields : undefined;
}

function parseField(expression: Json): string | undefined {
  const payload = member(expression, "payload");
  if (payload !== undefined)
    return `${string(member(payload, "protocol"))} ${string(member(payload, "field"))}`;
  const fib = member(expression, "fib");
  if (fib !== undefined)
    return `fib ${alternatives(member(fib, "flags") ?? null)
      .map(string)
      .join(".")} ${string(member(fib, "result"))}`;
  for (const kind of ["meta", "ct"]) {
    const key = member(member(expression, kind), "key");
    if (key !== undefined) return `${kind} ${string(key)}`;
  }
  return undefined;
}

/** The values of a set, or a single value. */
function alternatives(json: Json): Json[] {
  const set = member(json, "set");
  if (set !== undefined) return list(set);
  return Array.isArray(json) ? json : [json];
}

function parseValue(json: Json): NftValue {
  const parts = member(json, "concat");
  const tests = (parts === undefined ? [json] : list(parts)).map(parseTest);
  const isKnown = (test: NftTest | undefined): test is NftTest => test !== undefined;
  return tests.every(isKnown) ? tests : undefined;
}

function parseTest(json: Json): NftTest | undefined {
  const element = member(member(json, "elem"), "val");
  if (element !== undefined) return parseTest(element);
  if (typeof json === "string" && json.startsWith("@")) return { namedSet: json.slice(1) };
  if (typeof json === "string" || typeof json === "number") return { exact: String(json) };
  const [first, last] = list(member(json, "range"));
  if (first !== undefined && last !== undefined) return { first: string(first), last: string(last) };
  const prefix = member(json, "prefix");
  if (prefix === undefined) return undefined;
  return { network: `${string(member(prefix, "addr"))}/${string(member(prefix, "len"))}` };
}

/** A member of an object; undefined where it has none, or is no object. */
function member(json: Json | undefined, key: string): Json | undefined {
  return typeof json === "object" && json !== null && !Array.isArray(json) ? json[key] : undefined;
}

const list = (json: Json | undefined): Json[] => (Array.isArray(json) ? json : []);
const string = (json: Json | undefined): string =>
  typeof json === "string" || typeof json === "number" ? String(json) : "";
const optionalString = (json: Json | undefined): string | undefined =>
  typeof json === "string" ? json : undefined;
