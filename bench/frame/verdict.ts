import type { Comparison, Goal } from "./measurement.ts";
import { combine } from "./rounds.ts";
import { areEnough, summarize } from "./statistics.ts";
import type { Summary } from "./statistics.ts";

/** The share by which a ratio of few rounds varies from run to run: 1.41 and 1.57 were seen for one, on one machine. */
const VARIATION = 0.1;

/**
 * How a ratio compares with its goal. Where the goal lies within the spread, the next run could find either. Only a ratio
 * whose whole spread misses the goal fails a run.
 */
type Verdict = "met" | "within the spread" | "MISSED" | "no figure" | "";

/** A comparison with its ratio. */
export interface Judged {
  title: string;
  ratio: Summary | undefined;
  goal: Goal | undefined;
  verdict: Verdict;
}

/** Divides two series round by round, and compares the spread of the ratios with the goal. */
export function judge({ title, samples, reference, goal, isExact = false }: Comparison): Judged {
  const ratios = Array.isArray(reference)
    ? combine([samples, reference as Comparison["samples"]], (value, other) => value / other)
    : samples.map(({ round, value }) => ({ round, value: value / (reference as number) }));
  if (ratios.length === 0) return { title, ratio: undefined, goal, verdict: goal ? "no figure" : "" };
  const summary = summarize(ratios.map(({ value }) => value));
  const ratio = isExact || areEnough(summary.count) ? summary : widen(summary);
  return { title, ratio, goal, verdict: goal ? verdictOf(ratio, goal) : "" };
}

/** A spread that a few rounds in one run cannot show. */
function widen({ median, low, high, count }: Summary): Summary {
  return {
    median,
    low: Math.min(low, median * (1 - VARIATION)),
    high: Math.max(high, median * (1 + VARIATION)),
    count,
  };
}

function verdictOf({ low, high }: Summary, goal: Goal): Verdict {
  // Mirrors "at least" into "at most", so that larger is worse in both.
  const [bound, best, worst] = "atMost" in goal ? [goal.atMost, low, high] : [-goal.atLeast, -high, -low];
  if (worst <= bound) return "met";
  return best <= bound ? "within the spread" : "MISSED";
}

/** Whether a run has to end with an error: a figure is missing too. */
export const isFailure = ({ verdict }: Judged): boolean => verdict === "MISSED" || verdict === "no figure";

/** How the verdicts of a run compare with those of an earlier one. */
interface Agreement {
  /** How many verdicts both have. */
  count: number;
  contradictions: string[];
}

/**
 * Verdicts of two runs contradict each other where one run's whole spread meets the goal, and the other's misses it. A
 * verdict "within the spread" contradicts none.
 */
export function compareVerdicts(run: readonly Judged[], earlierRun: readonly Judged[]): Agreement {
  const earlierVerdicts = new Map(earlierRun.map(({ title, verdict }) => [title, verdict]));
  const common = run.filter(({ title, verdict }) => verdict !== "" && earlierVerdicts.has(title));
  const contradictions = common.flatMap(({ title, verdict }) => {
    const verdicts = [verdict, earlierVerdicts.get(title)];
    return verdicts.includes("met") && verdicts.includes("MISSED")
      ? [`${title}: ${verdicts.join(", and earlier ")}`]
      : [];
  });
  return { count: common.length, contradictions };
}

export const describeAgreement = ({ count, contradictions }: Agreement): string =>
  [
    `verdicts that contradict the earlier run's: ${contradictions.length} of ${count}`,
    ...contradictions,
  ].join("\n");

export function describeGoal(goal: Goal | undefined): string {
  if (goal === undefined) return "";
  return "atMost" in goal ? `≤ ${goal.atMost}` : `≥ ${goal.atLeast}`;
}
