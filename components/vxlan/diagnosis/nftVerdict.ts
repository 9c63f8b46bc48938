import { contains, parseAddress, parseCidr } from "../addresses.ts";
import type { NftChain, NftStatement, NftTable, NftTest, NftValue, NftVerdict } from "./nftTable.ts";

/**
 * A packet, by the names that nftables has for its fields, for example `udp dport`. Each has all spellings of its value,
 * such as `udp` and `17`. A field that is not here is not known.
 */
export type Packet = Readonly<Record<string, readonly string[]>>;

/** How a base chain refuses a packet. */
export interface Refusal {
  /** The rule that refuses it, by its chain and handle; undefined where the base chain's policy does. */
  rule?: { chain: string; handle: number };
  /** Whether no rule that depends on an unknown field could have accepted the packet before. */
  isCertain: boolean;
}

/**
 * Whether a base chain refuses a packet, as far as its rules are understood. A rule with a condition that cannot be
 * judged, such as a rate limit, is taken for one that does not apply; then the result is not certain.
 */
export function refusalOf(table: NftTable, chain: NftChain, packet: Packet): Refusal | undefined {
  const walk = new Walk(table, packet);
  const end = walk.through(chain, 0);
  const { isCertain } = walk;
  if (end === "accept") return undefined;
  if (end !== undefined) return { rule: end, isCertain };
  return chain.drops ? { isCertain } : undefined;
}

/** Chains may lead to each other, but not in circles; nft has this limit too. */
const MAX_DEPTH = 16;

type Certainty = "yes" | "no" | "unknown";

/** What a rule does with a packet, and whether it applies to it. */
interface RuleResult {
  verdict?: NftVerdict;
  certainty: Certainty;
}

const UNDECIDED: RuleResult = { verdict: { kind: "return" }, certainty: "unknown" };

/** A packet's way through a table. */
class Walk {
  isCertain = true;
  private readonly table: NftTable;
  private readonly packet: Packet;

  constructor(table: NftTable, packet: Packet) {
    this.table = table;
    this.packet = packet;
  }

  /** @returns the rule that refuses the packet, or undefined where no rule decides about it */
  through(chain: NftChain, depth: number): "accept" | { chain: string; handle: number } | undefined {
    for (const rule of depth < MAX_DEPTH ? chain.rules : []) {
      const { verdict, certainty } = this.verdictOf(rule.statements);
      if (verdict === undefined || certainty === "no") continue;
      if (certainty === "unknown") {
        if (verdict.kind !== "refuse") this.isCertain = false;
        continue;
      }
      if (verdict.kind === "accept") return "accept";
      if (verdict.kind === "refuse") return { chain: chain.name, handle: rule.handle };
      if (!("target" in verdict)) return undefined;
      const next = this.table.chains.find(({ name }) => name === verdict.target);
      const end = next && this.through(next, depth + 1);
      if (end !== undefined || verdict.kind === "goto") return end;
    }
    return undefined;
  }

  private verdictOf(statements: readonly NftStatement[]): RuleResult {
    let certainty: Certainty = "yes";
    for (const statement of statements) {
      if (statement.kind === "verdict") return { verdict: statement.verdict, certainty };
      if (statement.kind === "map") return this.lookUp(statement, certainty);
      if (statement.kind === "unknown verdict") return UNDECIDED;
      const isMet = statement.kind === "match" ? this.matchOf(statement) : "unknown";
      if (isMet === "no") return { certainty: "no" };
      if (isMet === "unknown") certainty = "unknown";
    }
    return { certainty: "no" }; // A rule without a verdict.
  }

  private lookUp(
    { fields, entries }: Extract<NftStatement, { kind: "map" }>,
    certainty: Certainty,
  ): RuleResult {
    for (const [key, verdict] of entries) {
      const isFound = this.valueMatch(fields, key);
      if (isFound === "yes") return { verdict, certainty };
      if (isFound === "unknown") return UNDECIDED;
    }
    return { certainty: "no" };
  }

  private matchOf({ fields, values, isNegated }: Extract<NftStatement, { kind: "match" }>): Certainty {
    if (fields.some((field) => isForeign(field, this.packet))) return "no";
    const results = values.map((value) => this.valueMatch(fields, value));
    if (results.includes("yes")) return isNegated ? "no" : "yes";
    if (results.includes("unknown")) return "unknown";
    return isNegated ? "yes" : "no";
  }

  private valueMatch(fields: readonly string[], value: NftValue): Certainty {
    if (value?.length !== fields.length) return "unknown";
    const results = fields.map((field, index) => passes(this.packet[field], value[index]));
    if (results.includes("no")) return "no";
    return results.includes("unknown") ? "unknown" : "yes";
  }
}

const TRANSPORTS = ["tcp", "udp", "icmp", "icmpv6", "sctp", "dccp", "udplite", "igmp", "esp", "ah"];

/** Whether a packet of this protocol has no such field, for example a UDP packet no `tcp dport`. */
function isForeign(field: string, packet: Packet): boolean {
  const protocol = field.replace(/ .*/, "");
  if (TRANSPORTS.includes(protocol)) return !packet["meta l4proto"]?.includes(protocol);
  if (protocol === "ip") return !packet["meta nfproto"]?.includes("ipv4");
  return protocol === "ip6" && !packet["meta nfproto"]?.includes("ipv6");
}

function passes(values: readonly string[] | undefined, test: NftTest | undefined): Certainty {
  if (values === undefined || test === undefined || "namedSet" in test) return "unknown";
  return values.some((value) => equals(value, test)) ? "yes" : "no";
}

function equals(value: string, test: Exclude<NftTest, { namedSet: string }>): boolean {
  if ("exact" in test) {
    // "eth*" is the beginning of an interface's name.
    if (test.exact.endsWith("*")) return value.startsWith(test.exact.slice(0, -1));
    return value === test.exact || isSameAddress(value, test.exact);
  }
  if ("network" in test) {
    const [address, network] = [parseAddress(value), parseCidr(test.network)];
    return address !== undefined && network !== undefined && contains(network, address);
  }
  const [at, first, last] = [value, test.first, test.last].map(sortKey);
  return at !== undefined && first !== undefined && last !== undefined && first <= at && at <= last;
}

function isSameAddress(a: string, b: string): boolean {
  const [firstAddress, secondAddress] = [parseAddress(a), parseAddress(b)];
  return (
    firstAddress !== undefined &&
    secondAddress !== undefined &&
    firstAddress.toString() === secondAddress.toString()
  );
}

/** A number or an address as a text that sorts as its value does. */
function sortKey(text: string): string | undefined {
  if (/^\d+$/.test(text)) return text.padStart(10, "0");
  const bytes = parseAddress(text)?.toByteArray();
  return bytes?.map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
