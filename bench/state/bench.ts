import { join } from "node:path";
import { attempt } from "../../lab/system/commands.ts";
import type { Bench, BenchOptions } from "../frame/bench.ts";
import type { HostKind } from "../fleet.ts";
import type { Comparison, Measurement, Report } from "../frame/measurement.ts";
import { combine, runRounds, samplesOf } from "../frame/rounds.ts";
import type { Contender } from "../frame/rounds.ts";

/** How large a stack's state is, and how long the program takes, from Pulumi's mocks: no host and no engine runs. */

const SIZES = [2, 8, 32, 100, 300, 1_000];
/** From here on one round has to do. */
const LARGE = 300;
/** Seconds after which a program is ended. */
const LIMIT = 240;

const KINDS: Readonly<Record<HostKind, string>> = {
  existing: "existing hosts",
  instance: "instances",
};

/** What program.ts prints. */
interface ProgramFigures {
  seconds: number;
  cpuSeconds: number;
  peakBytes: number;
  bytes: number;
  resources: number;
  dependencies: number;
  propertyDependencies: number;
}

async function run({ sizes = SIZES, rounds = 3, deadline, progress }: BenchOptions): Promise<Report> {
  const notes = ["state: Pulumi's mocks in place of engine, plugins and hosts"];
  const contenders = sizes.flatMap((size) =>
    (Object.keys(KINDS) as HostKind[]).map((kind) => contender(kind, size, notes)),
  );
  const { measurements, failures } = await runRounds(contenders, { rounds, deadline, progress });
  return {
    notes,
    measurements,
    failures,
    comparisons: compare(measurements, sizes),
    plots: plots(measurements),
  };
}

function contender(kind: HostKind, size: number, notes: string[]): Contender {
  return {
    name: KINDS[kind],
    size,
    ...(size >= LARGE ? { rounds: 1 } : {}),
    run: async (record) => {
      const program = [process.execPath, join(import.meta.dirname, "program.ts"), String(size), kind];
      const { exitCode, stdout, stderr } = await attempt(program, { timeout: LIMIT * 1_000 });
      if (exitCode === 255) {
        notes.push(`state: the program for ${size} ${KINDS[kind]} did not end within ${LIMIT} s`);
        return;
      }
      if (exitCode !== 0) throw new Error(stderr.trim().split("\n").slice(-3).join(" / "));
      const figures = JSON.parse(stdout) as ProgramFigures;
      record("state", figures.bytes, "bytes");
      record("state, a host", figures.bytes / size, "bytes");
      record("resources", figures.resources, "count");
      record("dependencies", figures.dependencies, "count");
      record("property dependencies", figures.propertyDependencies, "count");
      record("program", figures.seconds, "s");
      record("program, CPU", figures.cpuSeconds, "s");
      record("program, peak memory", figures.peakBytes, "bytes");
    },
  };
}

/** The goals: bytes a host, and dependencies that grow with the fleet and not with its square. */
function compare(measurements: readonly Measurement[], sizes: readonly number[]): Comparison[] {
  const bytes = (size: number, limit: number): Comparison[] =>
    Object.values(KINDS).map((kind) => ({
      title: `state a host / ${limit / 1_000} KB, ${size} ${kind}`,
      samples: samplesOf(measurements, kind, "state, a host", size),
      reference: limit,
      goal: { atMost: 1 },
      isExact: true,
    }));
  const [small, large] = [Math.min(...sizes), Math.max(...sizes.filter((size) => size <= 100), 0)];
  const growth = (operation: string): Comparison => ({
    title: `${operation} a host, ${large} against ${small} instances`,
    samples: combine([samplesOf(measurements, KINDS.instance, operation, large)], (count) => count / large),
    reference: combine([samplesOf(measurements, KINDS.instance, operation, small)], (count) => count / small),
    // Fixed parts and two lists that each resource has leave some room above 1; N² would be 50 here.
    goal: { atMost: 2 },
    isExact: true,
  });
  return [
    ...(sizes.includes(2) ? bytes(2, 20_000) : []),
    ...(sizes.includes(100) ? bytes(100, 40_000) : []),
    ...(large > small ? [growth("dependencies"), growth("property dependencies")] : []),
  ];
}

function plots(measurements: readonly Measurement[]): Report["plots"] {
  const of = (operation: string) => measurements.filter((each) => each.operation === operation);
  const xTitle = "hosts";
  return [
    { name: "state-bytes", title: "State of a stack", measurements: of("state"), xTitle, yTitle: "bytes" },
    {
      name: "state-dependencies",
      title: "Dependencies in the state of instances",
      measurements: [...of("dependencies"), ...of("property dependencies"), ...of("resources")].filter(
        (each) => each.contender === KINDS.instance,
      ),
      xTitle,
      yTitle: "entries",
      seriesBy: "operation",
    },
    {
      name: "state-program",
      title: "CPU time of the program, without engine and hosts",
      measurements: of("program, CPU"),
      xTitle,
      yTitle: "seconds",
    },
  ];
}

export const state: Bench = {
  title: "bytes, resources and dependencies of a stack's state, from mocks",
  minutes: 2,
  run,
};
