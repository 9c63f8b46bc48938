/** Shows which long steps run, and how long each took. */
export interface Progress {
  line: (text: string) => void;
  /** Runs a step; prints its title before and its duration after. */
  step: <T>(title: string, work: () => Promise<T>) => Promise<T>;
}

const secondsSince = (start: number) => `${((performance.now() - start) / 1000).toFixed(1)} s`;

/** Goes to standard error, since standard output is for results. */
export const terminalProgress: Progress = {
  line: (text) => process.stderr.write(`lab: ${text}\n`),
  step: async (title, work) => {
    const start = performance.now();
    process.stderr.write(`lab: ${title} …\n`);
    const result = await work();
    process.stderr.write(`lab: … done in ${secondsSince(start)}\n`);
    return result;
  },
};

/** Prints nothing. */
export const silentProgress: Progress = { line: () => undefined, step: (_, work) => work() };

/** Measures the steps of a run, to print their durations at its end. */
export class Stopwatch {
  private readonly start = performance.now();
  private readonly durations: string[] = [];

  async step<T>(name: string, work: () => Promise<T>): Promise<T> {
    const start = performance.now();
    const result = await work();
    this.durations.push(`${name} ${secondsSince(start)}`);
    return result;
  }

  toString(): string {
    return `${this.durations.join(", ")}; ${secondsSince(this.start)} in all`;
  }
}
