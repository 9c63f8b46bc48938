import { readFileSync } from "node:fs";
import { canonical } from "../addresses.ts";
import type { FailedProbe } from "./failedProbe.ts";
import type { HostSettings, OverlaySettings } from "../settings.ts";

/**
 * The connectivity test, as far as it is pure: which host probes which peers, what it is sent for that, and what it
 * answered. Nothing is installed on a host for it.
 */

/** Whether, and how, an overlay is tested. */
export interface VerifySettings {
  /** Default true. */
  verify?: boolean;
  /** TCP port of the peers' sshd on the overlay. Default: the port that each peer's SSH connection uses. */
  verifyPort?: number;
}

/** One host as the probes need it. */
export interface ProbedHost extends HostSettings {
  name: string;
  /** TCP port on which its sshd listens. */
  sshPort: number;
}

/** Seconds after which the remote side is ended; the script itself gives up before, and says on whom. */
export const PROBE_LIMIT = 50;

/** Bytes that one peer of each host sends by TCP: enough to fill windows of full-sized segments, as a broken checksum
 * offload lets the banner of an sshd through and stops what is larger. */
export const TRANSFER_BYTES = 256 * 1024;

/** The command that `probeInput` is for. */
export const PROBE_COMMAND = `timeout -k 5 ${PROBE_LIMIT} bash -s # probes the peers over the overlay`;

let script: string | undefined;

function probeScript(): string {
  script ??= readFileSync(new URL("../host/probe.sh", import.meta.url), "utf8");
  return script;
}

/**
 * What `PROBE_COMMAND` reads: the script, and the peers behind it. Ends in a line that tells whether it came whole.
 *
 * @param tries `many`: what does not answer is probed again for some seconds; `one`: it is not
 */
export function probeInput(
  overlay: OverlaySettings,
  settings: VerifySettings,
  peers: readonly Omit<ProbedHost, "underlayAddress">[],
  mtu: number,
  tries: "many" | "one" = "many",
): string {
  const targets = peers.flatMap(({ name, overlayAddresses, sshPort }) => {
    const port = testsTcp(overlay) ? (settings.verifyPort ?? sshPort) : "-";
    return overlayAddresses.map((address) => `target ${name} ${canonical(address)} ${port}`);
  });
  return [probeScript(), `mtu ${mtu}`, `tries ${tries}`, ...targets, "end", ""].join("\n");
}

/**
 * Whether TCP must pass. Where the overlay's traffic is not let through the hosts' firewalls by this program, it
 * is their administrators' to say whether TCP is let in, so nothing is asked of it; ICMP still has to come back,
 * or be refused explicitly, which shows the path there and back as well.
 */
export function testsTcp(overlay: Pick<OverlaySettings, "overlayIngress" | "hostFirewall">): boolean {
  return overlay.overlayIngress === "all" && overlay.hostFirewall === "manage";
}

/** What one host's probes showed. */
export interface ProbeReport {
  /** When they ended, by the clock of the host: ISO 8601 in UTC. */
  time: string;
  /** How many overlay addresses of peers were probed. */
  targets: number;
  failures: FailedProbe[];
}

const FAILURE = /^oci-vxlan probe (\S+) (\S+) (icmp|tcp|any)(?::(\d+))? (\S+)$/;
const SUMMARY = /^oci-vxlan probed time=(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ) targets=(\d+)$/;

/**
 * Reads what the script printed.
 *
 * @throws Error when the output does not say that all were probed
 */
export function parseProbeReport(
  host: ProbedHost,
  peers: readonly ProbedHost[],
  stdout: string,
): ProbeReport {
  const lines = stdout.split("\n").map((line) => line.trim());
  const summary = lines.map((line) => SUMMARY.exec(line)).find((match) => match !== null);
  if (!summary) {
    throw new Error(
      `expected a line "oci-vxlan probed time=… targets=…" from its probes, got ${JSON.stringify(stdout.slice(0, 200))}. ` +
        "Make sure that nothing on the host replaces bash for this user",
    );
  }
  const failures = lines.flatMap((line): FailedProbe[] => {
    const match = FAILURE.exec(line);
    const peer = peers.find(({ name }) => name === match?.[1]);
    if (!match || !peer) return [];
    const [, to = "", address = "", probe, number, answer = ""] = match;
    return [
      {
        from: host.name,
        to,
        fromUnderlay: host.underlayAddress,
        toUnderlay: peer.underlayAddress,
        address,
        probe: probe === "tcp" ? "tcp" : "icmp",
        ...(probe === "icmp" ? { size: Number(number) } : {}),
        ...(probe === "tcp" ? { port: Number(number) } : {}),
        answer,
      },
    ];
  });
  const [, time = "", targets = ""] = summary;
  return { time, targets: Number(targets), failures };
}
