import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { availableParallelism, cpus, release, totalmem } from "node:os";
import { join } from "node:path";
import { drawPlot } from "./plots.ts";
import type { Report } from "./measurement.ts";
import { judge } from "./verdict.ts";
import type { Judged } from "./verdict.ts";

const ROOT = join(import.meta.dirname, "../..");
const RESULTS = join(ROOT, "bench/results");
/** Where docs/performance.md takes its plots from. */
const PUBLISHED = join(ROOT, "docs/performance");

/** What else may explain a figure. */
function machine() {
  return {
    processor: cpus()[0]?.model,
    cores: availableParallelism(),
    memoryInGB: Math.round(totalmem() / 1e9),
    kernel: release(),
    node: process.version,
    commit: execFileSync("git", ["-C", ROOT, "describe", "--always", "--dirty"], { encoding: "utf8" }).trim(),
    load: readFileSync("/proc/loadavg", "utf8").split(" ").slice(0, 3).map(Number),
  };
}

/**
 * Writes the report as JSON, and its plots as SVG beside it.
 *
 * @param command that has made it
 * @param publish whether the plots go to docs/performance as well
 * @returns the path of the JSON file
 */
export async function writeResults(
  report: Report,
  command: string,
  start: Date,
  publish: boolean,
): Promise<string> {
  const date = start.toISOString().slice(0, 19).replaceAll(":", "-");
  const results = {
    command,
    date: start.toISOString(),
    seconds: Math.round((Date.now() - start.getTime()) / 1_000),
    machine: machine(),
    notes: report.notes,
    ratios: report.comparisons.map(judge),
    failures: report.failures,
    measurements: report.measurements,
  };
  const folders = [RESULTS, ...(publish ? [PUBLISHED] : [])];
  for (const folder of folders) mkdirSync(folder, { recursive: true });
  const file = join(RESULTS, `${date}.json`);
  writeFileSync(file, `${JSON.stringify(results, undefined, 2)}\n`);
  for (const plot of report.plots.filter(({ measurements }) => measurements.length > 0)) {
    const svg = await drawPlot(plot);
    writeFileSync(join(RESULTS, `${date}-${plot.name}.svg`), svg);
    if (publish) writeFileSync(join(PUBLISHED, `${plot.name}.svg`), svg);
  }
  return file;
}

/**
 * Reads the ratios and verdicts of an earlier run.
 *
 * @throws Error where the file cannot be read, or is no results file
 */
export function readRatios(file: string): Judged[] {
  try {
    const { ratios } = JSON.parse(readFileSync(file, "utf8")) as { ratios?: Judged[] };
    if (ratios) return ratios;
  } catch {
    // The message below says what to do in each case.
  }
  throw new Error(`${file} is no results file: name one of bench/results/*.json`);
}
