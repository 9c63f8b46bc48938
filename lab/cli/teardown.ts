import { existsSync, readFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { runningCloud, stopCloud } from "../cloud/daemonControl.ts";
import { controlGroups } from "../hosts/cgroups.ts";
import { killHost } from "../hosts/power.ts";
import { hostsWithTraces, processesOf } from "../hosts/status.ts";
import { processesIn } from "../network/namespaces.ts";
import { namespacesOf, removeNetwork } from "../network/network.ts";
import { run } from "../system/commands.ts";
import { pulumiHome } from "../system/lab.ts";
import type { Lab } from "../system/lab.ts";
import { killProcesses, processesByEnvironment } from "../system/processes.ts";

/**
 * Removes the whole lab except its caches: cloud, hosts, namespaces, control groups, mounts, keys, state. All steps
 * run, even if one of them fails. The files of a host that cannot be ended stay, so that the next `down` finds it.
 *
 * @throws AggregateError that names everything that is left; a failed step that has left nothing is no error
 */
export async function removeLab(lab: Lab): Promise<void> {
  const failures: Error[] = [];
  const step = (work: Promise<unknown>) => work.catch((error: unknown) => failures.push(error as Error));
  await step(stopCloud(lab));
  // Pulumi, and a cloud without a pid file, end before the hosts do, since they could start a host again.
  await step(killProcesses(processesByEnvironment("PULUMI_HOME", pulumiHome(lab))));
  await step(processesIn(lab.namespace("operator")).then(killProcesses));
  await Promise.all(hostsWithTraces(lab).map((host) => step(killHost(lab, host))));
  await step(removeNetwork(lab));
  await step(unmountBelow(lab.directory));
  if (hostsWithTraces(lab).every((host) => processesOf(lab, host).length === 0))
    await step(rm(lab.directory, { recursive: true, force: true }));
  const remainingParts = remainsOf(lab);
  if (remainingParts.length === 0) return;
  const causes = failures.map(({ message }) => message).join("; ");
  throw new AggregateError(
    failures,
    `the lab is not all gone. Left: ${remainingParts.join(", ")}. ${causes}`.trim(),
  );
}

/** Everything that is left of a lab, for an error. */
function remainsOf(lab: Lab): string[] {
  const cloud = runningCloud(lab);
  const hosts = hostsWithTraces(lab).filter((host) => processesOf(lab, host).length > 0);
  return [
    ...(cloud === undefined ? [] : [`the cloud (process ${cloud})`]),
    ...hosts.map((host) => `${host} (processes ${processesOf(lab, host).join(" ")})`),
    ...namespacesOf(lab).map((name) => `network namespace ${name}`),
    ...controlGroups(lab.namespace("h-")).map((name) => `control group ${name}`),
    ...(existsSync(lab.directory) ? [lab.directory] : []),
  ];
}

/** Unmounts everything in a folder, for example a small disk that somebody mounted there. */
async function unmountBelow(folder: string): Promise<void> {
  const mountPoints = readFileSync("/proc/self/mountinfo", "utf8")
    .split("\n")
    .map((line) => line.split(" ")[4] ?? "")
    .filter((path) => path === folder || path.startsWith(`${folder}/`));
  for (const path of mountPoints.reverse()) await run(["umount", "--lazy", path]);
}
