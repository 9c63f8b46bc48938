import type { Comparison, Goal } from "./measurement.ts";
import { combine } from "./rounds.ts";
import { summarize } from "./statistics.ts";
import type { Summary } from "./statistics.ts";

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
export function judge({ title, samples, reference, goal }: Comparison): Judged {
  const ratios = Array.isArray(reference)
    ? combine([samples, reference as Comparison["samples"]], (value, other) => value / other)
    : samples.map(({ round, value }) => ({ round, value: value / (reference as number) }));
  if (ratios.length === 0) return { title, ratio: undefined, goal, verdict: goal ? "no figure" : "" };
  const ratio = summarize(ratios.map(({ value }) => value));
  return { title, ratio, goal, verdict: goal ? verdictOf(ratio, goal) : "" };
}

function verdictOf({ low, high }: Summary, goal: Goal): Verdict {
  // Mirrors "at least" into "at most", so that larger is worse in both.
  const [bound, best, worst] = "atMost" in goal ? [goal.atMost, low, high] : [-goal.atLeast, -high, -low];
  if (worst <= bound) return "met";
  return best <= bound ? "within the spread" : "MISSED";
}

/** Whether a run has to end with an error: a figure is missing too. */
export const isFailure = ({ verdict }: Judged): boolean => verdict === "MISSED" || verdict === "no figure";

export function describeGoal(goal: Goal | undefined): string {
  if (goal === undefined) return "";
  return "atMost" in goal ? `≤ ${goal.atMost}` : `≥ ${goal.atLeast}`;
}
