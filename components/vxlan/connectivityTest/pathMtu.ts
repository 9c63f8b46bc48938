import { readHostText } from "../hostText.ts";
import { parseCidr } from "../addresses.ts";
import { SMALLEST_MTU, VXLAN_OVERHEAD } from "../mtu.ts";
import { asRoot } from "../phases/phase.ts";
import type { Mesh, Peer } from "../plan.ts";
import { choosePeers } from "./peerChoice.ts";

/** Seconds after which the command is ended on the host. The script gives up earlier. */
export const PATH_LIMIT = 40;

/** The command that measures paths; `pathInput` is its standard input. Nothing is installed on the host for it. */
export const PATH_COMMAND = asRoot(PATH_LIMIT, "bash -s", "measures what the underlay carries to the peers");

/** Between which hosts a path of the underlay carries how much. */
export interface Path {
  from: Peer;
  to: Peer;
  /** Bytes of the largest packet that passes unfragmented. */
  bytes: number;
}

/** The peers to which one host measures the path: as many as one run of the connectivity test probes. */
export function measuredPeers({ members }: Mesh, host: string): Peer[] {
  const names = choosePeers(
    members.map(({ name }) => name),
    host,
    0,
  );
  return members.filter(({ name }) => names.includes(name));
}

let script: string | undefined;

/** The script, and below it the peers. The last line shows the script that nothing was cut off. */
export function pathInput(peers: readonly Peer[], mtu: number): string {
  script ??= readHostText(new URL("../host/sent/path-mtu.sh", import.meta.url));
  const targets = peers.map(({ name, underlayAddress }) => `peer ${name} ${underlayAddress}`);
  return [script, `bytes ${mtu + VXLAN_OVERHEAD}`, ...targets, "end", ""].join("\n");
}

/** Reads the paths that carry less than the overlay needs. It skips other lines, such as a login banner. */
export function parsePaths(from: Peer, peers: readonly Peer[], stdout: string): Path[] {
  return stdout.split("\n").flatMap((line) => {
    const [, name, bytes] = /^oci-vxlan path (\S+) \S+ (\d+)$/.exec(line.trim()) ?? [];
    const to = peers.find((peer) => peer.name === name);
    return to ? [{ from, to, bytes: Number(bytes) }] : [];
  });
}

/** Why paths of one host do not do for the overlay, with the line of the config that cures it. */
export function describePaths(paths: readonly Path[], mtu: number, cidrs: readonly string[]): string {
  const smallest = Math.min(...paths.map(({ bytes }) => bytes));
  const lines = paths.map(
    ({ from, to, bytes }) =>
      `the path from ${from.name} to ${to.name} (${from.underlayAddress} -> ${to.underlayAddress}) carries ${bytes} bytes unfragmented`,
  );
  const sizes = `${mtu + VXLAN_OVERHEAD}, ${mtu} and what VXLAN adds`;
  return `${lines.join(", ")}, and the overlay needs ${sizes}. ${cureOf(smallest, cidrs)}`;
}

/** @param bytes that the path carries */
function cureOf(bytes: number, cidrs: readonly string[]): string {
  const mtu = bytes - VXLAN_OVERHEAD;
  const raise = (neededText: string) =>
    `raise what the path carries${neededText} (a host remembers an old limit for ten minutes, or until "sudo ip route flush cache")`;
  const ipv6Network = cidrs.find((text) => parseCidr(text)?.family === 6);
  if (ipv6Network !== undefined && mtu < SMALLEST_MTU[6])
    return `This leaves ${mtu} bytes, and IPv6 needs ${SMALLEST_MTU[6]}: ${raise(` to ${SMALLEST_MTU[6] + VXLAN_OVERHEAD} or more`)}, or take ${ipv6Network} out of overlay.cidrs.`;
  return `Set this in the config, or ${raise("")}, then run pulumi up again:\n  overlay.mtu: ${mtu}`;
}
