import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { attempt, run } from "../system/commands.ts";
import type { Lab } from "../system/lab.ts";

/**
 * Named network namespaces. iproute2 mounts their folder over itself when it creates the first namespace of a machine,
 * and never unmounts it. If a lab caused that mount, the lab removes it together with the last namespace.
 */

const FOLDER = "/run/netns";

export const namespaceExists = (name: string) => existsSync(join(FOLDER, name));

/** The names of all network namespaces of this machine. */
export const allNamespaces = () => (existsSync(FOLDER) ? readdirSync(FOLDER) : []);

export async function addNamespace(lab: Lab, name: string): Promise<void> {
  claimMount(lab.cache);
  await run(["ip", "netns", "add", name]);
}

/**
 * The processes in a namespace; none if it does not exist. A host's supervisor removes the host's namespace when the host
 * ends, which may happen during this call.
 */
export async function processesIn(name: string): Promise<number[]> {
  const pids = await ifPresent(name, () => run(["ip", "netns", "pids", name]));
  return (pids ?? "").split("\n").filter(Boolean).map(Number);
}

/** Removes a namespace, unless it is removed already. */
export async function deleteNamespace(name: string): Promise<void> {
  await ifPresent(name, () => run(["ip", "netns", "del", name]));
}

/** Runs a command about a namespace; its failure is no error if the namespace does not exist afterwards. */
async function ifPresent<T>(name: string, command: () => Promise<T>): Promise<T | undefined> {
  try {
    return namespaceExists(name) ? await command() : undefined;
  } catch (error) {
    if (namespaceExists(name)) throw error;
    return undefined;
  }
}

/** Says that the mount is this checkout's. It holds the machine's boot id, since a reboot removes the mount. */
const markerFile = (cache: string) => join(cache, "netns-mount");

const thisBoot = () => readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();

const isMounted = () =>
  readFileSync("/proc/self/mountinfo", "utf8")
    .split("\n")
    .some((line) => line.split(" ")[4] === FOLDER);

/** Marks the mount as this checkout's, if there is no mount yet. */
export function claimMount(cache: string): void {
  if (!isMounted()) writeFileSync(markerFile(cache), thisBoot(), { mode: 0o600 });
}

/** Removes the mount if it is this checkout's and no namespace is left in it. */
export async function releaseMount(cache: string): Promise<void> {
  const isClaimed = existsSync(markerFile(cache)) && readFileSync(markerFile(cache), "utf8") === thisBoot();
  if (!isClaimed || !isMounted() || allNamespaces().length > 0) return;
  // Fails while a process uses the folder; the next lab that ends tries again.
  if ((await attempt(["umount", FOLDER])).exitCode === 0) rmSync(markerFile(cache), { force: true });
}
