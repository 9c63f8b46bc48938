import { rmSync } from "node:fs";
import { deleteNamespace, namespaceExists, processesIn } from "../network/namespaces.ts";
import { until } from "../system/commands.ts";
import type { Lab } from "../system/lab.ts";
import { killProcesses } from "../system/processes.ts";
import { processesInCgroups, removeCgroups } from "./cgroups.ts";
import { runInHost } from "./exec.ts";
import { hostFolder } from "./folders.ts";
import { withoutPrefix } from "./inventory.ts";
import type { HostSpec } from "./inventory.ts";
import { BOOT_LIMIT, waitForSsh } from "./sshProbe.ts";
import { initOf, isRunning, supervisorsOf } from "./supervisor.ts";

/** Milliseconds within which a host must shut down before its power is cut. */
const SHUTDOWN_LIMIT = 20_000;

/** Reboots a host from inside, as its administrator would, and waits until it answers again. */
export async function rebootHost(
  lab: Lab,
  host: string,
  { address, isInstance }: Pick<HostSpec, "address" | "isInstance">,
): Promise<void> {
  await restartHost(lab, host);
  await waitForSsh(lab, host, withoutPrefix(address), isInstance ? "itself" : "operator");
}

/** Reboots a host from inside, and returns when it boots again. */
export async function restartHost(lab: Lab, host: string): Promise<void> {
  const previousInit = initOf(lab, host);
  await runInHost(lab, host, ["systemctl", "reboot"]);
  await until(`the reboot of ${host}`, BOOT_LIMIT, () => {
    const init = initOf(lab, host);
    return init !== undefined && init !== previousInit;
  });
}

/** Shuts a host down from inside. Cuts its power if that takes too long. */
export async function shutDownHost(lab: Lab, host: string): Promise<void> {
  await runInHost(lab, host, ["systemctl", "poweroff"]).catch(() => undefined);
  await until(`the end of ${host}`, SHUTDOWN_LIMIT, () => !isRunning(lab, host)).catch(() => undefined);
  await killHost(lab, host);
}

/** Cuts a host's power: nothing inside can shut down in order. The supervisor sees that and ends too. */
export async function killHost(lab: Lab, host: string): Promise<void> {
  if (namespaceExists(lab.namespace(`h-${host}`))) {
    await killProcessesOf(lab, host);
    await until(`the end of ${host}`, 5_000, () => !isRunning(lab, host), 20).catch(() => undefined);
  }
  // The supervisor's process group includes the commands that it waits for.
  await killProcesses(supervisorsOf(lab, host).flatMap((pid) => [-pid, pid]));
  await killProcessesOf(lab, host);
}

/**
 * Ends every process in a host's network namespace or control groups, and removes both. Repeats that until there are
 * none: a host that has just begun to boot starts processes while others are ended.
 */
export async function killProcessesOf(lab: Lab, host: string): Promise<void> {
  const namespace = lab.namespace(`h-${host}`);
  await until(
    `the end of all processes of ${host}`,
    60_000,
    async () => {
      const pids = [...new Set([...(await processesIn(namespace)), ...processesInCgroups(namespace)])];
      await killProcesses(pids);
      return pids.length === 0;
    },
    10,
  );
  await deleteNamespace(namespace);
  await removeCgroups(namespace);
}

/** Removes a host: its processes and its files. */
export async function removeHost(lab: Lab, host: string): Promise<void> {
  await killHost(lab, host);
  rmSync(hostFolder(lab, host), { recursive: true, force: true });
}
