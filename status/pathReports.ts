import type { HostSession, TestedHost } from "../components/hostProbes.ts";
import { canonical } from "../components/vxlan/addresses.ts";
import { describeFailure } from "../components/vxlan/connectivityTest/failedProbe.ts";
import type { FailedProbe } from "../components/vxlan/connectivityTest/failedProbe.ts";
import { testsTcp } from "../components/vxlan/connectivityTest/probe.ts";
import type { ProbeReport } from "../components/vxlan/connectivityTest/probe.ts";
import { icmpBytes } from "../components/vxlan/connectivityTest/lastVerified.ts";
import type { PathReport } from "./report.ts";
import type { StackOverlay } from "./stackHosts.ts";

/** Echoes to each address. */
export const ECHOES = 5;

/** Lost echoes from which on a path is wrong. A single one may be lost anywhere. */
const LOST_ECHOES = 2;

/** One host's probes: which peers it was to probe, and its report; undefined where it could not be asked. */
export interface HostProbes {
  host: TestedHost;
  peers: readonly TestedHost[];
  /** Names of those of them to which it was to test TCP as well. */
  tcpPeers: readonly string[];
  session?: HostSession;
  report?: ProbeReport;
  /** The transfer that it was sent; undefined where none was tested. */
  transfer?: { from: string; failure?: FailedProbe };
}

/**
 * The paths of one host in the report.
 *
 * @param failures of all hosts that failed again when they were repeated
 */
export function pathReports(
  overlay: StackOverlay,
  { host, peers, tcpPeers, report, transfer }: HostProbes,
  failures: readonly FailedProbe[],
): PathReport[] {
  const ends = peers.flatMap((peer) =>
    peer.overlayAddresses.map((address, index) => {
      const isSender = index === 0 && peer.name === transfer?.from;
      return { to: peer.name, address: canonical(address), isSender };
    }),
  );
  return ends.map(({ to, address, isSender }): PathReport => {
    const path = { from: host.name, to, address };
    if (!report) return { ...path, state: "unknown", tcp: "not tested" };
    const isOf = (end: { to: string; address: string }) => end.to === to && end.address === address;
    const failure = failures.find((each) => each.from === host.name && isOf(each));
    const echoes = report.echoes.find(isOf);
    const loses = echoes !== undefined && echoes.sent - echoes.received >= LOST_ECHOES;
    return {
      ...path,
      state: failure ? "fails" : loses ? "loses" : "passes",
      icmpBytes: icmpBytes(overlay.mtu, address),
      sent: echoes?.sent,
      received: echoes?.received,
      milliseconds: echoes?.milliseconds,
      tcp: tcpOf(overlay, failure, tcpPeers.includes(to)),
      transfer: isSender ? (failure ? "fails" : "passes") : undefined,
      problem: failure
        ? describeFailure(failure)
        : loses
          ? `${host.name} -> ${to} (${address}): ${echoes.sent - echoes.received} of ${echoes.sent} echoes were lost`
          : undefined,
    };
  });
}

/**
 * A failed echo ends the probes of an address before TCP.
 *
 * @param isTested whether TCP was tested where the echoes passed
 */
function tcpOf(
  { settings }: StackOverlay,
  failure: FailedProbe | undefined,
  isTested: boolean,
): PathReport["tcp"] {
  if (!testsTcp(settings)) return "not tested";
  if (!failure) return isTested ? "passes" : "not tested";
  return failure.probe === "icmp" ? "not tested" : "fails";
}
