import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { format, resolveConfig } from "prettier";
import { effectsOf, planOf } from "../test/component/changeEffects.ts";
import type { Effect, Operation } from "../test/component/changeEffects.ts";
import { MOCKED_SITE } from "../test/component/mockedSite.ts";
import { CHANGES, environmentBefore, measuringTest } from "../test/changes.ts";
import type { Change } from "../test/changes.ts";

/** Writes the tables of changes in docs/lifecycle.md. Run it by `npm run docs`. */

const ROOT = join(import.meta.dirname, "..");
const PAGE = "docs/lifecycle.md";

/** Stand around the generated part of the page. */
const BEGIN = "<!-- The tables are written by `npm run docs`, from test/changes.ts. -->";
const END = "<!-- End of the tables. -->";

/** A change with what it does to the resources. */
export interface ChangeWithEffects extends Change {
  section: string;
  effects: Effect[];
  /** The hosts by name, after the change. */
  hosts: string[];
}

/** All changes, worked out one after the other, since Pulumi's mocks are global. */
export async function changesWithEffects(): Promise<ChangeWithEffects[]> {
  const changes: ChangeWithEffects[] = [];
  const before = await planOf(environmentBefore(MOCKED_SITE));
  for (const [section, sectionChanges] of Object.entries(CHANGES))
    for (const change of sectionChanges) {
      const after = environmentBefore(MOCKED_SITE);
      change.edit(after, MOCKED_SITE);
      const hosts = Object.keys(after.hosts);
      changes.push({ ...change, section, effects: await effectsOf(before, after), hosts });
    }
  return changes;
}

/** The page as it should be. */
export async function lifecyclePage(changes: readonly ChangeWithEffects[]): Promise<string> {
  const page = readFileSync(join(ROOT, PAGE), "utf8");
  const [before, after] = [page.split(BEGIN)[0], page.split(END)[1]];
  if (before === undefined || after === undefined)
    throw new Error(`${PAGE} has no lines ${BEGIN} and ${END}.`);
  const tests = [...new Set(changes.map(testOf))];
  const tables = Object.keys(CHANGES).map((section) =>
    tableOf(
      section,
      changes.filter((change) => change.section === section),
      tests,
    ),
  );
  const links = tests.map((test, index) => `[${index + 1}]: ../test/lifecycle/${test}.test.ts`).join("\n");
  const text = `${before}${BEGIN}\n\n${[...tables, links].join("\n\n")}\n\n${END}${after}`;
  return format(text, { ...(await resolveConfig(join(ROOT, PAGE))), filepath: PAGE });
}

function tableOf(section: string, changes: readonly ChangeWithEffects[], tests: readonly string[]): string {
  const rows = changes.map((change) => {
    const cells = [change.title, cloudCell(change), deviceCell(change), peersCell(change)];
    return [...cells, trafficCell(change, tests)];
  });
  const lines = [["Change", "Cloud", "Device", "Peers", "Traffic"], Array(5).fill("---"), ...rows];
  return `### ${section}\n\n${lines.map((cells) => `| ${cells.join(" | ")} |`).join("\n")}`;
}

/** The operations by Pulumi's own signs. */
const SIGNS: Record<Operation, string> = { update: "~", replace: "+-", create: "+", delete: "-" };
const NOTHING = "–";

/** Resources of the network by the words of the page. */
const NETWORK_WORDS: Record<string, string> = {
  vcn: "VCN",
  "security-list": "list",
  gateway: "gateways",
  "nat-gateway": "gateways",
  "service-gateway": "gateways",
  routes: "gateways",
  "private-routes": "gateways",
  "security-group": "group",
};

function networkWord(name: string): string[] {
  if (name.endsWith("-subnet")) return [];
  const word = /^(in|e)gress-/.test(name) ? "group" : NETWORK_WORDS[name];
  if (word === undefined) throw new Error(`docs/lifecycle.md has no word for ${name}`);
  return [word];
}

function networkWords(names: readonly string[]): string[] {
  const subnets = names
    .filter((name) => name.endsWith("-subnet"))
    .map((name) => name.replace(/-subnet$/, ""));
  const words = new Set(names.flatMap(networkWord));
  return [...words, ...(subnets.length === 0 ? [] : [`subnet ${subnets.join(" ")}`])];
}

/** The operations of a cell; `wordsOf` says what each of them does something to. */
function operationsCell(effects: readonly Effect[], wordsOf: (names: string[]) => string): string {
  const operations = Object.entries(SIGNS).flatMap(([operation, sign]) => {
    const names = effects.filter((effect) => effect.operation === operation).map(({ name }) => name);
    const words = wordsOf(names);
    return words === "" ? [] : [`\`${sign}\` ${words}`];
  });
  return operations.length === 0 ? NOTHING : operations.join(", ");
}

const withPrefix = (names: readonly string[], prefix: string) =>
  names.filter((name) => name.startsWith(prefix)).map((name) => name.slice(prefix.length));

/** The hosts whose resource of a kind is among these. */
const hostsWith = (names: readonly string[], kind: string) =>
  names
    .filter((name) => name.endsWith(`-${kind}`) && !name.startsWith("network-"))
    .map((name) => name.slice(0, -kind.length - 1))
    .sort();

function hostList(names: readonly string[], hosts: readonly string[]): string {
  return names.length === hosts.length && hosts.every((host) => names.includes(host))
    ? "all"
    : names.join(" ");
}

function cloudCell({ effects }: ChangeWithEffects): string {
  return operationsCell(effects, (names) => {
    const network = networkWords(withPrefix(names, "network-"));
    const instances = hostsWith(names, "instance");
    return [...network, ...(instances.length === 0 ? [] : [instances.join(" ")])].join(", ");
  });
}

/** Phase device, and phase ready where it runs alone. */
function deviceCell({ effects, hosts }: ChangeWithEffects): string {
  const names = effects.map(({ name }) => name);
  const touchedHosts = [...hostsWith(names, "device"), ...hostsWith(names, "instance")];
  const readyAlone = hostsWith(names, "ready").filter((host) => !touchedHosts.includes(host));
  if (readyAlone.length > 0) return `\`~\` ready ${readyAlone.join(" ")}`;
  return operationsCell(effects, (all) => hostList(hostsWith(all, "device"), hosts));
}

function peersCell({ effects, hosts }: ChangeWithEffects): string {
  return operationsCell(effects, (names) => hostList(hostsWith(names, "peers"), hosts));
}

const testOf = ({ testedBy, section }: ChangeWithEffects) => testedBy ?? measuringTest(section);

function trafficCell(change: ChangeWithEffects, tests: readonly string[]): string {
  const { testedBy, losesNothing, pause, renumbers } = change;
  const passes = renumbers === true || (testedBy !== undefined && losesNothing === undefined);
  const words = pause === undefined ? (passes ? "passes" : "no loss") : `pause of ${pause} s`;
  return `[${words}][${tests.indexOf(testOf(change)) + 1}]`;
}

if (import.meta.main) writeFileSync(join(ROOT, PAGE), await lifecyclePage(await changesWithEffects()));
