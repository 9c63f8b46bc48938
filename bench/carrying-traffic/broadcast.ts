import { join } from "node:path";
import { DEVICE, NIC, VNI } from "../fleet.ts";
import type { BenchOptions } from "../frame/bench.ts";
import type { Comparison, Report } from "../frame/measurement.ts";
import { runRounds, samplesOf } from "../frame/rounds.ts";
import type { Contender } from "../frame/rounds.ts";
import { onEach, withFleet } from "../standing-up/benchLab.ts";
import { PulumiTool } from "../standing-up/pulumiTool.ts";
import { OVERLAY, UNDERLAY } from "./networks/kernel.ts";
import { TrafficLab } from "./trafficLab.ts";

/**
 * Broadcasts to 16 hosts. The sender's kernel makes a copy for each peer (head-end replication), beside a program that
 * sends each host a datagram of its own over the underlay.
 */

const RECEIVERS = 16;
const MTU = 9_000;
const SECONDS = 2;
const BROADCAST = "192.168.255.255";
const ARRIVED = `broadcast to ${RECEIVERS} hosts, 64 bytes: copies that arrive`;
const LOST = `broadcast to ${RECEIVERS} hosts, 64 bytes: copies lost`;
const SENDER = join(import.meta.dirname, "send_datagrams.py");

/** How one of the two sends: to which addresses, and over which device its copies arrive. */
interface Sending {
  name: string;
  addresses: readonly string[];
  device: string;
  /** Copies of each datagram. */
  copies: number;
}

export async function measureBroadcasts(
  rounds: number,
  { deadline, progress }: Pick<BenchOptions, "deadline" | "progress">,
): Promise<Report> {
  progress(`booting ${RECEIVERS + 1} hosts`);
  return withFleet("bench-broadcast", RECEIVERS, async (benchLab) => {
    const lab = new TrafficLab(benchLab, MTU);
    const sender = benchLab.joining.name;
    await lab.prepare();
    await new PulumiTool(OVERLAY, benchLab).apply([...benchLab.hosts, benchLab.joining], VNI);
    const underlays = benchLab.hosts.map(({ underlay }) => underlay);
    const contenders = [
      { name: OVERLAY, addresses: [BROADCAST], device: DEVICE, copies: RECEIVERS },
      { name: UNDERLAY, addresses: underlays, device: NIC, copies: 1 },
    ].map((sending) => contender(lab, sender, sending));
    const { measurements, failures } = await runRounds(contenders, { rounds, deadline, progress });
    const samples = (name: string) => samplesOf(measurements, name, ARRIVED, RECEIVERS);
    const comparison: Comparison = {
      title: `N = ${RECEIVERS}: ${ARRIVED} / one datagram a host over the ${UNDERLAY}`,
      samples: samples(OVERLAY),
      reference: samples(UNDERLAY),
    };
    return { notes: [], measurements, failures, comparisons: [comparison], plots: [] };
  });
}

function contender(lab: TrafficLab, sender: string, { name, addresses, device, copies }: Sending): Contender {
  return {
    name,
    size: RECEIVERS,
    task: "broadcast",
    run: async (record) => {
      const before = await receivedFrames(lab, device);
      const argv = ["python3", SENDER, `${SECONDS}`, ...addresses];
      const sent = Number(await lab.runIn(sender, argv)) * copies;
      const arrived = (await receivedFrames(lab, device)) - before;
      record(ARRIVED, arrived / SECONDS, "packets/s");
      record(LOST, (100 * (sent - arrived)) / sent, "%");
    },
  };
}

/** Frames that the device has received, on all hosts together. */
async function receivedFrames(lab: TrafficLab, device: string): Promise<number> {
  const counts = await onEach([...lab.hosts], async ({ name }) => {
    const text = await lab.runIn(name, ["ip", "-json", "-statistics", "link", "show", device]);
    const [link] = JSON.parse(text) as [LinkStatistics];
    return link.stats64.rx.packets;
  });
  return counts.reduce((total, count) => total + count, 0);
}

/** What ip prints about a device. */
interface LinkStatistics {
  stats64: { rx: { packets: number } };
}
