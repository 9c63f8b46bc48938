import type { OverlaySettings } from "../settings.ts";
import { testsTcp } from "./probe.ts";
import type { ProbeReport } from "./probe.ts";
import { TRANSFER_KIB } from "./transfer.ts";

/** Which traffic the last connectivity test has seen to pass, and when. */
export interface LastVerified {
  /** When the first host had finished its probes, by its own clock: ISO 8601 in UTC. */
  time: string;
  /** What passed, in words. */
  what: string;
}

/** Bytes of the headers around an ICMP payload by IP version: IPv6 has 40, IPv4 20, ICMP 8. */
const HEADERS = { 4: 28, 6: 48 } as const;

/** Bytes of the largest ICMP payload that an MTU carries to an address. */
export const icmpBytes = (mtu: number, address: string) => mtu - HEADERS[address.includes(":") ? 6 : 4];

/**
 * The result of a connectivity test without failures.
 *
 * @param transfers how many hosts have received a transfer
 */
export function lastVerified(
  overlay: OverlaySettings,
  reports: readonly Pick<ProbeReport, "time" | "targets">[],
  hosts: number,
  transfers: number,
  mtu: number,
): LastVerified {
  const probedCount = reports.reduce((sum, { targets }) => sum + targets, 0);
  const all = hosts * (hosts - 1) * overlay.cidrs.length;
  const bytes = [...new Set(overlay.cidrs.map((cidr) => icmpBytes(mtu, cidr)))].join(" and ");
  const parts = [
    `ICMP of ${bytes} bytes that may not fragment`,
    ...(testsTcp(overlay) ? ["TCP to sshd with its banner read"] : []),
    ...(transfers > 0 ? [`${TRANSFER_KIB} KiB by TCP to ${transfers} of ${hosts} hosts`] : []),
  ];
  return {
    time: reports.map(({ time }) => time).sort()[0] ?? "",
    what: `${probedCount} of ${all} directions: ${parts.join(", ")}`,
  };
}
