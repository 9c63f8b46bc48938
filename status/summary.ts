import { TRANSFER_KIB } from "../components/vxlan/connectivityTest/transfer.ts";
import { milliseconds } from "./pathCell.ts";
import type { OverlayStatus, PathReport } from "./report.ts";

/** The summary of a report, as plain text. */

/** What passes, in one line. */
export function pathSummary({ hosts, paths, totalPaths }: OverlayStatus): string {
  const passingPaths = paths.filter(({ state }) => state === "passes");
  const sizes = [...new Set(passingPaths.map(({ icmpBytes }) => icmpBytes))].join(" and ");
  const times = passingPaths.flatMap((path) => path.milliseconds ?? []);
  const range =
    times.length === 0
      ? ""
      : ` in ${milliseconds(Math.min(...times))} to ${milliseconds(Math.max(...times))}`;
  const tcpPaths = passingPaths.filter((path) => path.tcp === "passes").length;
  const tcpShare = tcpPaths === passingPaths.length ? "too" : `on ${tcpPaths} of them`;
  const tcp = tcpPaths === 0 ? "" : `, TCP to sshd ${tcpShare}`;
  const received = passingPaths.filter((path) => path.transfer === "passes").length;
  const transfers = received === 0 ? "" : `, ${TRANSFER_KIB} KiB to ${received} of ${hosts.length} hosts`;
  const share = paths.length < totalPaths ? ` that this run probed, of ${totalPaths}` : "";
  const passText =
    passingPaths.length === 0 ? "" : `: echoes of ${sizes} bytes, unfragmented,${range}${tcp}${transfers}`;
  return `${passingPaths.length} of ${paths.length} paths pass${share}${passText}`.replace(",,", ",");
}

/** What is wrong, why that is so, and what hosts warn about. */
interface Findings {
  /** Of hosts, then of paths. */
  problems: string[];
  causes: string[];
  warnings: string[];
}

/** Wrong paths that are listed; of more, how many there are. */
const LISTED_PATHS = 8;

export function findingsOf({ hosts, paths, findings }: OverlayStatus): Findings {
  const unreachableHosts = new Set(
    hosts.flatMap(({ name, state }) => (state === "unreachable" ? [name] : [])),
  );
  const wrongPaths = paths.filter(({ problem, to }) => problem !== undefined && !unreachableHosts.has(to));
  return {
    problems: [
      ...hosts.flatMap(({ problems }) => problems),
      ...unreachableHints(unreachableHosts, paths),
      ...describePaths(wrongPaths),
    ],
    causes: [...new Set(findings.flatMap(({ causes }) => causes))],
    warnings: hosts.flatMap(({ warnings }) => warnings),
  };
}

function describePaths(wrongPaths: readonly PathReport[]): string[] {
  const listedProblems = wrongPaths.slice(0, LISTED_PATHS).flatMap(({ problem }) => problem ?? []);
  const otherCount = wrongPaths.length - listedProblems.length;
  const ends = new Set(wrongPaths.flatMap(({ from, to }) => [from, to]));
  const common = [...ends].filter((host) => wrongPaths.every(({ from, to }) => from === host || to === host));
  return [
    ...listedProblems,
    ...(otherCount === 0 ? [] : [`and ${otherCount} more paths`]),
    // Of a single pair both hosts are at an end of all paths.
    ...(common.length === 1 ? [`All ${wrongPaths.length} of these paths begin or end at ${common[0]}.`] : []),
  ];
}

/** Hints about hosts without an SSH session: a host that its peers reach is up, and only SSH to it fails. */
function unreachableHints(unreachableHosts: ReadonlySet<string>, paths: readonly PathReport[]): string[] {
  return [...unreachableHosts].flatMap((host) => {
    const states = paths.filter(({ to }) => to === host).map(({ state }) => state);
    if (states.includes("passes"))
      return [`${host} is up, since peers reach it over the overlay: it is SSH from here that does not.`];
    if (states.includes("fails"))
      return [`${host} is reached by none of its peers either: it is most likely off.`];
    return [];
  });
}

/** How long ago something was: "40 s", "7 min", "5 h", "12 d". */
export function age(time: string, now: string): string {
  const seconds = Math.max(0, Math.round((Date.parse(now) - Date.parse(time)) / 1_000));
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7_200) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 172_800) return `${Math.floor(seconds / 3_600)} h`;
  return `${Math.floor(seconds / 86_400)} d`;
}

/** "2026-11-26 08:47:00 UTC" */
export const shortTime = (time: string) => `${time.slice(0, 19).replace("T", " ")} UTC`;
