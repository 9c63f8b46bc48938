// `npm test`: installs what is missing, builds the engine and the host images, runs the tests. `npm run test:fast` runs
// those that take seconds. Plain JavaScript without dependencies, for the machine's own Node.
import { fail, installMissing, node24, run } from "./bootstrap.mjs";

const isFast = process.argv[2] === "--fast";
const args = process.argv.slice(isFast ? 3 : 2);
const root = !isFast && process.platform === "linux" && process.getuid?.() === 0;

await installMissing({ only: "install", debian: root });
if (root) {
  const exitCode = await run(node24(), ["lab/cli/main.ts", "prepare"]);
  if (exitCode !== 0) process.exit(exitCode);
} else if (!isFast) {
  const notice =
    "NOT RUN: the host and lifecycle tests, which boot hosts and need root on Linux. Run sudo npm test.";
  if (process.env.CI) fail(notice);
  process.stderr.write(`\n*** ${notice} ***\n\n`);
}
const layers = isFast ? ["unit", "component"] : ["unit", "component", "integration"];
const projects = root ? [] : layers.flatMap((layer) => ["--project", layer]);
process.exitCode = await run(node24(), ["node_modules/vitest/vitest.mjs", "run", ...projects, ...args]);
