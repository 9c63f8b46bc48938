import type { OverlaySettings } from "../settings.ts";
import { TRANSFER_BYTES, testsTcp } from "./probe.ts";
import type { ProbeReport } from "./probe.ts";

/** What the whole fleet's probes have shown to pass, and when. */
export interface LastVerified {
  /** The earliest of the hosts' times, since all of it has passed since then: ISO 8601 in UTC. */
  time: string;
  /** What was seen to pass, in words. */
  what: string;
}

/** IPv6 has a header of 40 bytes, IPv4 one of 20, ICMP one of 8. */
const HEADERS = { 4: 28, 6: 48 } as const;

/** The outcome of a whole overlay in which all that was probed passed. */
export function lastVerified(
  overlay: OverlaySettings,
  reports: readonly Pick<ProbeReport, "time" | "targets">[],
  hosts: number,
  transfers: number,
  mtu: number,
): LastVerified {
  const probed = reports.reduce((sum, { targets }) => sum + targets, 0);
  const all = hosts * (hosts - 1) * overlay.cidrs.length;
  const families = [...new Set(overlay.cidrs.map((cidr) => (cidr.includes(":") ? 6 : 4)))];
  const bytes = families.map((family) => mtu - HEADERS[family]).join(" and ");
  const parts = [
    `ICMP of ${bytes} bytes that may not fragment`,
    ...(testsTcp(overlay) ? ["TCP to sshd with its banner read"] : []),
    ...(transfers > 0 ? [`${TRANSFER_BYTES / 1024} KiB by TCP to ${transfers} of ${hosts} hosts`] : []),
  ];
  return {
    time: reports.map(({ time }) => time).sort()[0] ?? "",
    what: `${probed} of ${all} directions: ${parts.join(", ")}`,
  };
}
