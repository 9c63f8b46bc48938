import { readFileSync } from "node:fs";
import type { Recorder } from "../frame/rounds.ts";
import { percentile } from "../frame/statistics.ts";
import type { Network } from "./network.ts";
import { figuresOfTcp, receivedDatagrams, timesOfPing } from "./toolOutput.ts";
import type { TrafficLab } from "./trafficLab.ts";

/** Traffic over a network: the first host sends to the second, and the third to the fourth, and so on. */

/** What is measured, by the name in the table. */
export const TRAFFIC = {
  oneStream: "TCP, one stream",
  eightStreams: "TCP, eight streams",
  cpu: "CPU a gigabit, TCP, one stream",
  smallPackets: "UDP, 64 bytes",
  largePackets: "UDP, full size",
  rttMedian: "RTT, p50",
  rttHigh: "RTT, p99",
} as const;

const TCP_SECONDS = 2;
const UDP_SECONDS = 1;
const PINGS = 500;
/** Headers of IPv4 and UDP. */
const UDP_HEADERS = 28;
/** A run of iperf3 that hangs is ended after this many milliseconds. */
const LIMIT = 20_000;

/** Starts what receives: one iperf3 a host that nobody sends from. */
export function startReceivers(lab: TrafficLab): void {
  for (const { name } of lab.hosts.filter((_, index) => index % 2 === 1))
    lab.start(name, ["iperf3", "--server"]);
}

/** Measures all of it, and records each figure as it comes. */
export async function measureTraffic(lab: TrafficLab, network: Network, record: Recorder): Promise<void> {
  const suffix = `, MTU ${lab.mtu}`;
  const iperf = (...args: string[]) =>
    Promise.all(
      lab.hosts
        .filter((_, index) => index % 2 === 0)
        .map(({ name }, pair) =>
          lab.runIn(
            name,
            ["iperf3", "--json", "--client", network.address(lab, 2 * pair + 1), ...args],
            LIMIT,
          ),
        ),
    );
  const tcp = async (streams: number) =>
    sum((await iperf("--time", `${TCP_SECONDS}`, "--parallel", `${streams}`)).map(figuresOfTcp));
  const received = async () => {
    const receivers = lab.hosts.filter((_, index) => index % 2 === 1);
    const texts = receivers.map(({ name }) => lab.runIn(name, ["cat", "/proc/net/snmp"]));
    return sum((await Promise.all(texts)).map(receivedDatagrams));
  };
  const udp = async (bytes: number) => {
    const before = await received();
    await iperf("--udp", "--bitrate", "0", "--length", `${bytes}`, "--time", `${UDP_SECONDS}`);
    return ((await received()) - before) / UDP_SECONDS;
  };

  const cpu = busySeconds();
  const oneStream = await tcp(1);
  record(TRAFFIC.oneStream + suffix, oneStream, "Gbit/s");
  record(TRAFFIC.cpu + suffix, (busySeconds() - cpu) / (oneStream * TCP_SECONDS), "s");
  record(TRAFFIC.eightStreams + suffix, await tcp(8), "Gbit/s");
  record(TRAFFIC.smallPackets + suffix, await udp(64), "packets/s");
  record(TRAFFIC.largePackets + suffix, await udp(network.mtu(lab.mtu) - UDP_HEADERS), "packets/s");
  const [from] = lab.hosts;
  const options = ["-i", "0.002", "-c", `${PINGS}`];
  const times = timesOfPing(await lab.ping(from?.name ?? "", network.address(lab, 1), ...options));
  record(TRAFFIC.rttMedian + suffix, percentile(times, 0.5), "ms");
  record(TRAFFIC.rttHigh + suffix, percentile(times, 0.99), "ms");
}

const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);

/** Seconds that all processors of this machine have been busy: both hosts, the router and whatever else runs. */
function busySeconds(): number {
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0] = (
    readFileSync("/proc/stat", "utf8").split("\n")[0] ?? ""
  )
    .split(/\s+/)
    .slice(1)
    .map(Number);
  return (user + nice + system + irq + softirq) / 100;
}
