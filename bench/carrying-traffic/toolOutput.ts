/** What the tools print that measure traffic. */

interface IperfOutput {
  error?: string;
  end: {
    sum_received?: { bits_per_second: number };
  };
}

function parseIperf(json: string): IperfOutput["end"] {
  const { error, end } = JSON.parse(json) as IperfOutput;
  if (error !== undefined) throw new Error(`iperf3: ${error}`);
  return end;
}

/** Gigabits a second that the other end has received by TCP. */
export function figuresOfTcp(json: string): number {
  const received = parseIperf(json).sum_received;
  if (received === undefined) throw new Error("iperf3 printed no sum of what was received");
  return received.bits_per_second / 1e9;
}

/** UDP datagrams that programs of a host have received, from /proc/net/snmp: iperf3 counts none as all. */
export function receivedDatagrams(snmp: string): number {
  const [names = [], values = []] = snmp
    .split("\n")
    .filter((line) => line.startsWith("Udp: "))
    .map((line) => line.split(" "));
  return Number(values[names.indexOf("InDatagrams")]);
}

/** Milliseconds of each echo that was answered. */
export const timesOfPing = (text: string): number[] =>
  [...text.matchAll(/ time=([\d.]+) ms/g)].map(([, milliseconds]) => Number(milliseconds));
