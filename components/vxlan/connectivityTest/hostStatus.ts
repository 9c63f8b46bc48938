import { readHostText } from "../hostText.ts";
import { asRoot, digestOf } from "../phases/phase.ts";
import type { CommandWithInput } from "../phases/sentVerb.ts";

/** Seconds after which the command is ended on the host; it takes well below one. */
const TIME_LIMIT = 15;

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

/** What of a host may differ from the stack. */
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
 * The command that asks a host, with the script and below it the question as its standard input. It changes nothing on
 * the host.
 */
export function statusCommand(question: StatusQuestion): CommandWithInput {
  script ??= readHostText(new URL("../host/sent/status.sh", import.meta.url));
  const { overlay, device, installation, deviceSettings, peersSettings } = question;
  return {
    command: asRoot(TIME_LIMIT, "bash -s", "looks how the overlay is"),
    input: [
      script.trimEnd(),
      `overlay ${overlay}`,
      `device ${device}`,
      `installation ${installation}`,
      `settings device ${digestOf(deviceSettings)}`,
      ...(peersSettings === undefined ? [] : [`settings peers ${digestOf(peersSettings)}`]),
      "end", // Shows the script that nothing was cut off.
      "",
    ].join("\n"),
  };
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
  const [booted, version, link] = [first("booted"), first("version"), first("link")];
  return {
    time: timeOf(first("time") ?? "0"),
    bootedAt: booted === undefined ? undefined : timeOf(booted),
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
