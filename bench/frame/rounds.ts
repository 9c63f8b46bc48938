import type { Failure, Measurement, Sample, Unit } from "./measurement.ts";

/** Takes the figures of one contender in one round. */
export type Recorder = (operation: string, value: number, unit?: Unit) => void;

/** One of those that are compared. */
export interface Contender {
  name: string;
  size: number;
  /** What tells it from others of this name and size, for messages. */
  task?: string;
  /** Default: all. For what takes too long, or cannot be repeated. */
  rounds?: number;
  run: (record: Recorder, round: number) => Promise<void>;
}

/** What some rounds have measured. */
export interface RoundResult {
  measurements: Measurement[];
  failures: Failure[];
}

/** How the contenders of a bench run. */
interface RoundOptions {
  rounds: number;
  deadline?: number;
  progress: (text: string) => void;
}

/**
 * Runs all contenders in each round, so that a busy minute of the machine hits all of them. The next round begins with
 * the next contender: none is always the first one after a pause. One that fails is reported, and the others go on.
 * Past the deadline none starts: its figures are then missing.
 */
export async function runRounds(
  contenders: readonly Contender[],
  { rounds, deadline = Infinity, progress }: RoundOptions,
): Promise<RoundResult> {
  const measurements = new Map<string, Measurement>();
  const failures: Failure[] = [];
  for (let round = 0; round < rounds; round++) {
    for (const contender of rotate(contenders, round)) {
      if (round >= (contender.rounds ?? rounds)) continue;
      const { name, size, task } = contender;
      const label = `${name}, N = ${size}${task === undefined ? "" : `, ${task}`}`;
      if (performance.now() >= deadline) {
        progress(`round ${round + 1} of ${rounds}: ${label}: left out, the time is over`);
        continue;
      }
      const start = performance.now();
      try {
        await contender.run((operation, value, unit = "s") => {
          add(measurements, { contender: name, operation, size, unit }, { round, value });
        }, round);
      } catch (error) {
        failures.push({ contender: label, round, message: (error as Error).message });
      }
      const seconds = ((performance.now() - start) / 1_000).toFixed(1);
      progress(`round ${round + 1} of ${rounds}: ${label}: ${seconds} s`);
    }
  }
  return { measurements: [...measurements.values()], failures };
}

function rotate<T>(items: readonly T[], by: number): T[] {
  const start = items.length === 0 ? 0 : by % items.length;
  return [...items.slice(start), ...items.slice(0, start)];
}

function add(
  measurements: Map<string, Measurement>,
  series: Omit<Measurement, "samples">,
  sample: Sample,
): void {
  const key = JSON.stringify(series);
  const measurement = measurements.get(key) ?? { ...series, samples: [] };
  measurement.samples.push(sample);
  measurements.set(key, measurement);
}

/** The samples of one series; empty where it was not measured. */
export function samplesOf(
  measurements: readonly Measurement[],
  contender: string,
  operation: string,
  size: number,
): Sample[] {
  return (
    measurements.find(
      (each) => each.contender === contender && each.operation === operation && each.size === size,
    )?.samples ?? []
  );
}

/** A series computed round by round; rounds that one of the others lacks are left out. */
export function combine(
  series: readonly (readonly Sample[])[],
  compute: (...values: number[]) => number,
): Sample[] {
  const [first = [], ...others] = series;
  return first.flatMap(({ round, value }) => {
    const values = others.map((samples) => samples.find((sample) => sample.round === round)?.value);
    return values.some((other) => other === undefined)
      ? []
      : [{ round, value: compute(value, ...(values as number[])) }];
  });
}

/** The highest sample of some series, round by round: "the best of the others". */
export function highestOf(series: readonly (readonly Sample[])[]): Sample[] {
  const samples = series.flat();
  const rounds = [...new Set(samples.map(({ round }) => round))];
  return rounds.map((round) => {
    const values = samples.filter((sample) => sample.round === round).map(({ value }) => value);
    return { round, value: Math.max(...values) };
  });
}
