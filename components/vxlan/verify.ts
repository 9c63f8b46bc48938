import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { canonical } from "./addresses.ts";
import type { HostMap, HostSettings, OverlaySettings } from "./settings.ts";
import type { Problem } from "./validate.ts";

/**
 * Phase verify: each host probes every peer over the overlay, so both directions of every pair are seen to pass.
 * Nothing is installed for it, and nothing has to be undone.
 */

/** Whether, and how, an overlay is verified. */
export interface VerifySettings {
  /** Default true. */
  verify?: boolean;
  /** TCP port of the peers' sshd on the overlay. Default: the port that each peer's SSH connection uses. */
  verifyPort?: number;
}

/** One host as the probes need it. */
export interface VerifyHost extends HostSettings {
  /** TCP port on which its sshd listens. */
  sshPort: number;
}

/** What a host's probes found, all of which passed. */
export interface VerifyReport {
  /** When, by the clock of the host: ISO 8601 in UTC. */
  time: string;
  /** How many overlay addresses of peers answered. */
  targets: number;
}

/** What has been seen to pass when every host had verified. */
export interface LastVerified {
  /** The earliest of the hosts' times, since all of it has passed since then: ISO 8601 in UTC. */
  time: string;
  /** What was seen to pass, in words. */
  what: string;
}

/** Seconds after which the remote side is ended; the script itself gives up before, and says on whom. */
const TIME_LIMIT = 110;

/** IPv6 has a header of 40 bytes, IPv4 one of 20, ICMP one of 8. */
const HEADERS = { 4: 28, 6: 48 } as const;

/**
 * The command that verifies one host's way to its peers.
 *
 * @param digest stands for everything that the probes prove: when it changes, they run again
 */
export function verifyPhase(
  overlay: OverlaySettings,
  settings: VerifySettings,
  name: string,
  hosts: HostMap<VerifyHost>,
  mtu: number,
  digest: string,
) {
  return {
    create: `timeout -k 5 ${TIME_LIMIT} bash -s # traffic to the peers over the overlay`,
    stdin: `${verifyScript()}${verifyTargets(overlay, settings, name, hosts, mtu, digest)}`,
  };
}

let script: string | undefined;

function verifyScript(): string {
  script ??= readFileSync(new URL("./host/verify.sh", import.meta.url), "utf8");
  return script;
}

/** What the script reads behind itself on standard input. Ends in a line that tells whether it came whole. */
export function verifyTargets(
  overlay: OverlaySettings,
  settings: VerifySettings,
  name: string,
  hosts: HostMap<VerifyHost>,
  mtu: number,
  digest: string,
): string {
  // Each begins behind itself: in one order, all hosts would call at the same peer's door at the same moment.
  const names = Object.keys(hosts).sort();
  const at = names.indexOf(name);
  const targets = [...names.slice(at + 1), ...names.slice(0, at)].flatMap((peer) => {
    const { underlayAddress, overlayAddresses, sshPort } = hosts[peer] as VerifyHost;
    const port = probesTcp(overlay) ? (settings.verifyPort ?? sshPort) : "-";
    return overlayAddresses.map(
      (address) => `target ${peer} ${underlayAddress} ${canonical(address)} ${port}`,
    );
  });
  return [
    `digest ${digest}`,
    `host ${name}`,
    `underlay ${hosts[name]?.underlayAddress ?? ""}`,
    `port ${overlay.port}`,
    `mtu ${mtu}`,
    ...targets,
    "end",
    "",
  ].join("\n");
}

/**
 * Whether TCP must pass. Where the overlay's traffic is not let through the hosts' firewalls by this program, it
 * is their administrators' to say whether TCP is let in, so nothing is asked of it; ICMP still has to come back,
 * or be refused in so many words, which proves the way there and back as well.
 */
export function probesTcp(overlay: Pick<OverlaySettings, "overlayIngress" | "hostFirewall">): boolean {
  return overlay.overlayIngress === "all" && overlay.hostFirewall === "manage";
}

/** A digest of what the phases before put on the hosts: whatever changes a path changes it. */
export function digestOf(inputs: readonly string[]): string {
  return createHash("sha256").update(JSON.stringify(inputs)).digest("hex").slice(0, 32);
}

const LINE = /^oci-vxlan verified time=(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ) targets=(\d+)$/;

/**
 * Reads the line that the verify phase prints.
 *
 * @throws when the output holds no such line: then nothing was proven
 */
export function parseVerifyReport(host: string, stdout: string): VerifyReport {
  const match = stdout
    .split("\n")
    .map((line) => LINE.exec(line.trim()))
    .find((found) => found !== null);
  if (!match) {
    throw new Error(
      `${host}: expected a line "oci-vxlan verified time=… targets=…" from its verify phase, got ${JSON.stringify(stdout.slice(0, 200))}. ` +
        `Make sure that nothing on the host replaces bash for this user.`,
    );
  }
  const [, time = "", targets = ""] = match;
  return { time, targets: Number(targets) };
}

/** The outcome of a whole overlay. */
export function lastVerified(
  overlay: OverlaySettings,
  reports: HostMap<VerifyReport>,
  mtu: number,
): LastVerified {
  const times = Object.values(reports).map(({ time }) => time);
  const ways = Object.values(reports).reduce((sum, { targets }) => sum + targets, 0);
  const families = [...new Set(overlay.cidrs.map((cidr) => (cidr.includes(":") ? 6 : 4)))];
  const bytes = families.map((family) => mtu - HEADERS[family]).join(" and ");
  const tcp = probesTcp(overlay) ? ", TCP to sshd with its banner read" : "";
  return {
    time: times.sort()[0] ?? "",
    what: `${ways} ways: ICMP of ${bytes} bytes that may not fragment${tcp}`,
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
