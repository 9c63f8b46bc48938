import { readHostText } from "../hostText.ts";
import { asRoot, digestOf, lines } from "../phases/phase.ts";
import { PROBE_LIMIT } from "./probe.ts";

/** What the host has to know for the answer. */
interface StatusQuestion {
  /** `<stack>.<name>`, as its unit is called. */
  overlay: string;
  device: string;
  installation: string;
  deviceSettings: string;
  /** Undefined where the host has had no phase peers yet. */
  peersSettings?: string;
}

/** The parts of a host that may differ from the stack. */
const DIFFERENCES = ["program", "installation", "device", "peers"] as const;

/** The VXLAN device as the kernel has it. */
export interface ActualDevice {
  state: string;
  mtu: number;
  mac: string;
  underlayAddress: string;
  vni: number;
  port: number;
  addresses: string[];
}

/** A line of the host's journal about the overlay. */
export interface JournalEvent {
  /** ISO 8601 in UTC. */
  time: string;
  text: string;
}

/** How a host and its overlay are, by the host's own account. */
export interface HostStatus {
  /** The host's clock: ISO 8601 in UTC. */
  time: string;
  /** Undefined where systemd does not say when it started. */
  bootedAt?: string;
  /** Version of the program; undefined where it is not installed. */
  version?: number;
  /** Release that has installed it; undefined where it is not installed, or older than releases. */
  release?: string;
  unit: { name: string; active: string; enabled: string };
  differences: (typeof DIFFERENCES)[number][];
  /** Whether the last change of settings waits for an SSH session that confirms it. */
  isUnconfirmed: boolean;
  /** Undefined where the host has none. */
  device?: ActualDevice;
  /** What the host cannot repair. */
  warnings: string[];
  /** The last lines of its journal, the newest one last. */
  events: JournalEvent[];
}

let script: string | undefined;

/**
 * The command that asks a host. Its standard input is `statusInput`, and below that `probeInput` where the host probes
 * peers as well: one command instead of two saves each host a sudo and a bash. It changes nothing on the host.
 */
export const STATUS_COMMAND = asRoot(
  PROBE_LIMIT,
  "bash -s",
  "looks how the overlay is, and probes the peers over it",
);

/** The script, and below it the question. The last line shows the script that nothing was cut off. */
export function statusInput(question: StatusQuestion): string {
  script ??= readHostText(new URL("../host/sent/status.sh", import.meta.url));
  const { overlay, device, installation, deviceSettings, peersSettings } = question;
  return lines(
    script.trimEnd(),
    `overlay ${overlay}`,
    `device ${device}`,
    `installation ${installation}`,
    `settings device ${digestOf(deviceSettings)}`,
    ...(peersSettings === undefined ? [] : [`settings peers ${digestOf(peersSettings)}`]),
    "end",
  );
}

/**
 * Reads what status.sh prints. It skips other lines, such as a login banner.
 *
 * @throws Error where the last line is missing
 */
export function parseHostStatus(overlay: string, stdout: string): HostStatus {
  const facts = stdout.split("\n").flatMap((line): [string, string][] => {
    const [, key, value = ""] = /^oci-vxlan status ([a-z]+)(?: (.*))?$/.exec(line.trimEnd()) ?? [];
    return key === undefined ? [] : [[key, value]];
  });
  const all = (key: string) => facts.flatMap(([name, value]) => (name === key ? [value] : []));
  const first = (key: string) => all(key)[0];
  if (first("end") === undefined)
    throw new Error('the host\'s answer ends without its line "end": it did not arrive whole');
  const [active = "unknown", enabled = "unknown"] = first("unit")?.split(" ") ?? [];
  const [bootTime, version, link] = [first("booted"), first("version"), first("link")];
  return {
    time: timeOf(first("time") ?? "0"),
    bootedAt: bootTime === undefined ? undefined : parseSystemdTime(bootTime),
    version: version === undefined ? undefined : Number(version),
    release: first("release"),
    unit: { name: `oci-vxlan@${overlay}.service`, active, enabled },
    differences: DIFFERENCES.filter((difference) => all("differs").includes(difference)),
    isUnconfirmed: first("unconfirmed") !== undefined,
    device: link === undefined ? undefined : parseDevice(link, all("address")),
    warnings: all("warning"),
    events: all("event").map(parseEvent),
  };
}

const timeOf = (seconds: string) => new Date(Number(seconds) * 1_000).toISOString();

/** "2026-11-27 11:59:59 UTC" */
function parseSystemdTime(text: string): string | undefined {
  const [, date, time] = /^(\d+-\d\d-\d\d) (\d\d:\d\d:\d\d) UTC$/.exec(text) ?? [];
  return date === undefined ? undefined : new Date(`${date}T${time}Z`).toISOString();
}

function parseDevice(link: string, addresses: string[]): ActualDevice {
  const [state = "", mtu, mac = "", underlayAddress = "", vni, port] = link.split(" ");
  return { state, mtu: Number(mtu), mac, underlayAddress, vni: Number(vni), port: Number(port), addresses };
}

function parseEvent(line: string): JournalEvent {
  const [, seconds = "0", text = ""] = /^(\d+) (.*)$/.exec(line) ?? [];
  return { time: timeOf(seconds), text };
}

/** The last repair among a host's events: a command and behind "#" what was wrong. */
export function lastRepair(events: readonly JournalEvent[]): JournalEvent | undefined {
  return events.findLast(({ text }) => / # /.test(text));
}
