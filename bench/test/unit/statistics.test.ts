import { describe, expect, test } from "vitest";
import { intervalRank, percentile, summarize } from "../../frame/statistics.ts";

describe("a summary of samples", () => {
  test("has the median, and with few samples the lowest and highest as its spread", () => {
    expect(summarize([3, 1, 2])).toEqual({ median: 2, low: 1, high: 3, count: 3 });
    expect(summarize([4, 1, 2, 3])).toEqual({ median: 2.5, low: 1, high: 4, count: 4 });
    expect(summarize([7])).toEqual({ median: 7, low: 7, high: 7, count: 1 });
  });

  test("leaves out the outer samples as soon as there are enough", () => {
    expect(summarize([1, 2, 3, 4, 5, 6, 7, 100])).toMatchObject({ low: 2, high: 7 });
  });

  test("spans the median with a confidence of 90 %", () => {
    // Tables of the sign test: 8 samples allow to leave out 1 at each end, 11 allow 2, 13 allow 3, 20 allow 5.
    expect([5, 7, 8, 10, 11, 13, 20].map(intervalRank)).toEqual([0, 0, 1, 1, 2, 3, 5]);
  });

  test("is refused without samples", () => {
    expect(() => summarize([])).toThrow("no samples");
  });
});

test("a percentile is a sample that so many others do not exceed", () => {
  const samples = Array.from({ length: 100 }, (_, index) => 100 - index);
  expect(percentile(samples, 0.5)).toBe(50);
  expect(percentile(samples, 0.99)).toBe(99);
  expect(percentile([5], 0.99)).toBe(5);
});
