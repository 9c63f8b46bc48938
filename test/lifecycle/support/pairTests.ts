import { isIPv6 } from "node:net";
import { runInHost } from "../../../lab/hosts/exec.ts";
import type { Lab } from "../../../lab/system/lab.ts";
import { lastLine, transfer } from "./tcpTransfer.ts";

/**
 * Measurements of an overlay by the tests alone, without the product's code: a test of its connectivity test or of its
 * status must not rely on the code under test.
 */

/** A host's VTEP with one of its overlay addresses, read from the host's kernel. */
interface Vtep {
  host: string;
  device: string;
  overlay: string;
  mtu: number;
}

/** The measurements from one host to another over the overlay. */
export interface PairResult {
  from: string;
  to: string;
  /** Bytes of ICMP payload that came back unfragmented. */
  icmpBytes: number;
  /** Bytes that arrived by TCP with the right checksum. */
  tcpBytes: number;
  /** Duration of the TCP transfer. */
  milliseconds: number;
  /** Why traffic does not pass; undefined if it does. */
  failure?: string;
}

/** One MiB. */
const TRANSFER_BYTES = 1 << 20;

/** The fields used of a line of `ip -d -j link show`. */
interface Link {
  ifname: string;
  mtu: number;
}

/** A host's VTEPs, one for each address family of each overlay device. */
async function vtepsOf(lab: Lab, host: string): Promise<Vtep[]> {
  const links = JSON.parse(
    await runInHost(lab, host, ["ip", "-d", "-j", "link", "show", "type", "vxlan"]),
  ) as Link[];
  const vteps = links.map(async ({ ifname, mtu }): Promise<Vtep[]> => {
    const output = await runInHost(lab, host, [
      ...["ip", "-o", "address", "show"],
      ...["dev", ifname, "scope", "global"],
    ]);
    const overlays = [/ inet ([0-9.]+)/, / inet6 ([0-9a-f:]+)/].flatMap(
      (pattern) => pattern.exec(output)?.[1] ?? [],
    );
    return overlays.map((overlay) => ({ host, device: ifname, overlay, mtu }));
  });
  return (await Promise.all(vteps)).flat();
}

/**
 * Tests that traffic passes from one VTEP to another: by an ICMP payload of the largest size that the MTU allows
 * unfragmented, and by a TCP transfer of 1 MiB to a port that only the overlay's own firewall rule opens.
 */
async function testPair(lab: Lab, from: Vtep, to: Vtep): Promise<PairResult> {
  const result = { from: from.host, to: to.host, icmpBytes: 0, tcpBytes: 0, milliseconds: 0 };
  const payload = from.mtu - (isIPv6(to.overlay) ? 48 : 28); // IP and ICMP headers
  // Repeated for up to three seconds, as at the end of `up`, since an underlay may lose one packet.
  const ping = [
    "ping",
    "-n",
    "-c",
    "1",
    "-w",
    "3",
    "-i",
    "0.5",
    "-M",
    "do",
    "-s",
    String(payload),
    to.overlay,
  ];
  try {
    await runInHost(lab, from.host, ping);
  } catch (error) {
    return { ...result, failure: `no ICMP echo of ${payload} bytes from ${to.overlay}: ${lastLine(error)}` };
  }
  const start = performance.now();
  try {
    await transfer(lab, from.host, to.host, to.overlay, TRANSFER_BYTES);
  } catch (error) {
    return { ...result, icmpBytes: payload, failure: `TCP to ${to.overlay}: ${lastLine(error)}` };
  }
  const milliseconds = performance.now() - start;
  return { ...result, icmpBytes: payload, tcpBytes: TRANSFER_BYTES, milliseconds };
}

/**
 * Tests every ordered pair of hosts, one after the other, since parallel transfers would compete for the machine. A
 * host that does not run, or lacks a device that another one has, fails in each of its pairs.
 */
export async function testPairs(lab: Lab, hosts: readonly string[]): Promise<PairResult[]> {
  const vteps = (await Promise.all(hosts.map((host) => vtepsOf(lab, host).catch(() => [])))).flat();
  const networks = new Set(vteps.map(networkOf));
  if (networks.size === 0) networks.add("overlay");
  const hostPairs = hosts.flatMap((from) =>
    hosts.filter((to) => to !== from).map((to) => [from, to] as const),
  );
  const pairs: PairResult[] = [];
  for (const network of networks) {
    const vtepOf = (host: string) => vteps.find((vtep) => vtep.host === host && networkOf(vtep) === network);
    for (const [from, to] of hostPairs) {
      const [source, target] = [vtepOf(from), vtepOf(to)];
      const failure = `${source ? to : from} has no ${network} device`;
      pairs.push(
        source && target
          ? await testPair(lab, source, target)
          : { from, to, icmpBytes: 0, tcpBytes: 0, milliseconds: 0, failure },
      );
    }
  }
  return pairs;
}

/** The network of a VTEP, for example "vxlan0 IPv4". VTEPs of the same network reach each other. */
const networkOf = ({ device, overlay }: Vtep) => `${device} ${isIPv6(overlay) ? "IPv6" : "IPv4"}`;
