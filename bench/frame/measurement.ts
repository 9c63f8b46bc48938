/** What a bench returns. Everything in it goes into the results file as it is. */

export type Unit = "s" | "ms" | "bytes" | "count" | "Gbit/s" | "packets/s" | "%";

/** One figure, measured once a round. */
export interface Measurement {
  /** What is measured: "this overlay", "Ansible". */
  contender: string;
  /** What it did: "first up". */
  operation: string;
  /** Number of hosts, or of peers. */
  size: number;
  unit: Unit;
  /** By round; rounds in which it could not be measured are left out. */
  samples: Sample[];
}

export interface Sample {
  round: number;
  value: number;
}

/** A bound for the ratio of a comparison. */
export type Goal = { atMost: number } | { atLeast: number };

/** Two series of one bench, compared round by round: both were measured within the same minutes. */
export interface Comparison {
  /** For example "up without changes / Ansible, N = 8". */
  title: string;
  samples: readonly Sample[];
  /** The series that it is divided by, or a fixed allowance. */
  reference: readonly Sample[] | number;
  /** Without a goal the ratio is only shown. */
  goal?: Goal;
  /** Whether every run finds the same figures, such as sizes and counts of mocks. */
  isExact?: boolean;
}

/** Something that did not work. It fails the run, and the rest goes on. */
export interface Failure {
  contender: string;
  round: number;
  message: string;
}

/** A plot of medians over sizes, with their spread. */
export interface Plot {
  /** File name without its ending. */
  name: string;
  title: string;
  measurements: readonly Measurement[];
  xTitle: string;
  yTitle: string;
  /** Draws each measurement's operation as a line of its own; default: each contender. */
  seriesBy?: "contender" | "operation";
}

export interface Report {
  /** What ran: engine, plugins, sizes, versions of contenders. */
  notes: string[];
  measurements: Measurement[];
  comparisons: Comparison[];
  failures: Failure[];
  plots: Plot[];
}

/** Merges reports of several parts of a bench. */
export function mergeReports(reports: readonly Report[]): Report {
  return {
    notes: [...new Set(reports.flatMap(({ notes }) => notes))],
    measurements: reports.flatMap(({ measurements }) => measurements),
    comparisons: reports.flatMap(({ comparisons }) => comparisons),
    failures: reports.flatMap(({ failures }) => failures),
    plots: reports.flatMap(({ plots }) => plots),
  };
}
