import { mergeReports } from "../frame/measurement.ts";
import type { Comparison, Measurement, Plot, Report, Sample } from "../frame/measurement.ts";
import type { Bench, BenchOptions } from "../frame/bench.ts";
import { combine, runRounds, samplesOf } from "../frame/rounds.ts";
import type { Contender, Recorder } from "../frame/rounds.ts";
import { VNI } from "../fleet.ts";
import { AnsibleTool } from "./ansibleTool.ts";
import { withFleet } from "./benchLab.ts";
import type { BenchLab } from "./benchLab.ts";
import { FRAMES_LOST, OPERATIONS, phaseRecorder, runCycle, timer, UNCHANGED_LIMITS } from "./cycle.ts";
import type { ReferenceTables } from "./cycle.ts";
import { FloorTool } from "./floorTool.ts";
import { MEMORY, PulumiTool } from "./pulumiTool.ts";

/** How long it takes to bring an overlay up on hosts that run, to change it, and to remove it. */

const SIZES = [2, 4, 8, 16, 32];
const SMALL = 8;
/** How often, up to and above SMALL hosts. */
const ROUNDS = { small: 3, large: 2 };
/**
 * Ansible takes minutes, and is many times slower or faster, not a little: it runs once, makes changes with few hosts
 * only, and is left out with many.
 */
const ANSIBLE = { changesUpTo: 4, upTo: 16, rounds: 1 };

const OVERLAY = "this overlay";
const FLOOR = "parallel ssh";
const TRIVIAL = "trivial Commands";
const EMPTY = "empty program";
const { first, unchanged, preview, setting, join } = OPERATIONS;

async function run({
  sizes = SIZES,
  rounds,
  isQuick = false,
  deadline = Infinity,
  progress,
}: BenchOptions): Promise<Report> {
  const reports: Report[] = [];
  for (const size of sizes) {
    if (performance.now() >= deadline) {
      reports.push(leftOut(size));
      continue;
    }
    progress(`booting ${size + 1} hosts`);
    const report = await withFleet(`bench-${size}`, size, async (benchLab) => {
      const ansible = isQuick || size > ANSIBLE.upTo ? undefined : await AnsibleTool.install(benchLab.lab);
      const contenders = contendersOf(benchLab, isQuick, ansible);
      const { measurements, failures } = await runRounds(contenders, {
        rounds: rounds ?? (size > SMALL ? ROUNDS.large : ROUNDS.small),
        deadline,
        progress,
      });
      return {
        notes: [`standing up: ${benchLab.engine.description}${ansible ? `; ${ansible.name}` : ""}`],
        measurements,
        failures,
        comparisons: compare(measurements, size, ansible?.name),
        plots: [],
      };
    });
    reports.push(report);
  }
  const report = mergeReports(reports);
  return { ...report, plots: plots(report.measurements) };
}

/** A size that was not measured fails the run, as a goal without a figure does. */
const leftOut = (size: number): Report => ({
  notes: [],
  measurements: [],
  comparisons: [],
  failures: [
    { contender: `standing up, N = ${size}`, round: 0, message: "left out, since the time is over" },
  ],
  plots: [],
});

function contendersOf(benchLab: BenchLab, isQuick: boolean, ansible?: AnsibleTool): Contender[] {
  const size = benchLab.hosts.length;
  const tables: ReferenceTables = new Map();
  const overlay = new PulumiTool(OVERLAY, benchLab);
  return [
    {
      name: OVERLAY,
      size,
      run: (record, round) =>
        runCycle(benchLab, overlay, tables, record, {
          afterFirst: async () => {
            overlay.recordState(size, record);
            if (round > 0 || isQuick) return;
            await overlay.recordMemory(benchLab.hosts, VNI, record);
            // The engine writes its event log in a run of its own: that takes time where little else does.
            await overlay.apply(benchLab.hosts, VNI, [], phaseRecorder(record, unchanged));
          },
        }),
    },
    {
      name: FLOOR,
      size,
      run: (record) => runCycle(benchLab, new FloorTool(benchLab.lab), tables, record),
    },
    ...(ansible
      ? [
          {
            name: ansible.name,
            size,
            rounds: ANSIBLE.rounds,
            run: (record: Recorder) =>
              runCycle(benchLab, ansible, tables, record, { isShort: size > ANSIBLE.changesUpTo }),
          },
        ]
      : []),
    engineContender(TRIVIAL, "bench/standing-up/programs/trivial.ts", benchLab),
    engineContender(EMPTY, "bench/standing-up/programs/empty.ts", benchLab),
  ];
}

