import { parseArgs } from "node:util";
import { fileURLToPath } from "node:url";
import { CouldNotLook } from "./couldNotLook.ts";
import { exitCodeOf } from "./exitCode.ts";
import { readStatus } from "./readStatus.ts";
import type { StatusReport } from "./report.ts";
import { statusText } from "./table.ts";

/** `npm run status`: prints how a stack's hosts and the paths between them are. */

const ROOT = fileURLToPath(new URL("..", import.meta.url));

const HELP = `npm run status [-- OPTION…]   how a stack's hosts and the paths between them are

  --stack NAME         the stack (default: the selected one)
  --html FILE          write a page as well: one file for a ticket, or with --watch for a wall
  --json               print the report as JSON; docs/status.md explains its fields
  --cloud              compare the cloud with the stack too, which takes some seconds more
  --watch              look again and again, until Ctrl-C
  --interval SECONDS   between two looks of --watch (default 10)
  --help               this text

It changes nothing. Exit code: 0 well, 1 something is wrong, 2 could not look.
`;

/** The command line of a run. */
interface Options {
  stack?: string;
  cloud: boolean;
  html?: string;
  json: boolean;
  watch: boolean;
  /** Seconds. */
  interval: number;
  help: boolean;
}

function readOptions(argv: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      stack: { type: "string" },
      cloud: { type: "boolean", default: false },
      html: { type: "string" },
      json: { type: "boolean", default: false },
      watch: { type: "boolean", default: false },
      interval: { type: "string", default: "10" },
      help: { type: "boolean", default: false },
    },
  });
  const interval = Number(values.interval);
  if (!(interval >= 1 && interval <= 86_400)) throw new Error("--interval takes seconds, 1 to 86400.");
  return { ...values, interval };
}

async function main(argv: readonly string[]): Promise<number> {
  const options = readOptions(argv);
  if (options.help) {
    process.stdout.write(HELP);
    return 0;
  }
  if (!options.watch) return reportStatus(options);
  for (;;) {
    await reportStatus(options);
    await new Promise((resolve) => setTimeout(resolve, options.interval * 1_000));
  }
}

/** Looks once, and prints the report. Returns the exit code. */
async function reportStatus(options: Options): Promise<number> {
  try {
    const report = await readStatus({ stack: options.stack, directory: ROOT, cloud: options.cloud });
    if (options.html !== undefined) await writeHtml(options.html, report, options);
    print(report, options);
    return exitCodeOf(report);
  } catch (error) {
    if (!(error instanceof CouldNotLook)) throw error;
    process.stderr.write(`status: ${error.message}\n`);
    return 2;
  }
}

/** Its code is loaded for a page only: it reads the stack's config, which takes longer than the look. */
async function writeHtml(file: string, report: StatusReport, { watch, interval }: Options): Promise<void> {
  const { writePage } = await import("./page/writePage.ts");
  await writePage(file, report, watch ? interval : undefined);
}

function print(report: StatusReport, { json, watch }: Options): void {
  if (json) {
    // With --watch each report is a line of its own.
    process.stdout.write(`${JSON.stringify(report, null, watch ? undefined : 2)}\n`);
    return;
  }
  const { isTTY } = process.stdout;
  if (watch && isTTY) process.stdout.write("\x1b[H\x1b[2J");
  process.stdout.write(
    `${statusText(report, isTTY && process.stdout.hasColors())}\n${watch && !isTTY ? "\n" : ""}`,
  );
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`status: ${(error as Error).message}\n`);
  process.exitCode = 2;
}
