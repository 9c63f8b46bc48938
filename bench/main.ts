import { parseArgs } from "node:util";
import { BENCHES } from "./benches.ts";
import { mergeReports } from "./frame/measurement.ts";
import { writeResults } from "./frame/results.ts";
import { alignColumns, describeReport } from "./frame/table.ts";
import { isFailure, judge } from "./frame/verdict.ts";

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
  --publish        write the plots to docs/performance too

The exit code is 1 where a goal is missed beyond the spread, and where something fails. Results are in bench/results.
LAB_COMMAND_PLUGIN and LAB_OCI_PLUGIN name official plugin binaries to use in place of the stand-ins.
`;

function numbers(text: string): number[] {
  const values = text.split(",").map(Number);
  if (values.some((value) => !Number.isInteger(value) || value < 1))
    throw new Error(`"${text}" is no list of whole numbers such as 2,8,32`);
  return values;
}

async function main(argv: string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: argv,
    allowPositionals: true,
    options: {
      sizes: { type: "string" },
      rounds: { type: "string" },
      publish: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (positionals.length === 0 || values.help) {
    process.stdout.write(HELP);
    return 0;
  }
  const names = positionals.flatMap((name) =>
    name === "all" ? Object.keys(BENCHES).filter((each) => each !== "quick") : [name],
  );
  const benches = names.map((name) => {
    const bench = BENCHES[name];
    if (bench === undefined) throw new Error(`there is no bench "${name}": npm run bench lists them`);
    return bench;
  });
  const options = {
    ...(values.sizes === undefined ? {} : { sizes: numbers(values.sizes) }),
    ...(values.rounds === undefined ? {} : { rounds: numbers(values.rounds)[0] }),
    progress: (text: string) => process.stderr.write(`bench: ${text}\n`),
  };
  const start = new Date();
  const reports = [];
  for (const bench of benches) reports.push(await bench.run(options));
  const report = mergeReports(reports);
  process.stdout.write(`\n${describeReport(report)}\n\n`);
  const file = await writeResults(report, `npm run bench -- ${argv.join(" ")}`, start, values.publish);
  process.stdout.write(`${file}\n`);
  return report.failures.length > 0 || report.comparisons.map(judge).some(isFailure) ? 1 : 0;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`bench: ${(error as Error).message}\n`);
  process.exitCode = 2;
}
