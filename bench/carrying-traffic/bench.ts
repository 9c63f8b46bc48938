import type { Bench, BenchOptions } from "../frame/bench.ts";
import { mergeReports } from "../frame/measurement.ts";
import type { Comparison, Failure, Measurement, Plot, Report } from "../frame/measurement.ts";
import { highestOf, runRounds, samplesOf } from "../frame/rounds.ts";
import { withFleet } from "../standing-up/benchLab.ts";
import type { BenchLab } from "../standing-up/benchLab.ts";
import { until } from "../../lab/system/commands.ts";
import { measureBroadcasts } from "./broadcast.ts";
import type { Network } from "./network.ts";
import { HAND_TYPED, KERNEL_NETWORKS, OVERLAY, UNDERLAY } from "./networks/kernel.ts";
import { n2n } from "./networks/n2n.ts";
import { nebula } from "./networks/nebula.ts";
import { openvpn } from "./networks/openvpn.ts";
import { tinc } from "./networks/tinc.ts";
import { wireguardGo } from "./networks/wireguard.ts";
import { measureTraffic, startReceivers, TRAFFIC } from "./traffic.ts";
import { TrafficLab } from "./trafficLab.ts";

/** What the overlay carries, beside what it stands on, what it replaces and its peers in userspace. */

const SIZES = [2, 4];
const MTUS = [1_500, 9_000];
/** Throughput varies more than what else is measured. */
const ROUNDS = { pair: 5, pairs: 3 };
const NETWORKS: readonly Network[] = [...KERNEL_NETWORKS, wireguardGo, nebula, tinc, openvpn, n2n];
const PEERS = NETWORKS.filter(({ isUserspacePeer }) => isUserspacePeer).map(({ name }) => name);

const NOTE =
  "carrying traffic: all hosts are on this machine and share its processors. Those in userspace encrypt, and VXLAN does not.";

async function run({ sizes = SIZES, rounds, deadline, progress }: BenchOptions): Promise<Report> {
  const reports: Report[] = [];
  for (const size of sizes) {
    if (size % 2 === 1) throw new Error(`--sizes ${size}: use even numbers, since hosts send in pairs`);
    progress(`booting ${size} hosts`);
    const report = await withFleet(`bench-traffic-${size}`, size, async (benchLab) => {
      const parts: Report[] = [];
      const options = { rounds: rounds ?? (size > 2 ? ROUNDS.pairs : ROUNDS.pair), deadline, progress };
      for (const mtu of MTUS) parts.push(await measureMtu(benchLab, mtu, options));
      return mergeReports(parts);
    });
    reports.push(report);
  }
  reports.push(await measureBroadcasts(rounds ?? ROUNDS.pairs, { deadline, progress }));
  const report = mergeReports(reports);
  return { ...report, plots: MTUS.flatMap((mtu) => plots(report.measurements, mtu)) };
}

/** Sets all networks up side by side, so that they can take turns, and removes them. */
async function measureMtu(
  benchLab: BenchLab,
  mtu: number,
  options: Parameters<typeof runRounds>[1],
): Promise<Report> {
  const lab = new TrafficLab(benchLab, mtu);
  const size = benchLab.hosts.length;
  await lab.prepare();
  const started: Network[] = [];
  const failures: Failure[] = [];
  try {
    startReceivers(lab);
    for (const network of NETWORKS) {
      options.progress(`MTU ${mtu}: ${network.name} starts`);
      try {
        await start(lab, network);
        started.push(network);
      } catch (error) {
        await network.stop?.(lab).catch(() => undefined);
        const message = `MTU ${mtu}: ${(error as Error).message}`;
        failures.push({ contender: `${network.name}, N = ${size}`, round: 0, message });
      }
    }
    const contenders = started.map((network) => ({
      name: network.name,
      size,
      run: (record: Parameters<typeof measureTraffic>[2]) => measureTraffic(lab, network, record),
    }));
    const result = await runRounds(contenders, options);
    return {
      notes: [NOTE],
      measurements: result.measurements,
      failures: [...failures, ...result.failures],
      comparisons: compare(result.measurements, size, mtu),
      plots: [],
    };
  } finally {
    await lab.stopProcesses();
    for (const network of started) await network.stop?.(lab);
  }
}

/** Waits until packets pass between each pair. */
async function start(lab: TrafficLab, network: Network): Promise<void> {
  await network.start(lab);
  for (const [index, { name }] of lab.hosts.entries()) {
    if (index % 2 === 1) continue;
    const address = network.address(lab, index + 1);
    await until(
      `an answer from ${address} to ${name}`,
      20_000,
      async () => (await lab.ping(name, address, "-c", "1")) !== "",
    );
  }
}

function compare(measurements: readonly Measurement[], size: number, mtu: number): Comparison[] {
  return [TRAFFIC.oneStream, TRAFFIC.eightStreams].flatMap((traffic): Comparison[] => {
    const operation = `${traffic}, MTU ${mtu}`;
    const of = (contender: string) => samplesOf(measurements, contender, operation, size);
    const title = (other: string) => `N = ${size}: ${operation} / ${other}`;
    return [
      { title: title(HAND_TYPED), samples: of(OVERLAY), reference: of(HAND_TYPED), goal: { atLeast: 1 } },
      {
        title: title("best userspace peer, which encrypts"),
        samples: of(OVERLAY),
        reference: highestOf(PEERS.map(of)),
        goal: { atLeast: 3 },
      },
      { title: title(UNDERLAY), samples: of(OVERLAY), reference: of(UNDERLAY) },
    ];
  });
}

function plots(measurements: readonly Measurement[], mtu: number): Plot[] {
  const operation = `${TRAFFIC.oneStream}, MTU ${mtu}`;
  return [
    {
      name: `carrying-traffic-${mtu}`,
      title: operation,
      measurements: measurements.filter((each) => each.operation === operation),
      xTitle: "hosts",
      yTitle: "Gbit/s",
    },
  ];
}

export const carryingTraffic: Bench = {
  title: "TCP, UDP and RTT, beside hand-typed VXLAN, the underlay, and others, which encrypt",
  minutes: 22,
  run,
};
