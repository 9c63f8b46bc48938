import type { Reporter, TestModule } from "vitest/node";

/** Ends a run with one line that any reader understands: `N passed, N failed`. */
export default class PlainSummary implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const count = { passed: 0, failed: 0, skipped: 0 };
    for (const module of modules) {
      for (const test of module.children.allTests()) {
        const { state } = test.result();
        if (state !== "pending") count[state] += 1;
      }
      // A file that cannot even be loaded has no tests to count.
      if (module.state() === "failed" && [...module.children.allTests("failed")].length === 0)
        count.failed += 1;
    }
    const skipped = count.skipped === 0 ? "" : `, ${count.skipped} skipped`;
    // After the other reporters' own summaries, and after the look at what the tests left on the machine.
    process.on("exit", (exitCode) => {
      const failed = Math.max(count.failed, exitCode === 0 ? 0 : 1);
      process.stdout.write(`${count.passed} passed, ${failed} failed${skipped}\n`);
    });
  }
}
