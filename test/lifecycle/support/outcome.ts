import { expect } from "vitest";
import type { Outcome } from "../../../lab/test/support/outcome.ts";

/** Runs Pulumi once, in a way that a test has chosen. */
export type PulumiRun = () => Promise<Outcome>;

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
