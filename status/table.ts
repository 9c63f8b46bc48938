import { styleText } from "node:util";
import Table from "cli-table3";
import type { HostReport, OverlayStatus, PathReport, StatusReport } from "./report.ts";

/** Hosts up to which all are listed, with a matrix of their paths. Of more, only those that have something to say are. */
const FULL_TABLES = 16;

/** The report as text for people. */
export function statusText(report: StatusReport, colours: boolean): string {
  const paint: Paint = (format, text) =>
    colours ? styleText(format, text, { validateStream: false }) : text;
  return [
    headline(report, paint),
    ...report.overlays.flatMap((overlay) => overlayText(overlay, report.time, paint)),
  ].join("\n\n");
}

type Colour = "green" | "red" | "yellow" | "bold" | "dim";
type Paint = (format: Colour, text: string) => string;

function headline({ project, stack, state, time }: StatusReport, paint: Paint): string {
  const word = state === "well" ? paint("green", "well") : paint("red", "WRONG");
  return `${paint("bold", `${project}, stack ${stack}`)}: ${word}, ${shortTime(time)}`;
}

function overlayText(overlay: OverlayStatus, now: string, paint: Paint): string[] {
  const { id, device, vni, port, mtu, cidrs, hosts } = overlay;
  const title = `overlay ${id}: ${device}, VNI ${vni}, UDP port ${port}, MTU ${mtu}, ${cidrs.join(" and ")}`;
  const isSmall = hosts.length <= FULL_TABLES;
  const listed = isSmall ? hosts : hosts.filter(hasSomethingToSay);
  return [
    title,
    ...(isSmall ? [] : [hostCounts(hosts)]),
    ...(listed.length === 0 ? [] : [hostTable(listed, now, paint)]),
    ...(isSmall ? [pathMatrix(overlay, paint)] : []),
    pathSummary(overlay),
    ...whatIsWrong(overlay, paint),
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
  const head = ["host", "state", "booted", "underlay", "overlay", "MAC", "MTU", "last repair", "version"];
  const rows = hosts.map((host) => [
    host.name,
    paintState(host.state, paint),
    host.bootedAt === undefined ? "-" : `${age(host.bootedAt, now)} ago`,
    host.underlayAddress,
    host.overlayAddresses.join("\n"),
    host.device?.mac ?? host.mac,
    `${host.device?.mtu ?? "-"}`,
    host.lastRepair ? `${age(host.lastRepair.time, now)} ago` : host.unit === undefined ? "-" : "none",
    `${host.programVersion ?? "-"}`,
  ]);
  return formatTable(head, rows, paint);
}

function paintState(state: HostReport["state"], paint: Paint): string {
  const colours = { "in sync": "green", differs: "red", unreachable: "red", down: "dim" } as const;
  return paint(colours[state], state);
}

/** One row a sender, one column a peer. */
function pathMatrix({ hosts, paths }: OverlayStatus, paint: Paint): string {
  const names = hosts.map(({ name }) => name);
  const rows = names.map((from) => [
    from,
    ...names.map((to) => {
      if (from === to) return "";
      return pathCell(
        paths.filter((path) => path.from === from && path.to === to),
        paint,
      );
    }),
  ]);
  return formatTable(["from \\ to", ...names], rows, paint);
}

/** All addresses of a peer in one cell: the worst state, and the slowest round trip. */
function pathCell(paths: readonly PathReport[], paint: Paint): string {
  const [first] = paths;
  if (!first) return paint("dim", "-");
  const failed = paths.find(({ state }) => state === "fails");
  if (failed) return paint("red", failed.tcp === "fails" ? "TCP FAILS" : "FAILS");
  if (first.state === "unknown") return paint("dim", "?");
  const times = paths.flatMap(({ milliseconds }) => milliseconds ?? []);
  const time = times.length === 0 ? "passes" : milliseconds(Math.max(...times));
  const lost = Math.max(...paths.map(({ sent = 0, received = 0 }) => sent - received));
  if (lost === 0) return paint("green", time);
  return paint("yellow", `${time}, ${lost} of ${first.sent} lost`);
}

const milliseconds = (value: number) => `${value < 10 ? value.toFixed(2) : value.toFixed(0)} ms`;

/** What passes, in one line. */
function pathSummary({ paths, totalPaths }: OverlayStatus): string {
  const passing = paths.filter(({ state }) => state === "passes");
  const sizes = [...new Set(passing.map(({ icmpBytes }) => icmpBytes))].join(" and ");
  const times = passing.flatMap((path) => path.milliseconds ?? []);
  const range =
    times.length === 0
      ? ""
      : ` in ${milliseconds(Math.min(...times))} to ${milliseconds(Math.max(...times))}`;
  const tcp = passing.some((path) => path.tcp === "passes") ? ", TCP to sshd too" : "";
  const share = paths.length < totalPaths ? ` that this run probed, of ${totalPaths}` : "";
  const what = passing.length === 0 ? "" : `: echoes of ${sizes} bytes, unfragmented,${range}${tcp}`;
  return `${passing.length} of ${paths.length} paths pass${share}${what}`.replace(",,", ",");
}

/** Problems of hosts, then failed paths with their causes, then warnings. */
function whatIsWrong({ hosts, paths, findings }: OverlayStatus, paint: Paint): string[] {
  const hostProblems = hosts.flatMap(({ problems }) => problems);
  const unreachable = new Set(hosts.flatMap(({ name, state }) => (state === "unreachable" ? [name] : [])));
  const pathProblems = paths.flatMap(({ problem, to }) =>
    problem === undefined || unreachable.has(to) ? [] : [problem],
  );
  const causes = new Set(findings.flatMap((finding) => finding.causes));
  const warnings = hosts.flatMap((host) => host.warnings);
  return [
    listOf(paint("red", "Wrong:"), [
      ...hostProblems,
      ...unreachableHints(unreachable, paths),
      ...pathProblems,
    ]),
    listOf(paint("bold", "Why, and what to do:"), [...causes]),
    listOf(paint("yellow", "Warnings:"), warnings),
  ].flat();
}

/** Whether the peers of a host without an SSH session reach it tells a dead host from a closed way to it. */
function unreachableHints(unreachable: ReadonlySet<string>, paths: readonly PathReport[]): string[] {
  return [...unreachable].flatMap((host) => {
    const states = paths.filter(({ to }) => to === host).map(({ state }) => state);
    if (states.includes("passes"))
      return [`${host} is up, since peers reach it over the overlay: it is SSH from here that does not.`];
    if (states.includes("fails"))
      return [`${host} is reached by none of its peers either: it is most likely off.`];
    return [];
  });
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

/** How long ago something was: "40 s", "7 min", "5 h", "12 d". */
function age(time: string, now: string): string {
  const seconds = Math.max(0, Math.round((Date.parse(now) - Date.parse(time)) / 1_000));
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7_200) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 172_800) return `${Math.floor(seconds / 3_600)} h`;
  return `${Math.floor(seconds / 86_400)} d`;
}

/** "2026-11-26 08:47:00 UTC" */
const shortTime = (time: string) => `${time.slice(0, 19).replace("T", " ")} UTC`;
