import { parseArgs } from "node:util";
import { BENCHES } from "./benches.ts";
import type { Bench, BenchOptions } from "./frame/bench.ts";
import { mergeReports } from "./frame/measurement.ts";
import { readRatios, writeResults } from "./frame/results.ts";
import { alignColumns, describeReport } from "./frame/table.ts";
import { compareVerdicts, describeAgreement, isFailure, judge } from "./frame/verdict.ts";
import type { Judged } from "./frame/verdict.ts";

/** `npm run bench`: runs benches by name, prints their table, and writes the results file and plots. */

const HELP = `npm run bench -- NAME… [OPTIONS]

${alignColumns(
  [
    ...Object.entries(BENCHES),
    ["all", { title: "all but quick, one after the other", minutes: 60 }] as const,
  ].map(([name, { title, minutes }]) => [`  ${name}`, title, `about ${minutes} min`]),
  2,
)}

  --sizes 2,8,32   numbers of hosts, in place of the bench's own
  --rounds COUNT   how often everything is repeated
  --minutes LIMIT  when nothing is started any more; default: twice what the benches take on a quiet machine
  --quick          leave out what takes longest, such as Ansible
  --publish        write the plots to docs/performance too
  --against FILE   name the verdicts that contradict those of an earlier run, by its results file

The exit code is 1 where a goal is missed beyond the spread, where a verdict contradicts the earlier run's, and where
something fails. Results are in bench/results.
LAB_COMMAND_PLUGIN and LAB_OCI_PLUGIN name official plugin binaries to use in place of the stand-ins.
`;

/** @throws Error that names the option */
function numbers(option: string, text: string): number[] {
  const values = text.split(",").map(Number);
  if (values.some((value) => !Number.isInteger(value) || value < 1))
    throw new Error(`--${option} ${text}: use whole numbers above 0, such as 2 or 2,8,32`);
  return values;
}

/** @throws Error that names a bench that does not exist */
function benchesOf(names: readonly string[]): Bench[] {
  const all = Object.keys(BENCHES).filter((name) => name !== "quick");
  return names
    .flatMap((name) => (name === "all" ? all : [name]))
    .map((name) => {
      const bench = BENCHES[name];
      if (bench === undefined) throw new Error(`there is no bench "${name}": npm run bench lists them`);
      return bench;
    });
}

interface CommandLine {
  benches: Bench[];
  options: BenchOptions;
  publish: boolean;
  earlierRatios: Judged[] | undefined;
}

/** @returns undefined where the help is asked for */
function parseCommandLine(args: string[]): CommandLine | undefined {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      sizes: { type: "string" },
      rounds: { type: "string" },
      minutes: { type: "string" },
      quick: { type: "boolean", default: false },
      publish: { type: "boolean", default: false },
      against: { type: "string" },
      help: { type: "boolean", default: false },
    },
  });
  if (positionals.length === 0 || values.help) return undefined;
  const { sizes, rounds, minutes, quick, publish, against } = values;
  const benches = benchesOf(positionals);
  const expected = benches.reduce((sum, bench) => sum + bench.minutes, 0);
  const [limit = 2 * expected] = minutes === undefined ? [] : numbers("minutes", minutes);
  const options = {
    ...(sizes === undefined ? {} : { sizes: numbers("sizes", sizes) }),
    ...(rounds === undefined ? {} : { rounds: numbers("rounds", rounds)[0] }),
    ...(quick ? { isQuick: true } : {}),
    deadline: performance.now() + limit * 60_000,
    progress: (text: string) => process.stderr.write(`bench: ${text}\n`),
  };
  return {
    benches,
    options,
    publish,
    earlierRatios: against === undefined ? undefined : readRatios(against),
  };
}

async function main(argv: string[]): Promise<number> {
  const commandLine = parseCommandLine(argv);
  if (commandLine === undefined) {
    process.stdout.write(HELP);
    return 0;
  }
  const { benches, options, publish, earlierRatios } = commandLine;
  const start = new Date();
  const reports = [];
  for (const bench of benches) reports.push(await bench.run(options));
  const report = mergeReports(reports);
  const ratios = report.comparisons.map(judge);
  const agreement = earlierRatios && compareVerdicts(ratios, earlierRatios);
  process.stdout.write(`\n${describeReport(report)}\n\n`);
  if (agreement) process.stdout.write(`${describeAgreement(agreement)}\n\n`);
  const file = await writeResults(report, `npm run bench -- ${argv.join(" ")}`, start, publish);
  process.stdout.write(`${file}\n`);
  const problemCount = report.failures.length + (agreement?.contradictions.length ?? 0);
  return problemCount > 0 || ratios.some(isFailure) ? 1 : 0;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`bench: ${(error as Error).message}\n`);
  process.exitCode = 2;
}
