import type { Measurement, Report, Unit } from "./measurement.ts";
import { summarize } from "./statistics.ts";
import { describeGoal, judge } from "./verdict.ts";

/** The text that a bench prints: ratios first, since they depend less on the machine than figures do. */
export function describeReport(report: Report): string {
  const sections = [
    section(
      "",
      report.notes.map((note) => [note]),
      1,
    ),
    section("ratios, by round: median (spread)", ratioRows(report), 1),
    section("figures: median (spread)", figureRows(report.measurements), 3),
    section(
      "FAILED",
      report.failures.map(({ contender, round, message }) => [contender, `round ${round + 1}`, message]),
      3,
    ),
  ];
  return sections.filter((text) => text !== "").join("\n\n");
}

function section(title: string, rows: string[][], textColumns: number): string {
  if (rows.length === 0) return "";
  return [...(title === "" ? [] : [title]), alignColumns(rows, textColumns)].join("\n");
}

function ratioRows({ comparisons }: Report): string[][] {
  return comparisons
    .map(judge)
    .map(({ title, ratio, goal, verdict }) => [
      title,
      ratio ? ratio.median.toFixed(2) : "–",
      ratio ? `(${ratio.low.toFixed(2)} – ${ratio.high.toFixed(2)})` : "",
      describeGoal(goal),
      verdict,
    ]);
}

function figureRows(measurements: readonly Measurement[]): string[][] {
  return [...measurements]
    .sort((a, b) => a.operation.localeCompare(b.operation) || a.size - b.size)
    .map(({ contender, operation, size, unit, samples }) => {
      const { median, low, high } = summarize(samples.map(({ value }) => value));
      const spread = low === high ? "" : `(${format(low, unit)} – ${format(high, unit)})`;
      return [operation, `N = ${size}`, contender, format(median, unit), unit, spread];
    });
}

/** A figure with about three digits. */
function format(value: number, unit: Unit): string {
  if (unit === "bytes" || unit === "count" || unit === "packets/s")
    return Math.round(value).toLocaleString("en-US");
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);
}

/** Rows as text: the first columns flush left, the others flush right. Trailing cells may be missing. */
export function alignColumns(rows: readonly (readonly string[])[], textColumns: number): string {
  const count = Math.max(...rows.map((row) => row.length));
  const widths = Array.from({ length: count }, (_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  );
  const isText = (column: number) =>
    column < textColumns || rows.every((row) => !/^[(\d]/.test(row[column] ?? ""));
  const flushLeft = widths.map((_, column) => isText(column));
  return rows
    .map((row) =>
      widths
        .map((width, column) =>
          flushLeft[column] ? (row[column] ?? "").padEnd(width) : (row[column] ?? "").padStart(width),
        )
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}
