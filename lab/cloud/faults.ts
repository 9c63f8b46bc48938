import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { portOf } from "../network/vnic.ts";
import type { Lab } from "../system/lab.ts";
import { loadRules } from "../network/network.ts";
import { partitionRules } from "../network/partitionRules.ts";

/**
 * An error that the API answers requests with, for example TooManyRequests with status 429.
 *
 * Source: https://docs.oracle.com/en-us/iaas/Content/API/References/apierrors.htm
 */
interface ApiFault {
  code: string;
  status: number;
  /** Number of requests that still get it. */
  count: number;
}

/** The faults that are injected into the lab's cloud and network. */
export interface Faults {
  /** Number of launches that still find no capacity. */
  capacity: number;
  /** Number of launches that still succeed before those. */
  skipFirst: number;
  /** Availability domains in which all launches find no capacity. */
  fullDomains: string[];
  /** Whether capacity reports are refused, as to a user whom no policy allows them. */
  unknownCapacity: boolean;
  /** Number of launches that Oracle still accepts and then ends in TERMINATED. */
  failedLaunches: number;
  /** Number of launches that still stay PROVISIONING for ever. */
  stuckLaunches: number;
  /** Seconds that every boot takes longer. */
  bootDelay: number;
  api: ApiFault[];
  /** Hosts that send and receive no packet. */
  partitioned: string[];
  /** Hosts that the cloud terminates next. */
  terminate: string[];
}

const NO_FAULTS: Faults = {
  capacity: 0,
  skipFirst: 0,
  fullDomains: [],
  unknownCapacity: false,
  failedLaunches: 0,
  stuckLaunches: 0,
  bootDelay: 0,
  api: [],
  partitioned: [],
  terminate: [],
};

/** The lab's commands write this file; the cloud watches it. */
export const faultsFile = (lab: Lab) => join(lab.directory, "faults", "faults.json");

export function readFaults(lab: Lab): Faults {
  const file = faultsFile(lab);
  const storedFaults = existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as Partial<Faults>) : {};
  return { ...structuredClone(NO_FAULTS), ...storedFaults };
}

/** The number of launches that still find host capacity; Infinity where no fault limits it. */
export const launchesLeft = ({ capacity, skipFirst }: Faults) => (capacity > 0 ? skipFirst : Infinity);

/** Changes the stored faults, and returns them. */
export function changeFaults(lab: Lab, change: (faults: Faults) => void): Faults {
  const faults = readFaults(lab);
  change(faults);
  const file = faultsFile(lab);
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  writeFileSync(`${file}.new`, JSON.stringify(faults), { mode: 0o600 });
  renameSync(`${file}.new`, file);
  return faults;
}

/** Withdraws all faults, those included that did not happen yet. */
export async function clearFaults(lab: Lab): Promise<void> {
  changeFaults(lab, (faults) => Object.assign(faults, structuredClone(NO_FAULTS)));
  await applyPartitions(lab);
}

/** Makes the router drop the packets of the partitioned hosts, both instances and existing hosts. */
export async function applyPartitions(lab: Lab): Promise<void> {
  const ports = readFaults(lab).partitioned.flatMap((host) => [portOf(host), portOf(host, true)]);
  await loadRules(lab, partitionRules(ports));
}

const countText = (count: number, singular: string, plural: string) =>
  count === 1 ? singular : `${count} ${plural}`;

/** The faults in force, one a line. */
export function describeFaults(faults: Faults): string[] {
  const { capacity, skipFirst, fullDomains, failedLaunches, stuckLaunches, bootDelay } = faults;
  const { unknownCapacity, api, partitioned, terminate } = faults;
  const lines: string[] = [];
  if (capacity > 0) {
    const after = skipFirst > 0 ? ` after ${countText(skipFirst, "one", "others")}` : "";
    lines.push(`no capacity for the next ${countText(capacity, "launch", "launches")}${after}`);
  }
  for (const domain of fullDomains) lines.push(`no capacity in ${domain}`);
  if (unknownCapacity) lines.push("capacity reports are refused");
  if (failedLaunches > 0)
    lines.push(`the next ${countText(failedLaunches, "launch ends", "launches end")} in TERMINATED`);
  if (stuckLaunches > 0)
    lines.push(`the next ${countText(stuckLaunches, "launch stays", "launches stay")} PROVISIONING`);
  if (bootDelay > 0) lines.push(`every boot takes ${bootDelay} s longer`);
  for (const { code, status, count } of api)
    lines.push(
      `the answer to the next ${countText(count, "API request", "API requests")} is ${status} ${code}`,
    );
  for (const host of partitioned) lines.push(`${host} is cut off`);
  for (const host of terminate) lines.push(`${host} is to be terminated`);
  return lines;
}
