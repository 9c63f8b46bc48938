import type { FailedProbe } from "../connectivityTest/failedProbe.ts";
import { likelyFinding, provenFinding } from "./end.ts";
import type { DiagnosisSettings, End, Finding } from "./end.ts";
import type { Rule } from "./evidence.ts";
import { namesOverlay } from "./firewallFindings.ts";
import { refusalOf } from "./nftVerdict.ts";
import type { Refusal } from "./nftVerdict.ts";
import type { NftChain, NftTable } from "./nftTable.ts";
import { trafficOf } from "./traffic.ts";
import type { Traffic } from "./traffic.ts";

/** A base chain of nftables that refuses packets of the probe. */
export interface RefusingChain {
  table: NftTable;
  chain: NftChain;
  refusedTraffic: readonly RefusedTraffic[];
}

interface RefusedTraffic {
  traffic: Traffic;
  refusal: Refusal;
  /** The rule or the policy that refuses it, as the evidence has it. */
  rule?: Rule;
}

const FAMILIES: Record<string, readonly string[]> = {
  ip: ["ipv4"],
  ip6: ["ipv6"],
  inet: ["ipv4", "ipv6"],
};
const HOOKS: Record<string, "in" | "out"> = {
  prerouting: "in",
  input: "in",
  output: "out",
  postrouting: "out",
};

/**
 * Finds the base chains that refuse the probe's packets. A packet has to pass all of them, so it does not help that another
 * one accepts it. Tables of iptables are no part of the evidence, since its rules count what they refuse.
 */
export function refusingChains(end: End, probe: FailedProbe, settings: DiagnosisSettings): RefusingChain[] {
  return end.tables.flatMap((table) =>
    table.chains.flatMap((chain): RefusingChain[] => {
      const direction = HOOKS[chain.hook ?? ""];
      if (direction === undefined) return [];
      const refusedTraffic = trafficOf(end, probe, settings, direction).flatMap(
        (traffic): RefusedTraffic[] => {
          if (!FAMILIES[table.family]?.some((family) => traffic.packet["meta nfproto"]?.includes(family)))
            return [];
          const refusal = refusalOf(table, chain, traffic.packet);
          return refusal ? [{ traffic, refusal, rule: ruleOf(end, table, chain, refusal) }] : [];
        },
      );
      return refusedTraffic.length > 0
        ? [{ table, chain, refusedTraffic: onePerDescription(refusedTraffic) }]
        : [];
    }),
  );
}

/** Drops the second of a probe and its answer: both need the same command. */
function onePerDescription(refusedTraffic: readonly RefusedTraffic[]): RefusedTraffic[] {
  const byDescription = new Map<string, RefusedTraffic>();
  for (const each of refusedTraffic)
    if (!byDescription.has(each.traffic.description)) byDescription.set(each.traffic.description, each);
  return [...byDescription.values()];
}

function ruleOf(end: End, table: NftTable, base: NftChain, refusal: Refusal): Rule | undefined {
  const handle = refusal.rule && `${refusal.rule.handle}`; // A policy has none.
  return end.rules.find(
    (rule) =>
      rule.tool === "nft" &&
      rule.family === table.family &&
      rule.table === table.name &&
      rule.chain === (refusal.rule?.chain ?? base.name) &&
      rule.handle === handle,
  );
}

/** Whether a refusing chain explains a rule, which then needs no finding of its own. */
export function explains(chains: readonly RefusingChain[], rule: Rule): boolean {
  return chains.some(({ refusedTraffic }) => refusedTraffic.some((traffic) => traffic.rule === rule));
}

/** Names each refusing chain, with the commands that let the overlay pass. */
export function rulesetFindings(
  end: End,
  settings: DiagnosisSettings,
  chains: readonly RefusingChain[],
): Finding[] {
  return chains.map(({ table, chain, refusedTraffic }) => {
    const place = `table ${table.family} ${table.name}, chain ${chain.name} (hook ${chain.hook})`;
    const causes = refusedTraffic.map(
      (traffic) => `${traffic.traffic.description} by ${describeCause(traffic)}`,
    );
    const commands = refusedTraffic.map((traffic) => commandFor(end, table, chain, traffic, settings));
    const forGood = isFirewalld(table)
      ? "again with --permanent"
      : "change the file that the ruleset is loaded from";
    const lines = [...new Set(commands)].map((command) => `\n    ${command}`);
    const text = `${end.name}: ${place} refuses ${causes.join(", and ")}. Run this, and ${forGood}:${lines.join("")}`;
    return refusedTraffic.every(({ refusal }) => refusal.isCertain)
      ? provenFinding(text)
      : likelyFinding(text);
  });
}

function describeCause({ refusal, rule }: RefusedTraffic): string {
  if (refusal.rule === undefined) return "its policy";
  return `the rule ${rule ? `\`${rule.text}\`` : `with handle ${refusal.rule.handle}`}`;
}

/** Removes a rule that is about the overlay alone. Ahead of any other the overlay is admitted. */
function commandFor(
  end: End,
  table: NftTable,
  chain: NftChain,
  { traffic, rule }: RefusedTraffic,
  settings: DiagnosisSettings,
): string {
  if (isFirewalld(table)) return traffic.firewalldCommand;
  const at = `${table.family} ${table.name}`;
  if (rule?.handle !== undefined && namesOverlay(rule, end, settings))
    return `sudo nft delete rule ${at} ${rule.chain} handle ${rule.handle}`;
  return `sudo nft insert rule ${at} ${chain.name} ${traffic.condition} accept`;
}

/** firewalld changes its table itself, and drops what others put there. */
const isFirewalld = ({ family, name }: NftTable) => family === "inet" && name === "firewalld";
