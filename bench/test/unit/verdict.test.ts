import { describe, expect, test } from "vitest";
import type { Goal, Sample } from "../../frame/measurement.ts";
import { isFailure, judge } from "../../frame/verdict.ts";

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
  const { ratio } = judge({ title: "", samples: series(2, 20, 4), reference: series(1, 10, 2) });
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
