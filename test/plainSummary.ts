import type { Reporter, TestModule, Vitest } from "vitest/node";
import { KINDS, LEAST } from "./triedCounts.ts";

const LAYERS = 5;

/** Prints what was tried, and `N passed, N failed` as the last line of a run, whatever other reporters print. */
export default class PlainSummary implements Reporter {
  private vitest: Vitest | undefined;

  onInit(vitest: Vitest): void {
    this.vitest = vitest;
  }

  async onTestRunEnd(modules: readonly TestModule[]): Promise<void> {
    const counts = { passed: 0, failed: 0, skipped: 0 };
    for (const module of modules) {
      for (const test of module.children.allTests()) {
        const { state } = test.result();
        if (state !== "pending") counts[state] += 1;
      }
      // A file that fails to load has no tests, so count the file itself.
      if (module.state() === "failed" && [...module.children.allTests("failed")].length === 0)
        counts.failed += 1;
    }
    const triedCounts = countTried(modules);
    const missingKinds = (await this.isWhole(modules))
      ? KINDS.filter((kind) => triedCounts[kind] < LEAST[kind])
      : [];
    if (missingKinds.length > 0) process.exitCode = 1;
    const skippedText = counts.skipped === 0 ? "" : `, ${counts.skipped} skipped`;
    // On exit, so that this line comes after the other reporters' summaries and the check of the machine's state.
    process.on("exit", (exitCode) => {
      const failedCount = Math.max(counts.failed, exitCode === 0 ? 0 : 1);
      process.stdout.write(`Tried: ${KINDS.map((kind) => `${triedCounts[kind]} ${kind}`).join(", ")}.\n`);
      for (const kind of missingKinds)
        process.stdout.write(`A whole run has to try ${LEAST[kind]} ${kind} at least.\n`);
      process.stdout.write(`${counts.passed} passed, ${failedCount} failed${skippedText}\n`);
    });
  }

  /** Whether all files of all layers ran, and all tests in them. */
  private async isWhole(modules: readonly TestModule[]): Promise<boolean> {
    if (this.vitest?.config.testNamePattern !== undefined || this.vitest?.projects.length !== LAYERS)
      return false;
    return modules.length === (await this.vitest.globTestSpecifications()).length;
  }
}

/** Sums up what the tests that passed have tried. */
function countTried(modules: readonly TestModule[]) {
  const sums = { changes: 0, faults: 0, "bad inputs": 0 };
  for (const module of modules)
    for (const test of module.children.allTests("passed"))
      for (const kind of KINDS) sums[kind] += test.meta().triedCounts?.[kind] ?? 0;
  return sums;
}
