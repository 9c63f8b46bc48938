import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { attempt, run } from "../system/commands.ts";
import type { Lab } from "../system/lab.ts";

/**
 * Named network namespaces. With the first one on a machine iproute2 mounts their folder over itself, and leaves that
 * mount behind: where a lab was the cause, it goes with the last namespace.
 */

const FOLDER = "/run/netns";

export const namespaceExists = (name: string) => existsSync(join(FOLDER, name));

/** The names of all namespaces of this machine. */
export const allNamespaces = () => (existsSync(FOLDER) ? readdirSync(FOLDER) : []);

export async function addNamespace(lab: Lab, name: string): Promise<void> {
  claimMount(lab.cache);
  await run(["ip", "netns", "add", name]);
}

/**
 * The processes in a namespace. None once it is gone: whoever made it may remove it at any moment, as a host's
 * supervisor does when the host ends.
 */
export async function processesIn(name: string): Promise<number[]> {
  const pids = await unlessGone(name, () => run(["ip", "netns", "pids", name]));
  return (pids ?? "").split("\n").filter(Boolean).map(Number);
}

/** Removes a namespace, unless somebody else is faster. */
export async function deleteNamespace(name: string): Promise<void> {
  await unlessGone(name, () => run(["ip", "netns", "del", name]));
}

/** What is asked about a namespace may fail where it is gone by then, and nowhere else. */
async function unlessGone<T>(name: string, ask: () => Promise<T>): Promise<T | undefined> {
  try {
    return namespaceExists(name) ? await ask() : undefined;
  } catch (error) {
    if (namespaceExists(name)) throw error;
    return undefined;
  }
}

/** Holds the machine's boot, since another boot's mount is not the lab's. */
const marker = (cache: string) => join(cache, "netns-mount");

const thisBoot = () => readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();

const isMounted = () =>
  readFileSync("/proc/self/mountinfo", "utf8")
    .split("\n")
    .some((line) => line.split(" ")[4] === FOLDER);

/** Remembers that the mount is this checkout's, where there is none yet. */
export function claimMount(cache: string): void {
  if (!isMounted()) writeFileSync(marker(cache), thisBoot(), { mode: 0o600 });
}

/** Removes the mount if it is this checkout's and nobody's namespace is left in it. */
export async function releaseMount(cache: string): Promise<void> {
  const claimed = existsSync(marker(cache)) && readFileSync(marker(cache), "utf8") === thisBoot();
  if (!claimed || !isMounted() || allNamespaces().length > 0) return;
  // Somebody may stand in it; the next lab that ends tries again.
  if ((await attempt(["umount", FOLDER])).exitCode === 0) rmSync(marker(cache), { force: true });
}
