import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { portOf } from "../network/vnic.ts";
import type { Lab } from "../system/lab.ts";
import { loadRules } from "../network/network.ts";

/** An error that the API answers with in place of doing what it was asked for. */
export interface ApiFault {
  code: string;
  status: number;
  /** Requests that are still to be answered so. */
  count: number;
}

/** What goes wrong because somebody asked for it. */
export interface Faults {
  /** Launches that are still to find no capacity. */
  capacity: number;
  /** Launches before those that still find room. */
  spared: number;
  /** Seconds that every boot takes longer. */
  bootDelay: number;
  api: ApiFault[];
  /** Hosts that no packet reaches or leaves. */
  cut: string[];
  /** Hosts that the cloud is to terminate on its own account. */
  terminate: string[];
}

const NONE: Faults = { capacity: 0, spared: 0, bootDelay: 0, api: [], cut: [], terminate: [] };

/** The file that faults are asked for by: whoever asks writes it, the cloud looks into it. */
export const faultsFile = (lab: Lab) => join(lab.directory, "faults", "faults.json");

export function readFaults(lab: Lab): Faults {
  const file = faultsFile(lab);
  const kept = existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as Partial<Faults>) : {};
  return { ...structuredClone(NONE), ...kept };
}

/** Changes what is asked for, and returns it. */
export function changeFaults(lab: Lab, change: (faults: Faults) => void): Faults {
  const faults = readFaults(lab);
  change(faults);
  const file = faultsFile(lab);
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  writeFileSync(`${file}.new`, JSON.stringify(faults), { mode: 0o600 });
  renameSync(`${file}.new`, file);
  return faults;
}

/** Takes back all that was asked for and has not happened yet. */
export async function clearFaults(lab: Lab): Promise<void> {
  changeFaults(lab, (faults) => Object.assign(faults, structuredClone(NONE)));
  await applyCuts(lab);
}

/** Cuts hosts off in the router, the cloud's and the others alike. */
export async function applyCuts(lab: Lab): Promise<void> {
  const ports = readFaults(lab).cut.flatMap((host) => [portOf(host), portOf(host, true)]);
  const elements = ports.map((port) => `"${port}"`).join(", ");
  await loadRules(
    lab,
    `
table inet ocivx_cut
delete table inet ocivx_cut
table inet ocivx_cut {
  set cut {
    type ifname
    ${ports.length > 0 ? `elements = { ${elements} }` : ""}
  }
  chain arriving {
    type filter hook prerouting priority -500; policy accept;
    iifname @cut drop
  }
  chain leaving {
    type filter hook forward priority -500; policy accept;
    oifname @cut drop
  }
}
`,
  );
}

const counted = (count: number, one: string, more: string) => (count === 1 ? one : `${count} ${more}`);

/** What is asked for, line by line. */
export function describeFaults({ capacity, spared, bootDelay, api, cut, terminate }: Faults): string[] {
  return [
    ...(capacity > 0
      ? [
          `no capacity for the next ${counted(capacity, "launch", "launches")}` +
            (spared > 0 ? ` after ${counted(spared, "one", "others")}` : ""),
        ]
      : []),
    ...(bootDelay > 0 ? [`every boot takes ${bootDelay} s longer`] : []),
    ...api.map(
      ({ code, status, count }) =>
        `the answer to the next ${counted(count, "API request", "API requests")} is ${status} ${code}`,
    ),
    ...cut.map((host) => `${host} is cut off`),
    ...terminate.map((host) => `${host} is to be terminated`),
  ];
}
