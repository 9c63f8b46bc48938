import { describe, expect, test } from "vitest";
import { until } from "../../../lab/system/commands.ts";
import type { Measurement } from "../../frame/measurement.ts";
import { drawPlot } from "../../frame/plots.ts";
import { runRounds, samplesOf } from "../../frame/rounds.ts";
import { describeReport } from "../../frame/table.ts";

const quiet = () => undefined;

describe("rounds", () => {
  test("run all contenders in turn, and each begins with the next one", async () => {
    const order: string[] = [];
    const contender = (name: string) => ({
      name,
      size: 2,
      run: (record: (operation: string, value: number) => void) => {
        order.push(name);
        record("up", order.length);
        return Promise.resolve();
      },
    });
    const { measurements } = await runRounds([contender("a"), contender("b")], {
      rounds: 2,
      progress: quiet,
    });
    expect(order).toEqual(["a", "b", "b", "a"]);
    expect(samplesOf(measurements, "a", "up", 2)).toEqual([
      { round: 0, value: 1 },
      { round: 1, value: 4 },
    ]);
  });

  test("go on after a contender has failed, and keep what it has measured", async () => {
    const broken = {
      name: "a",
      size: 2,
      run: (record: (operation: string, value: number) => void) => {
        record("up", 1);
        return Promise.reject(new Error("no host"));
      },
    };
    const { measurements, failures } = await runRounds([broken], { rounds: 2, progress: quiet });
    expect(samplesOf(measurements, "a", "up", 2)).toHaveLength(2);
    expect(failures.map(({ contender, round, message }) => [contender, round, message])).toEqual([
      ["a, N = 2", 0, "no host"],
      ["a, N = 2", 1, "no host"],
    ]);
  });
});

test("past the deadline no contender starts, and what is measured stays", async () => {
  const deadline = performance.now() + 20;
  const slow = {
    name: "a",
    size: 2,
    run: async (record: (operation: string, value: number) => void) => {
      record("up", 1);
      await until("the deadline", 5_000, () => performance.now() > deadline);
    },
  };
  const { measurements, failures } = await runRounds([slow], { rounds: 3, deadline, progress: quiet });
  expect(samplesOf(measurements, "a", "up", 2)).toHaveLength(1);
  expect(failures).toEqual([]);
});

const measurement = (size: number, ...values: number[]): Measurement => ({
  contender: "this overlay",
  operation: "up",
  size,
  unit: "s",
  samples: values.map((value, round) => ({ round, value })),
});

test("a table shows ratios with goals and verdicts before the figures", () => {
  const report = {
    notes: ["Pulumi 3"],
    measurements: [measurement(2, 1, 2, 3)],
    comparisons: [
      { title: "up / 1 s", samples: measurement(2, 1, 2, 3).samples, reference: 1, goal: { atMost: 2 } },
    ],
    failures: [],
    plots: [],
  };
  expect(describeReport(report)).toBe(
    [
      "Pulumi 3",
      "",
      "ratios, by round: median (spread)",
      "up / 1 s  2.00  (1.00 – 3.00)  ≤ 2  within the spread",
      "",
      "figures: median (spread)",
      "up  N = 2  this overlay  2.00  s  (1.00 – 3.00)",
    ].join("\n"),
  );
});

test("a plot is an SVG with its title and its series", async () => {
  const measurements = [measurement(2, 1, 2, 3), measurement(8, 4, 5, 6)];
  const svg = await drawPlot({
    name: "up",
    title: "First up",
    measurements,
    xTitle: "hosts",
    yTitle: "seconds",
  });
  expect(svg).toMatch(/^<svg /);
  expect(svg).toContain("First up");
  expect(svg).toContain("this overlay");
});
