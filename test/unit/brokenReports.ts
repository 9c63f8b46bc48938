import type { OverlayStatus, PathReport } from "../../status/report.ts";

/** Faults in a made-up report. */

const pathsBetween = ({ paths }: OverlayStatus, a: string, b: string): PathReport[] =>
  paths.filter(({ from, to }) => [a, b].includes(from) && [a, b].includes(to));

/** Lets a probe fail in both directions. */
export function breakPath(
  overlay: OverlayStatus,
  a: string,
  b: string,
  probe: "icmp" | "tcp" = "icmp",
): void {
  for (const path of pathsBetween(overlay, a, b)) {
    path.state = "fails";
    path.tcp = probe === "tcp" ? "fails" : "not tested";
    path.problem = `${path.from} -> ${path.to} (${path.address}): ${probe} fails`;
    if (probe === "icmp") delete path.milliseconds;
  }
}

/** Loses two of five echoes in one direction. */
export function losePackets(overlay: OverlayStatus, from: string, to: string): void {
  const path = overlay.paths.find((each) => each.from === from && each.to === to);
  if (path) Object.assign(path, { state: "loses", received: 3 });
}

/** A host that answers nobody. */
export function switchOff(overlay: OverlayStatus, name: string): void {
  const host = overlay.hosts.find((each) => each.name === name);
  if (host) Object.assign(host, { state: "unreachable", problems: [`${name}: no SSH session.`] });
  for (const path of overlay.paths) {
    if (path.from === name) Object.assign(path, { state: "unknown", milliseconds: undefined });
    if (path.to === name)
      Object.assign(path, { state: "fails", milliseconds: undefined, problem: "no echo" });
  }
}
