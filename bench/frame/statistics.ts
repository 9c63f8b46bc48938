/** Medians and their spread. */

/** The median of some samples, and the range that holds the true median with a confidence of 90 %, if they are enough. */
export interface Summary {
  median: number;
  low: number;
  high: number;
  count: number;
}

const CONFIDENCE = 0.9;

/** @throws Error without samples */
export function summarize(samples: readonly number[]): Summary {
  if (samples.length === 0) throw new Error("there is no median of no samples");
  const sorted = [...samples].sort((a, b) => a - b);
  const rank = intervalRank(sorted.length);
  return {
    median: median(sorted),
    low: sorted[rank] as number,
    high: sorted[sorted.length - 1 - rank] as number,
    count: sorted.length,
  };
}

function median(sorted: readonly number[]): number {
  const middle = (sorted.length - 1) / 2;
  return ((sorted[Math.floor(middle)] as number) + (sorted[Math.ceil(middle)] as number)) / 2;
}

/**
 * How many samples may be left out at each end of the sorted list so that the rest still spans the true median with the
 * wanted confidence. Nothing is assumed about the distribution: each sample is above the median with probability 1/2.
 * With fewer than 8 samples it is 0, so the spread is the lowest and the highest sample. With 8, it is 1.
 */
export function intervalRank(count: number): number {
  const outside = (rank: number) => 2 * binomialTail(count, rank);
  let rank = 0;
  while (2 * (rank + 1) < count && 1 - outside(rank + 1) >= CONFIDENCE) rank++;
  return rank;
}

/** Whether the lowest and the highest of so many samples hold the true median with the wanted confidence: five do. */
export const areEnough = (count: number): boolean => 1 - 2 * binomialTail(count, 0) >= CONFIDENCE;

/** The probability that at most `rank` of `count` fair coins show heads. */
function binomialTail(count: number, rank: number): number {
  let [term, sum] = [0.5 ** count, 0];
  for (let heads = 0; heads <= rank; heads++) {
    sum += term;
    term *= (count - heads) / (heads + 1);
  }
  return sum;
}

/** The value below which a share of the samples lies, for example 0.99 for the 99th percentile. */
export function percentile(samples: readonly number[], share: number): number {
  const sorted = [...samples].sort((a, b) => a - b);
  const index = Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1);
  const value = sorted[Math.max(0, index)];
  if (value === undefined) throw new Error("there is no percentile of no samples");
  return value;
}
