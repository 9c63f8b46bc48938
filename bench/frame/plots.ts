import { parse, View } from "vega";
import { compile } from "vega-lite";
import type { TopLevelSpec } from "vega-lite";
import type { Plot } from "./measurement.ts";
import { summarize } from "./statistics.ts";

/** Draws a plot as SVG: a line a series over the sizes, and a bar for each spread. Both axes are logarithmic. */
export async function drawPlot(plot: Plot): Promise<string> {
  const view = new View(parse(compile(specification(plot)).spec), { renderer: "none" });
  try {
    return `${await view.toSVG()}\n`;
  } finally {
    view.finalize();
  }
}

function specification({ title, measurements, xTitle, yTitle, seriesBy = "contender" }: Plot): TopLevelSpec {
  const values = measurements.map((measurement) => {
    const { median, low, high } = summarize(measurement.samples.map(({ value }) => value));
    return { size: measurement.size, series: measurement[seriesBy], median, low, high };
  });
  const sizes = [...new Set(values.map(({ size }) => size))];
  const x = {
    field: "size",
    type: "quantitative",
    title: xTitle,
    scale: { type: "log", base: 2, nice: false, padding: 12 },
    axis: { values: sizes, format: "d" },
  } as const;
  const color = {
    field: "series",
    type: "nominal",
    title: null,
    sort: null,
    scale: { scheme: "tableau10" },
  } as const;
  const y = { type: "quantitative", title: yTitle, scale: { type: "log" } } as const;
  return {
    title,
    width: 560,
    height: 320,
    background: "white",
    data: { values },
    layer: [
      {
        mark: { type: "line", point: true },
        encoding: { x, y: { ...y, field: "median" }, color },
      },
      {
        mark: { type: "rule", strokeWidth: 2, opacity: 0.6 },
        encoding: { x, y: { ...y, field: "low" }, y2: { field: "high" }, color },
      },
    ],
  };
}
