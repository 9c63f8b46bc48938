import type { FailedProbe } from "../connectivityTest/failedProbe.ts";
import { End, likelyFinding, packets, possibleFinding, provenFinding } from "./end.ts";
import type { DiagnosisSettings, EvidencePair, Finding } from "./end.ts";

/** Counters that rise only where packets are discarded. */
export function counterFindings(end: End, settings: DiagnosisSettings): Finding[] {
  return [
    ...checksumFindings(end, settings),
    ...reversePathFindings(end, settings),
    ...discardFindings(end, settings),
  ];
}

/** Hosts whose NIC sends wrong checksums. Each has the peer that discarded packets while the probe was repeated. */
export type ChecksumSenders = ReadonlyMap<string, string>;

/**
 * Who sent wrong checksums, where a probe by TCP failed. ICMP that fills the MTU has passed before it, so the path is
 * good. Where the NIC leaves an inner checksum wrong, that of the outer UDP header does not match either, and the peer
 * counts the packet there; only without outer checksums it counts it for TCP.
 */
export function checksumSenders(probe: FailedProbe, from: EvidencePair, to: EvidencePair): ChecksumSenders {
  if (probe.probe === "icmp") return new Map();
  const ends = [
    new End(probe.from, probe.fromUnderlay, probe.to, probe.toUnderlay, from),
    new End(probe.to, probe.toUnderlay, probe.from, probe.fromUnderlay, to),
  ];
  const receivers = ends.filter((end) => end.rise("Tcp.InCsumErrors") + end.rise("Udp.InCsumErrors") > 0);
  return new Map(receivers.map(({ name, peer }) => [peer, name]));
}

function checksumFindings(end: End, { device }: DiagnosisSettings): Finding[] {
  const { name, peer } = end;
  const command = `set overlay.checksumOffload to off, or until the device is made again: on ${peer}: sudo ethtool -K ${device} tx-checksum-ip-generic off`;
  return ["Udp", "Tcp", "Icmp"].flatMap((protocol) => {
    const count = end.rise(`${protocol}.InCsumErrors`);
    if (count === 0) return [];
    return [
      provenFinding(
        `${name} discarded ${packets(count)} of ${protocol.toUpperCase()} with a wrong checksum, as the NIC of ${peer} leaves them where it cannot compute them inside VXLAN: ${command}.`,
      ),
    ];
  });
}

/** The kernel drops packets whose answers would leave by another interface, where rp_filter is 1. */
function reversePathFindings(end: End, { device }: DiagnosisSettings): Finding[] {
  const count = end.rise("TcpExt.IPReversePathFilter");
  if (count === 0) return [];
  const interfaces = { device, nic: end.value("nic.name") ?? "" };
  return Object.entries(interfaces).flatMap(([key, name]) => {
    const filters = ["rp-filter.all", `rp-filter.${key}`].map((filter) => Number(end.value(filter) ?? 0));
    if (Math.max(...filters) !== 1) return [];
    const command = `sudo sysctl -w net.ipv4.conf.all.rp_filter=2 net.ipv4.conf.${name}.rp_filter=2`;
    return [
      likelyFinding(
        `${end.name} discarded ${packets(count)} because the way back to their source leaves by another interface, and rp_filter of ${name} is strict: ${command}.`,
      ),
    ];
  });
}

function discardFindings(end: End, { device }: DiagnosisSettings): Finding[] {
  const { name, restoreAdvice } = end;
  const findings: Finding[] = [];
  const unclaimedCount = end.rise("Udp.NoPorts");
  if (unclaimedCount > 0 && end.value("device.state") !== "up")
    findings.push(
      likelyFinding(
        `${name}: ${packets(unclaimedCount)} of UDP came to a port at which nothing listens: ${restoreAdvice}.`,
      ),
    );
  const discardedCount = end.rise("device.rx_errors") + end.rise("device.rx_dropped");
  if (discardedCount > 0)
    findings.push(
      possibleFinding(
        `${name}: ${device} discarded ${packets(discardedCount)} that arrived: ip -s -s link show dev ${device}.`,
      ),
    );
  return findings;
}
