import { expect } from "vitest";

/** How a run of Pulumi ended. */
export interface Outcome {
  exitCode: number;
  /** Everything that it printed, stderr behind stdout. */
  text: string;
  /** How many operations of each kind it made: `{ created: 2, unchanged: 5 }`. */
  counts: Record<string, number>;
}

/** Runs Pulumi once, in a way that a test has chosen. */
export type PulumiRun = () => Promise<Outcome>;

/** Reads the engine's own counts: lines such as `+ 6 created` and `4 changes. 2 unchanged` below `Resources:`. */
export function operationCounts(stdout: string): Record<string, number> {
  const summary = /\nResources:\n((?: +.*\n)*)/.exec(stdout)?.[1] ?? "";
  const counts = [...summary.matchAll(/(\d+) (?:to )?([a-z]+)/g)].map(([, count, kind]) => [
    kind,
    Number(count),
  ]);
  return Object.fromEntries(counts.filter(([kind]) => kind !== "changes")) as Record<string, number>;
}

/** Expects a run to succeed, and shows what it printed if it failed. */
export function expectSuccess(outcome: Outcome): Outcome {
  expect(outcome.exitCode, outcome.text).toBe(0);
  return outcome;
}

/** Expects a run to succeed without an operation on any resource. */
export function expectUnchanged(outcome: Outcome): void {
  expect([outcome.exitCode, Object.keys(outcome.counts)], outcome.text).toEqual([0, ["unchanged"]]);
}

/** Expects a run to fail, and returns what it printed. */
export function expectFailure(outcome: Outcome): string {
  expect(outcome.exitCode, outcome.text).not.toBe(0);
  return outcome.text;
}

/** Expects a failed run to print the `pulumi state delete` that forgets an unreachable host; returns its arguments. */
export function stateDeleteArguments(text: string): string[] {
  const command = /^ +pulumi (state delete .*)$/m.exec(text)?.[1];
  expect(command, text).toBeDefined();
  return (command ?? "").replaceAll("'", "").split(" ");
}
