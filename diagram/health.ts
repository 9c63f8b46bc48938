import { milliseconds, pathCell } from "../status/pathCell.ts";
import type { PathCell } from "../status/pathCell.ts";
import type { HostReport, OverlayStatus, PathReport, StatusReport } from "../status/report.ts";
import { shortTime } from "../status/summary.ts";
import type { ColourName } from "./palette.ts";

/** What a picture shows of a status report. */
export interface Health {
  /** What a reader has to know about all of it. */
  note: string;
  hosts: ReadonlyMap<string, HostHealth>;
  pairs: PairHealth[];
}

/** How well something is. */
export type Grade = "good" | "poor" | "bad" | "unknown";

export interface HostHealth {
  /** Of the host itself. */
  grade: Grade;
  /** Undefined where there is nothing to say. */
  note: string | undefined;
  /** Of its paths to all others. */
  pathGrade: Grade;
  pathNote: string;
}

/** Both directions between two hosts. */
export interface PairHealth {
  between: readonly [string, string];
  grade: Grade;
  /** The slower round trip, or what does not pass. */
  note: string;
}

/** The lines and words of each grade. */
export const GRADE_COLOURS = {
  good: "planeLine",
  poor: "poor",
  bad: "bad",
  unknown: "border",
} as const satisfies Record<Grade, ColourName>;

/** The health of the stack's overlay. */
export function healthOf({ time, state, overlays }: StatusReport): Health {
  const [overlay] = overlays;
  const { hosts = [], paths = [] } = overlay ?? {};
  const pairs = overlay ? pairsOf(overlay) : [];
  const passingPaths = paths.filter((path) => path.state === "passes").length;
  return {
    note: `${shortTime(time)}: ${state}, ${passingPaths} of ${paths.length} paths pass`,
    hosts: new Map(hosts.map((host) => [host.name, hostHealth(host, paths, pairs)])),
    pairs,
  };
}

/** Whether none of a host's paths pass. */
export function isCutOff(name: string, pairs: readonly PairHealth[]): boolean {
  const grades = pairs.flatMap(({ between, grade }) => (between.includes(name) ? [grade] : []));
  return grades.length > 0 && grades.every((grade) => grade === "bad");
}

const HOST_GRADES = {
  "in sync": "good",
  differs: "bad",
  unreachable: "bad",
  down: "unknown",
} as const satisfies Record<HostReport["state"], Grade>;

function hostHealth(
  { name, state }: HostReport,
  paths: readonly PathReport[],
  pairs: readonly PairHealth[],
): HostHealth {
  return {
    grade: HOST_GRADES[state],
    note: state === "in sync" ? undefined : state,
    ...pathsHealth(name, paths, pairs),
  };
}

/** The health of a host's paths. Paths to peers that answer no host are left out, since the fault is theirs. */
function pathsHealth(
  name: string,
  paths: readonly PathReport[],
  pairs: readonly PairHealth[],
): Pick<HostHealth, "pathGrade" | "pathNote"> {
  if (isCutOff(name, pairs)) return { pathGrade: "bad", pathNote: "no path" };
  const pairsOfHost = pairs.filter(({ between }) => between.includes(name));
  const pairsBetweenLiveHosts = pairsOfHost.filter(
    ({ between }) => !between.some((end) => isCutOff(end, pairs)),
  );
  const failedCount = pairsBetweenLiveHosts.filter(({ grade }) => grade === "bad").length;
  const times = paths.flatMap((path) => (path.from === name ? (path.milliseconds ?? []) : []));
  const mean = times.reduce((sum, time) => sum + time, 0) / times.length;
  const time = times.length === 0 ? "not probed" : milliseconds(mean);
  const grade = worstGrade(pairsBetweenLiveHosts.map((pair) => pair.grade));
  return {
    pathGrade: grade === "bad" ? "poor" : grade,
    pathNote: failedCount === 0 ? time : `${failedCount} of ${pairsOfHost.length} fail`,
  };
}

const CELL_GRADES = {
  passes: "good",
  loses: "poor",
  fails: "bad",
  unknown: "unknown",
  "not probed": "unknown",
} as const satisfies Record<PathCell["state"], Grade>;

const WORST_FIRST = ["bad", "poor", "good", "unknown"] as const;

/** A path that was not probed counts only where no path was. */
const worstGrade = (grades: readonly Grade[]): Grade =>
  WORST_FIRST.find((grade) => grades.includes(grade)) ?? "unknown";

function pairsOf({ hosts, paths }: OverlayStatus): PairHealth[] {
  return hosts.flatMap((a, index) =>
    hosts.slice(index + 1).map((b): PairHealth => {
      const between: PairHealth["between"] = [a.name, b.name];
      const pathsOfPair = paths.filter(({ from, to }) => between.includes(from) && between.includes(to));
      const probedPaths = pathsOfPair.filter((path) => path.state !== "unknown");
      const { state, text } = pathCell(probedPaths.length > 0 ? probedPaths : pathsOfPair);
      return { between, grade: CELL_GRADES[state], note: text.replace("FAILS", "fails") };
    }),
  );
}
