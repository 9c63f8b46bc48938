import { readFileSync } from "node:fs";
import { canonical } from "./addresses.ts";
import type { Problem } from "./validate.ts";
import type { HostSettings, OverlaySettings } from "./settings.ts";

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

/** A probe that stayed without the answer that it should have had. */
export interface FailedProbe {
  from: string;
  to: string;
  fromUnderlay: string;
  toUnderlay: string;
  /** The peer's overlay address. */
  address: string;
  probe: "icmp" | "tcp" | "transfer";
  /** Bytes of an ICMP echo's payload. */
  size?: number;
  /** TCP port. */
  port?: number;
  /** How it ended, in the words of probe.sh; of a transfer, as a sentence. */
  answer: string;
}

/** What the whole fleet's probes have shown to pass, and when. */
export interface LastVerified {
  /** The earliest of the hosts' times, since all of it has passed since then: ISO 8601 in UTC. */
  time: string;
  /** What was seen to pass, in words. */
  what: string;
}

/** Seconds after which the remote side is ended; the script itself gives up before, and says on whom. */
export const PROBE_LIMIT = 50;

/** Peers that one host probes in one run. In larger fleets each run takes the next ones. */
export const PEERS_A_RUN = 16;

/** Bytes that one peer of each host sends by TCP: enough to fill windows of full-sized segments, as a broken checksum
 * offload lets the banner of an sshd through and stops what is larger. */
export const TRANSFER_BYTES = 256 * 1024;

/** IPv6 has a header of 40 bytes, IPv4 one of 20, ICMP one of 8. */
const HEADERS = { 4: 28, 6: 48 } as const;

/** The command that `probeInput` is for. */
export const PROBE_COMMAND = `timeout -k 5 ${PROBE_LIMIT} bash -s # probes the peers over the overlay`;

let script: string | undefined;

function probeScript(): string {
  script ??= readFileSync(new URL("./host/probe.sh", import.meta.url), "utf8");
  return script;
}

/**
 * The peers that a host probes in this run: the ones that follow it in the ring of all names, so that every host is
 * probed by as many as it probes itself.
 *
 * @param names of all hosts that are up
 * @param turn counts the runs: after `(names - 1) / PEERS_A_RUN` of them every pair has been probed
 */
export function choosePeers(names: readonly string[], name: string, turn: number): string[] {
  const ring = [...names].sort();
  const own = ring.indexOf(name);
  const peers = [...ring.slice(own + 1), ...ring.slice(0, own)];
  if (peers.length <= PEERS_A_RUN) return peers;
  const first = (turn * PEERS_A_RUN) % peers.length;
  return [...peers.slice(first), ...peers.slice(0, first)].slice(0, PEERS_A_RUN);
}

/** The host next to it in the ring, which sends a host the bytes of `TRANSFER_BYTES`. */
export function transferPeer(names: readonly string[], name: string): string | undefined {
  return choosePeers(names, name, 0)[0];
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

/** One failed probe in words: the pair, by which addresses, and what was seen. */
export function describeFailure(failure: FailedProbe): string {
  const { from, to, address, fromUnderlay, toUnderlay } = failure;
  return `${from} -> ${to} (${address}, by ${fromUnderlay} -> ${toUnderlay}): ${describeAnswer(failure)}`;
}

function describeAnswer({ probe, size, port, answer }: FailedProbe): string {
  if (probe === "transfer") {
    return `TCP to port ${port} answers, and a transfer of ${TRANSFER_BYTES / 1024} KiB does not arrive: ${answer}`;
  }
  const subject = probe === "tcp" ? `TCP to port ${port}` : `ICMP of ${size} bytes`;
  switch (answer) {
    case "silent":
      return `${subject} timed out`;
    case "only-small":
      return `${subject} timed out, while a small one is answered`;
    case "too-long":
      return `${subject} is too long for this host's device or a hop behind it`;
    case "prohibited":
      return `${subject} was refused by a firewall`;
    case "refused":
      return `${subject} was refused`;
    case "unreachable":
      return `${subject} found its destination unreachable`;
    case "not-permitted":
      return `${subject} may not be sent from this host`;
    case "no-banner":
      return `${subject} connected, and no SSH banner came`;
    case "late":
      return "not probed, since the others took too long";
    default:
      return `${subject} ended as ${answer}`;
  }
}

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

/** What is wrong with the settings. */
export function validateVerify({ verifyPort }: VerifySettings, at: (key: string) => string): Problem[] {
  if (verifyPort === undefined || (Number.isInteger(verifyPort) && verifyPort >= 1 && verifyPort <= 65535)) {
    return [];
  }
  return [
    {
      path: at("verifyPort"),
      message: `${verifyPort} is no TCP port: use the one that the hosts' sshd listens on, from 1 to 65535.`,
    },
  ];
}
