import { canonical } from "../addresses.ts";
import { readHostText } from "../hostText.ts";
import { asRoot, timedOut } from "../phases/phase.ts";
import type { HostSettings, OverlaySettings } from "../settings.ts";
import type { FailedProbe } from "./failedProbe.ts";

/** One host as the probes need it. */
export interface ProbedHost extends HostSettings {
  name: string;
  /** TCP port of its sshd. */
  sshPort: number;
}

/**
 * Seconds after which the command is ended on the host. The script gives up earlier, and reports what it did not probe.
 */
export const PROBE_LIMIT = 50;

/**
 * The command that probes peers; `probeInput` is its standard input. Nothing is installed on the host for it. It runs as
 * root, since not every host lets its users ping.
 */
export const PROBE_COMMAND = asRoot(PROBE_LIMIT, "bash -s", "probes the peers over the overlay");

/** Why the command failed, as a sentence without its full stop. */
export function probeProblem(status: number | undefined, stderr: string): string {
  const output = stderr.trim().slice(-500);
  if (!timedOut(status)) return output || `its probes ended with ${status}`;
  return (
    `its probes did not end within ${PROBE_LIMIT} s. A tool that they call, such as ping, hangs, or the host is overloaded. ` +
    `On the host: ps -ef | grep ping, and uptime${output === "" ? "" : `. Their last output: ${output}`}`
  );
}

let script: string | undefined;

/** How thoroughly peers are probed. */
export interface ProbeEffort {
  /** `many` (default): a peer that does not answer is probed again for some seconds; `one`: it is not. */
  tries?: "many" | "one";
  /** Full-sized echoes to each address, whose loss and round-trip time are reported. Default: one, not reported. */
  echoes?: number;
  /** Names of the peers whose sshd is dialled. Default: all. */
  tcpPeers?: readonly string[];
}

/** The script, and below it the peers. The last line shows the script that nothing was cut off. */
export function probeInput(
  overlay: OverlaySettings,
  peers: readonly Omit<ProbedHost, "underlayAddress">[],
  mtu: number,
  { tries = "many", echoes, tcpPeers }: ProbeEffort = {},
): string {
  script ??= readHostText(new URL("../host/sent/probe.sh", import.meta.url));
  const targets = peers.flatMap(({ name, overlayAddresses, sshPort }) => {
    const dialledPort = tcpPeers?.includes(name) === false ? 0 : (overlay.verifyPort ?? sshPort);
    const port = testsTcp(overlay) ? dialledPort : "-";
    return overlayAddresses.map((address) => `target ${name} ${canonical(address)} ${port}`);
  });
  const options = [`mtu ${mtu}`, `tries ${tries}`, ...(echoes === undefined ? [] : [`echoes ${echoes}`])];
  return [script, ...options, ...targets, "end", ""].join("\n");
}

/**
 * Whether TCP has to pass: only where this program opens the hosts' firewalls for the overlay. Elsewhere their
 * administrators may refuse TCP. ICMP always has to be answered, or refused explicitly, which shows the path as well.
 */
export function testsTcp(overlay: Pick<OverlaySettings, "overlayIngress" | "hostFirewall">): boolean {
  return overlay.overlayIngress === "all" && overlay.hostFirewall === "manage";
}

/** The full-sized echoes to one overlay address of a peer that answers. */
interface Echoes {
  to: string;
  address: string;
  sent: number;
  received: number;
  /** Mean round-trip time; undefined where ping says none. */
  milliseconds?: number;
}

/** The result of one host's probes. */
export interface ProbeReport {
  /** When they ended, by the clock of the host: ISO 8601 in UTC. */
  time: string;
  /** How many overlay addresses of peers were probed. */
  targets: number;
  failures: FailedProbe[];
  /** Where the probes were to report them. */
  echoes: Echoes[];
}

const RESULT = /^oci-vxlan probe (\S+) (\S+) (icmp|tcp|any|all)(?::(\d+))? (\S+)$/;
const ECHOES = /^oci-vxlan echoes (\S+) (\S+) (\d+) (\d+) (-|[\d.]+)$/;
const SUMMARY = /^oci-vxlan probed time=(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ) targets=(\d+)$/;

/**
 * Reads what the script printed. An address that it printed no result of has failed.
 *
 * @throws Error where the line is missing that ends the script's output
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
  const [, time = "", targets = ""] = summary;
  const results = new Map(lines.flatMap(parseResult));
  const failures = peers.flatMap((peer) =>
    peer.overlayAddresses.flatMap((text) => {
      const address = canonical(text);
      const result = results.get(targetOf(peer.name, address)) ?? UNFINISHED_PROBE;
      return result.answer === PASSES ? [] : [failureOf(host, peer, address, result)];
    }),
  );
  const echoes = lines.flatMap((line) => parseEchoes(peers, line) ?? []);
  return { time, targets: Number(targets), failures, echoes };
}

/** Reads one line; undefined where it is another one. */
function parseEchoes(peers: readonly ProbedHost[], line: string): Echoes | undefined {
  const [, to = "", address = "", sent, received, milliseconds] = ECHOES.exec(line) ?? [];
  if (!peers.some(({ name }) => name === to)) return undefined;
  const time = milliseconds === "-" ? undefined : Number(milliseconds);
  return { to, address, sent: Number(sent), received: Number(received), milliseconds: time };
}

/** How the probes of one address ended: the first that does not pass, or that all do. */
interface Result {
  probe: string;
  /** Bytes of an echo, or a TCP port. */
  number?: string;
  answer: string;
}

const PASSES = "passes";

/** No line: the process that probed the address was killed, or found no memory or no /dev. */
const UNFINISHED_PROBE: Result = { probe: "any", answer: "unfinished" };

const targetOf = (peer: string, address: string) => `${peer} ${address}`;

/** Reads the target and its result from one line. Other lines, for example a login banner, have none. */
function parseResult(line: string): [target: string, Result][] {
  const [, to = "", address = "", probe, number, answer = ""] = RESULT.exec(line) ?? [];
  return probe === undefined ? [] : [[targetOf(to, address), { probe, number, answer }]];
}

function failureOf(
  host: ProbedHost,
  peer: ProbedHost,
  address: string,
  { probe, number, answer }: Result,
): FailedProbe {
  return {
    from: host.name,
    to: peer.name,
    fromUnderlay: host.underlayAddress,
    toUnderlay: peer.underlayAddress,
    address,
    probe: probe === "tcp" ? "tcp" : "icmp",
    size: probe === "icmp" ? Number(number) : undefined,
    port: probe === "tcp" ? Number(number) : undefined,
    answer,
  };
}
