/** Tells a person what is being done and how long it took. */
export interface Report {
  line: (text: string) => void;
  /** Runs a long step, announced before and timed after. */
  step: <T>(what: string, work: () => Promise<T>) => Promise<T>;
}

const seconds = (since: number) => `${((performance.now() - since) / 1000).toFixed(1)} s`;

/** Progress goes to standard error: standard output is for results. */
export const progress: Report = {
  line: (text) => process.stderr.write(`lab: ${text}\n`),
  step: async (what, work) => {
    const since = performance.now();
    process.stderr.write(`lab: ${what} …\n`);
    const result = await work();
    process.stderr.write(`lab: … done in ${seconds(since)}\n`);
    return result;
  },
};

/** Says nothing, for tests. */
export const silent: Report = { line: () => undefined, step: (_, work) => work() };

/** The times of a run's phases, to be printed at its end. */
export class Stopwatch {
  private readonly since = performance.now();
  private readonly phases: string[] = [];

  async phase<T>(name: string, work: () => Promise<T>): Promise<T> {
    const since = performance.now();
    const result = await work();
    this.phases.push(`${name} ${seconds(since)}`);
    return result;
  }

  toString(): string {
    return `${this.phases.join(", ")}; ${seconds(this.since)} in all`;
  }
}
