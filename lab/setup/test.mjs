// `npm test`: installs what is missing, fills the lab's caches, runs the tests. Plain JavaScript without
// dependencies, like lab.mjs.
import { fail, installMissing, node24, run } from "./bootstrap.mjs";

const args = process.argv.slice(2);
const root = process.platform === "linux" && process.getuid?.() === 0;

await installMissing({ only: "install", debian: root });
if (root) {
  const prepared = await run(node24(), ["lab/cli/main.ts", "prepare"]);
  if (prepared !== 0) process.exit(prepared);
} else {
  const loud =
    "NOT RUN: the host and lifecycle tests, which boot hosts and need root on Linux. Run sudo npm test.";
  if (process.env.CI) fail(loud);
  process.stderr.write(`\n*** ${loud} ***\n\n`);
}
const projects = root ? [] : ["--project", "unit", "--project", "component"];
process.exitCode = await run(node24(), ["node_modules/vitest/vitest.mjs", "run", ...projects, ...args]);
