import { likely, packets, possible, proven } from "./end.ts";
import type { DiagnosisSettings, End, Finding } from "./end.ts";

/** Counters that rise only where packets are discarded. */
export function counterFindings(end: End, { device }: DiagnosisSettings): Finding[] {
  const { name, peer } = end;
  const findings: Finding[] = [];
  for (const kind of ["Udp", "Tcp", "Icmp"]) {
    const wrong = end.rise(`${kind}.InCsumErrors`);
    const command = `on ${peer}: sudo ethtool -K ${device} tx-checksum-ip-generic off`;
    if (wrong > 0)
      findings.push(
        proven(
          `${name} discarded ${packets(wrong)} of ${kind.toUpperCase()} with a wrong checksum, as the NIC of ${peer} leaves them where it cannot compute them inside VXLAN: ${command}.`,
        ),
      );
  }
  const reversed = end.rise("TcpExt.IPReversePathFilter");
  const interfaces = { device, nic: end.value("nic.name") ?? "" };
  for (const key of ["device", "nic"] as const) {
    const filter = Math.max(
      Number(end.value("rp-filter.all") ?? 0),
      Number(end.value(`rp-filter.${key}`) ?? 0),
    );
    const command = `sudo sysctl -w net.ipv4.conf.all.rp_filter=2 net.ipv4.conf.${interfaces[key]}.rp_filter=2`;
    if (reversed > 0 && filter === 1)
      findings.push(
        likely(
          `${name} discarded ${packets(reversed)} because the way back to their source leaves by another interface, and rp_filter of ${interfaces[key]} is strict: ${command}.`,
        ),
      );
  }
  const unheard = end.rise("Udp.NoPorts");
  if (unheard > 0 && end.value("device.state") !== "up")
    findings.push(
      likely(`${name}: ${packets(unheard)} of UDP came to a port at which nothing listens: ${end.restore}.`),
    );
  const discarded = end.rise("device.rx_errors") + end.rise("device.rx_dropped");
  if (discarded > 0)
    findings.push(
      possible(
        `${name}: ${device} discarded ${packets(discarded)} that arrived: ip -s -s link show dev ${device}.`,
      ),
    );
  return findings;
}
