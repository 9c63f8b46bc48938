import type { Report } from "./measurement.ts";

/** How a bench shall run. */
export interface BenchOptions {
  /** Default: the bench's own. */
  sizes?: readonly number[];
  rounds?: number;
  /** Leaves out what takes long and has no goal at these sizes. */
  isQuick?: boolean;
  /** When performance.now() has reached it, no contender starts any more. */
  deadline?: number;
  progress: (text: string) => void;
}

/** One bench, by the name that `npm run bench -- NAME` takes. */
export interface Bench {
  title: string;
  /** About how long it takes on a quiet machine with two cores. */
  minutes: number;
  run: (options: BenchOptions) => Promise<Report>;
}
