import { VNI } from "../fleet.ts";
import type { FleetHost } from "../fleet.ts";
import type { Bench, BenchOptions } from "../frame/bench.ts";
import { mergeReports } from "../frame/measurement.ts";
import type { Comparison, Measurement, Report } from "../frame/measurement.ts";
import { runRounds, samplesOf } from "../frame/rounds.ts";
import type { Contender } from "../frame/rounds.ts";
import { onEach, runAsRoot, withCloud } from "../standing-up/benchLab.ts";
import type { BenchLab } from "../standing-up/benchLab.ts";
import { phaseRecorder, timer, UNCHANGED_LIMITS } from "../standing-up/cycle.ts";
import { MEMORY, PulumiTool } from "../standing-up/pulumiTool.ts";

/** How long it takes from an empty compartment of the lab's cloud to instances whose overlay passes traffic. */

const SIZES = [8, 32];
/** A round takes a minute with eight hosts, and four with 32. */
const ROUNDS = { small: 3, large: 1 };

const OVERLAY = "this overlay, with its instances";
const TRIVIAL = "trivial Commands and instances";
const FIRST = "first up, from nothing";
const UNCHANGED = "up without changes, of instances";
const DESTROY = "destroy, of instances";

async function run({ sizes = SIZES, rounds, deadline, progress }: BenchOptions): Promise<Report> {
  const reports: Report[] = [];
  for (const size of sizes) {
    progress(`starting a cloud for ${size} instances`);
    const report = await withCloud(`bench-cloud-${size}`, size, async (benchLab) => {
      const contenders = [overlayContender(benchLab), trivialContender(benchLab)];
      const { measurements, failures } = await runRounds(contenders, {
        rounds: rounds ?? (size > 8 ? ROUNDS.large : ROUNDS.small),
        deadline,
        progress,
      });
      return {
        notes: [`from nothing: ${benchLab.engine.description}`],
        measurements,
        failures,
        comparisons: compare(measurements, size),
        plots: [],
      };
    });
    reports.push(report);
  }
  return mergeReports(reports);
}

function overlayContender(benchLab: BenchLab): Contender {
  const overlay = new PulumiTool(OVERLAY, benchLab);
  return contender(overlay, benchLab, () => refuseSilence(benchLab));
}

/** A program with as many instances, and as many Commands on them, which do nothing. */
function trivialContender(benchLab: BenchLab): Contender {
  return contender(
    new PulumiTool(TRIVIAL, benchLab, "bench/from-nothing/programs/trivialInstances.ts"),
    benchLab,
  );
}

function contender(tool: PulumiTool, { hosts }: BenchLab, check?: () => Promise<void>): Contender {
  return {
    name: tool.name,
    size: hosts.length,
    run: async (record, round) => {
      const time = timer(record);
      try {
        await time(FIRST, () => tool.apply(hosts, VNI));
        await check?.();
        await time(UNCHANGED, () => tool.apply(hosts, VNI));
        tool.recordState(hosts.length, record);
        if (round > 0) return;
        await tool.recordMemory(hosts, VNI, record);
        await tool.apply(hosts, VNI, [], phaseRecorder(record, UNCHANGED));
      } finally {
        await time(DESTROY, () => tool.remove(hosts));
      }
    },
  };
}

/** @throws Error where a host has no answer over the overlay from the next one, or from the one across the fleet */
async function refuseSilence({ lab, hosts }: BenchLab): Promise<void> {
  await onEach(hosts, async ({ name }) => {
    const own = hosts.findIndex((host) => host.name === name);
    for (const distance of [1, Math.ceil(hosts.length / 2)]) {
      const { overlay } = hosts[(own + distance) % hosts.length] as FleetHost;
      await runAsRoot(lab, name, `ping -n -q -c 3 -i 0.2 -W 2 ${overlay} >/dev/null`).catch(() => {
        throw new Error(`${name} has no answer over the overlay from ${overlay}`);
      });
    }
  });
}

function compare(measurements: readonly Measurement[], size: number): Comparison[] {
  const samples = (contender: string, operation: string) =>
    samplesOf(measurements, contender, operation, size);
  const unchanged = samples(OVERLAY, UNCHANGED);
  const limit = UNCHANGED_LIMITS[size];
  const comparisons: Comparison[] = [
    {
      title: `N = ${size}: ${FIRST} / ${TRIVIAL}`,
      samples: samples(OVERLAY, FIRST),
      reference: samples(TRIVIAL, FIRST),
    },
    {
      title: `N = ${size}: ${UNCHANGED} / ${TRIVIAL}`,
      samples: unchanged,
      reference: samples(TRIVIAL, UNCHANGED),
      goal: { atMost: 1.5 },
    },
  ];
  if (limit !== undefined)
    comparisons.push({
      title: `N = ${size}: ${UNCHANGED} / ${limit} s`,
      samples: unchanged,
      reference: limit,
      goal: { atMost: 1 },
    });
  if (size === 100)
    comparisons.push({
      title: `N = ${size}: ${MEMORY} / 1 GB`,
      samples: samples(OVERLAY, MEMORY),
      reference: 1e9,
      goal: { atMost: 1 },
    });
  return comparisons;
}

export const fromNothing: Bench = {
  title: "instances of the lab's cloud and their overlay, beside as many trivial ones",
  minutes: 7,
  run,
};
