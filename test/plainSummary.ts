import type { Reporter, TestModule } from "vitest/node";

/** Prints `N passed, N failed` as the last line of a run, whatever other reporters print. */
export default class PlainSummary implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
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
    const skipped = counts.skipped === 0 ? "" : `, ${counts.skipped} skipped`;
    // On exit, so that this line comes after the other reporters' summaries and the check of the machine's state.
    process.on("exit", (exitCode) => {
      const failedCount = Math.max(counts.failed, exitCode === 0 ? 0 : 1);
      process.stdout.write(`${counts.passed} passed, ${failedCount} failed${skipped}\n`);
    });
  }
}