/** A program beside ours, by the same engine and plugins. */
function engineContender(name: string, program: string, benchLab: BenchLab): Contender {
  const { hosts } = benchLab;
  const tool = new PulumiTool(name, benchLab, program);
  return {
    name,
    size: hosts.length,
    run: async (record) => {
      const time = timer(record);
      try {
        await time(first, () => tool.apply(hosts, VNI));
        await time(unchanged, () => tool.apply(hosts, VNI));
        await time(preview, () => tool.preview(hosts, VNI));
      } finally {
        await tool.remove(hosts);
      }
    },
  };
}

function compare(measurements: readonly Measurement[], size: number, ansible?: string): Comparison[] {
  const of = (contender: string, operation: string) => samplesOf(measurements, contender, operation, size);
  const ours = (operation: string) => of(OVERLAY, operation);
  const compareTo = (
    title: string,
    samples: readonly Sample[],
    reference: readonly Sample[] | number,
    atMost?: number,
  ): Comparison => ({
    title: `N = ${size}: ${title}`,
    samples,
    reference,
    ...(atMost === undefined ? {} : { goal: { atMost } }),
  });
  const plus = (seconds: number) => (value: number) => value + seconds;
  const limit = UNCHANGED_LIMITS[size];
  return [
    size <= SMALL
      ? compareTo("first up / (parallel ssh + 3 s)", ours(first), combine([of(FLOOR, first)], plus(3)), 1)
      : compareTo("first up / parallel ssh", ours(first), of(FLOOR, first), 2.5),
    ...(limit === undefined ? [] : [compareTo(`${unchanged} / ${limit} s`, ours(unchanged), limit, 1)]),
    compareTo(`${unchanged} / trivial Commands`, ours(unchanged), of(TRIVIAL, unchanged), 1.5),
    compareTo(`${unchanged} / empty program`, ours(unchanged), of(EMPTY, unchanged)),
    compareTo(
      `${setting} / (${unchanged} + 2 × parallel ssh)`,
      ours(setting),
      combine([ours(unchanged), of(FLOOR, setting)], (same, floor) => same + 2 * floor),
      1,
    ),
    compareTo(`${join} / (${unchanged} + 3 s)`, ours(join), combine([ours(unchanged)], plus(3)), 1),
    compareTo(FRAMES_LOST, ours(FRAMES_LOST), 1, 0),
    ...(ansible === undefined
      ? []
      : [first, unchanged].map((operation) =>
          compareTo(
            `${operation} / Ansible`,
            ours(operation),
            of(ansible, operation),
            size < SMALL ? undefined : 1,
          ),
        )),
    ...(size === 100 ? [compareTo("memory / 1 GB", ours(MEMORY), 1e9, 1)] : []),
  ];
}

function plots(measurements: readonly Measurement[]): Plot[] {
  const operation = (name: string, title: string, contender?: string): Plot => ({
    name: `standing-up-${name}`,
    title,
    measurements: measurements.filter(
      (each) => each.operation === title && (contender === undefined || each.contender === contender),
    ),
    xTitle: "hosts",
    yTitle: "seconds",
  });
  const phases = (title: string): Plot => ({
    name: `standing-up-phases-of-${title.replaceAll(" ", "-")}`,
    title: `Phases of ${title}`,
    measurements: measurements
      .filter((each) => each.contender === OVERLAY && each.operation.startsWith(`${title}: `))
      .map((each) => ({ ...each, operation: each.operation.slice(title.length + 2) })),
    xTitle: "hosts",
    yTitle: "seconds",
    seriesBy: "operation",
  });
  return [
    operation("first", first),
    operation("unchanged", unchanged),
    operation("setting", setting),
    operation("join", join),
    phases(first),
    phases(unchanged),
    phases(setting),
  ];
}

export const standingUp: Bench = {
  title: "an overlay on hosts that run, from first up to destroy, beside ssh and Ansible",
  minutes: 19,
  run,
};
