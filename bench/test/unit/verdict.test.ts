import { describe, expect, test } from "vitest";
import type { Goal, Sample } from "../../frame/measurement.ts";
import { compareVerdicts, isFailure, judge } from "../../frame/verdict.ts";

const series = (...values: number[]): Sample[] => values.map((value, round) => ({ round, value }));

const verdict = (samples: Sample[], reference: Sample[] | number, goal?: Goal) =>
  judge({ title: "a / b", samples, reference, goal }).verdict;

describe("a goal of at most 1.5", () => {
  const goal = { atMost: 1.5 };
  test("is met where the whole spread is below it", () => {
    expect(verdict(series(1, 1.4, 1.2), 1, goal)).toBe("met");
  });
  test("lies within the spread where some rounds are above it and some below", () => {
    expect(verdict(series(1, 1.4, 1.6), 1, goal)).toBe("within the spread");
    expect(verdict(series(1.4, 1.6, 1.7), 1, goal)).toBe("within the spread");
  });
  test("is missed where the whole spread is above it", () => {
    expect(verdict(series(1.6, 1.7, 1.8), 1, goal)).toBe("MISSED");
  });
});

test("a goal of at least 3 is the mirror image", () => {
  const goal = { atLeast: 3 };
  expect(verdict(series(3, 4, 5), 1, goal)).toBe("met");
  expect(verdict(series(2, 4, 5), 1, goal)).toBe("within the spread");
  expect(verdict(series(1, 2, 4), 1, goal)).toBe("within the spread");
  expect(verdict(series(1, 2, 2.9), 1, goal)).toBe("MISSED");
});

test("series are compared round by round, so that a slow minute of the machine cancels out", () => {
  const { ratio } = judge({ title: "", samples: series(2, 20, 4, 6, 8), reference: series(1, 10, 2, 3, 4) });
  expect(ratio).toMatchObject({ median: 2, low: 2, high: 2 });
});

test("rounds that one of the two lacks are left out", () => {
  const { ratio } = judge({ title: "", samples: series(2, 8), reference: [{ round: 1, value: 2 }] });
  expect(ratio).toMatchObject({ median: 4, count: 1 });
});

test("a run fails where a goal is missed, or has no figure, and not within the spread", () => {
  const fails = (samples: Sample[], goal?: Goal) =>
    isFailure(judge({ title: "", samples, reference: 1, goal }));
  expect(fails(series(2), { atMost: 1 })).toBe(true);
  expect(fails([], { atMost: 1 })).toBe(true);
  expect(fails(series(1, 2, 3), { atMost: 1 })).toBe(false);
  expect(fails(series(2))).toBe(false);
});

describe("the spread of fewer than five rounds", () => {
  const spreadOf = (samples: Sample[], isExact = false) => {
    const { ratio } = judge({ title: "", samples, reference: 1, isExact });
    return [ratio?.low.toFixed(2), ratio?.high.toFixed(2)];
  };
  test("is a tenth of the median to each side, or more where the rounds vary by more", () => {
    expect(spreadOf(series(2))).toEqual(["1.80", "2.20"]);
    expect(spreadOf(series(2, 2, 3))).toEqual(["1.80", "3.00"]);
  });
  test("is that of the rounds from the fifth on, and where every run finds the same", () => {
    expect(spreadOf(series(2, 2, 2, 2, 2))).toEqual(["2.00", "2.00"]);
    expect(spreadOf(series(2), true)).toEqual(["2.00", "2.00"]);
  });
  test("lets a single round near its goal decide nothing", () => {
    expect(verdict(series(1.05), 1, { atMost: 1 })).toBe("within the spread");
    expect(verdict(series(0.95), 1, { atMost: 1 })).toBe("within the spread");
  });
});

test("two runs contradict each other where one meets a goal and the other misses it, with their whole spreads", () => {
  const run = (values: Record<string, number>) =>
    Object.entries(values).map(([title, value]) =>
      judge({ title, samples: series(value), reference: 1, goal: { atMost: 1 } }),
    );
  const earlier = run({ worse: 0.8, better: 1.2, near: 0.8, same: 2, old: 1 });
  const later = run({ worse: 1.2, better: 0.8, near: 1.05, same: 2, young: 1 });
  expect(compareVerdicts(later, earlier)).toEqual({
    count: 4,
    contradictions: ["worse: MISSED, and earlier met", "better: met, and earlier MISSED"],
  });
});
