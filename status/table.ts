import { styleText } from "node:util";
import Table from "cli-table3";
import { pathCell } from "./pathCell.ts";
import type { HostReport, OverlayStatus, PathReport, StatusReport } from "./report.ts";
import { age, findingsOf, pathSummary, shortTime } from "./summary.ts";

/** Hosts up to which all are listed, with a matrix of their paths. Of more, at most as many that have something to say. */
const FULL_TABLES = 16;

/** The report as text for people. */
export function statusText(report: StatusReport, colours: boolean): string {
  const paint: Paint = (format, text) =>
    colours ? styleText(format, text, { validateStream: false }) : text;
  return [
    headline(report, paint),
    ...report.overlays.flatMap((overlay) => overlayText(overlay, report.time, paint)),
    ...cloudText(report.cloud, paint),
  ].join("\n\n");
}

type Colour = "green" | "red" | "yellow" | "bold" | "dim";
type Paint = (format: Colour, text: string) => string;

function headline({ project, stack, state, time }: StatusReport, paint: Paint): string {
  const word = state === "well" ? paint("green", "well") : paint("red", "WRONG");
  return `${paint("bold", `${project}, stack ${stack}`)}: ${word}, ${shortTime(time)}`;
}

function cloudText(cloud: StatusReport["cloud"], paint: Paint): string[] {
  if (!cloud) return [];
  if (cloud.resources.length === 0) return ["The cloud is as in the stack."];
  const items = cloud.resources.map(({ name, type, change, properties }) =>
    change === "deleted" ? `${name} (${type}) was deleted` : `${name} (${type}): ${properties.join(", ")}`,
  );
  return listOf(paint("red", "Changed in the cloud, outside of the stack; pulumi up puts it back:"), items);
}

function overlayText(overlay: OverlayStatus, now: string, paint: Paint): string[] {
  const { id, device, vni, port, mtu, cidrs, hosts } = overlay;
  const title = `overlay ${id}: ${device}, VNI ${vni}, UDP port ${port}, MTU ${mtu}, ${cidrs.join(" and ")}`;
  const isSmall = hosts.length <= FULL_TABLES;
  const listedHosts = isSmall ? hosts : hosts.filter(hasSomethingToSay);
  return [
    title,
    ...(isSmall ? [] : [hostCounts(hosts)]),
    ...(listedHosts.length === 0 ? [] : [hostTable(listedHosts, now, paint)]),
    ...(isSmall ? [pathMatrix(overlay, paint)] : matrixExcerpt(overlay, paint)),
    pathSummary(overlay),
    ...problemLists(overlay, paint),
  ];
}

const hasSomethingToSay = ({ state, warnings }: HostReport) => state !== "in sync" || warnings.length > 0;

function hostCounts(hosts: readonly HostReport[]): string {
  const states = ["in sync", "differs", "unreachable", "down"] as const;
  const counts = states.map((state) => [state, hosts.filter((host) => host.state === state).length] as const);
  const parts = counts.flatMap(([state, count]) => (count === 0 ? [] : [`${count} ${state}`]));
  return `${hosts.length} hosts: ${parts.join(", ")}`;
}

function hostTable(hosts: readonly HostReport[], now: string, paint: Paint): string {
  const head = ["host", "state", "booted", "underlay", "overlay", "MAC", "MTU", "last repair", "release"];
  const rows = hosts.map((host) => [
    host.name,
    paintState(host.state, paint),
    host.bootedAt === undefined ? "-" : `${age(host.bootedAt, now)} ago`,
    host.underlayAddress,
    host.overlayAddresses.join("\n"),
    host.device?.mac ?? host.mac,
    `${host.device?.mtu ?? "-"}`,
    host.lastRepair ? `${age(host.lastRepair.time, now)} ago` : host.unit === undefined ? "-" : "none",
    host.release ?? "-",
  ]);
  return formatTable(head, rows, paint);
}

