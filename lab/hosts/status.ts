import { namespacesOf } from "../network/network.ts";
import { processesIn } from "../network/namespaces.ts";
import type { Lab } from "../system/lab.ts";
import { memoryOf, startedAt } from "../system/processes.ts";
import { controlGroups, processesInCgroups } from "./cgroups.ts";
import { listHosts } from "./folders.ts";
import { initOf, isRunning, supervisedHosts, supervisorsOf } from "./supervisor.ts";

/** What `ps` shows of a host. */
interface HostStatus {
  host: string;
  isRunning: boolean;
  /** Memory of all its processes in megabytes, shared pages counted once (PSS). */
  megabytes: number;
  /** When its system was booted. */
  startTime?: Date;
}

export async function statusOf(lab: Lab, host: string): Promise<HostStatus> {
  if (!isRunning(lab, host)) return { host, isRunning: false, megabytes: 0 };
  const pids = await processesIn(lab.namespace(`h-${host}`));
  const init = initOf(lab, host);
  const startTime = init === undefined ? undefined : startedAt(init);
  return { host, isRunning: true, megabytes: memoryOf(pids) / 1024, startTime };
}

/** All hosts that have left anything on this machine, also those whose files or namespaces are gone. */
export function hostsWithTraces(lab: Lab): string[] {
  const prefix = lab.namespace("h-");
  const names = [...namespacesOf(lab), ...controlGroups(prefix)].filter((name) => name.startsWith(prefix));
  const hosts = [
    ...listHosts(lab),
    ...names.map((name) => name.slice(prefix.length)),
    ...supervisedHosts(lab),
  ];
  return [...new Set(hosts)].sort();
}

/** A host's processes as far as they can be ended: its supervisors, and all in its control groups. */
export const processesOf = (lab: Lab, host: string): number[] => [
  ...supervisorsOf(lab, host),
  ...processesInCgroups(lab.namespace(`h-${host}`)),
];