function paintState(state: HostReport["state"], paint: Paint): string {
  const colours = { "in sync": "green", differs: "red", unreachable: "red", down: "dim" } as const;
  return paint(colours[state], state);
}

/** For a large fleet: the senders and the peers whose paths fail or lose echoes, and how many others there are. */
function matrixExcerpt(overlay: OverlayStatus, paint: Paint): string[] {
  const badPaths = overlay.paths.filter((path) => ["fails", "loses"].includes(pathCell([path]).state));
  if (badPaths.length === 0) return [];
  const [senders, peers] = [badHosts(badPaths, "from"), badHosts(badPaths, "to")];
  const names = overlay.hosts.map(({ name }) => name);
  const firstNames = (worstNames: readonly string[]) =>
    names.filter((name) => worstNames.slice(0, FULL_TABLES).includes(name));
  const senderNames = overlay.paths.filter(({ state }) => state !== "unknown").map(({ from }) => from);
  const healthyCount = new Set(senderNames).size - senders.length;
  const omittedCount = senders.length - firstNames(senders).length;
  const counts = [
    ...(omittedCount === 0
      ? []
      : [`${omittedCount} more host${omittedCount === 1 ? "" : "s"} with paths that fail or lose echoes`]),
    ...(healthyCount === 0
      ? []
      : [
          `${healthyCount} other host${healthyCount === 1 ? " reaches" : "s reach"} all peers that they probed`,
        ]),
  ];
  return [[pathMatrix(overlay, paint, firstNames(senders), firstNames(peers)), ...counts].join("\n")];
}

/** The hosts at one end of these paths: those of most failing paths first, then those of most that lose echoes. */
function badHosts(paths: readonly PathReport[], end: "from" | "to"): string[] {
  const counts = new Map<string, number>();
  for (const path of paths) {
    const weight = path.state === "fails" ? paths.length : 1;
    counts.set(path[end], (counts.get(path[end]) ?? 0) + weight);
  }
  return [...counts].sort(([, a], [, b]) => b - a).map(([name]) => name);
}

/** One row a sender, one column a peer. */
function pathMatrix(
  { hosts, paths }: OverlayStatus,
  paint: Paint,
  senders = hosts.map(({ name }) => name),
  peers = senders,
): string {
  const rows = senders.map((from) => [
    from,
    ...peers.map((to) => {
      if (from === to) return "";
      const { state, text } = pathCell(paths.filter((path) => path.from === from && path.to === to));
      return paint(STATE_COLOURS[state], text);
    }),
  ]);
  return formatTable(["from \\ to", ...peers], rows, paint);
}

const STATE_COLOURS = {
  passes: "green",
  loses: "yellow",
  fails: "red",
  unknown: "dim",
  "not probed": "dim",
} as const;

/** What is wrong, why, and what hosts warn about. */
function problemLists(overlay: OverlayStatus, paint: Paint): string[] {
  const { problems, causes, warnings } = findingsOf(overlay);
  return [
    listOf(paint("red", "Wrong:"), problems),
    listOf(paint("bold", "Why, and what to do:"), causes),
    listOf(paint("yellow", "Warnings:"), warnings),
  ].flat();
}

const listOf = (title: string, items: readonly string[]) =>
  items.length === 0 ? [] : [[title, ...items.map((item) => `  ${item}`)].join("\n")];

function formatTable(head: string[], rows: readonly string[][], paint: Paint): string {
  const borders = ["top", "bottom", "left", "right", "mid"].flatMap((side) =>
    ["", "-mid", "-left", "-right"].map((place) => `${side}${place}`),
  );
  const table = new Table({
    chars: { ...Object.fromEntries(borders.map((border) => [border, ""])), middle: "  " },
    style: { "padding-left": 0, "padding-right": 0, head: [], border: [] },
  });
  table.push(
    head.map((cell) => paint("bold", cell)),
    ...rows,
  );
  return table
    .toString()
    .split("\n")
    .map((line) => line.trimEnd())
    .join("\n");
}
