import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { attempt, until } from "../system/commands.ts";

/** The folders of the control group hierarchies: which of them exist depends on the machine's configuration. */
const HIERARCHIES = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified", "/sys/fs/cgroup/systemd"];

const groupsOf = (name: string) => HIERARCHIES.map((hierarchy) => join(hierarchy, name));

/** The names of all control groups with a prefix. */
export function controlGroups(prefix: string): string[] {
  const names = HIERARCHIES.filter((hierarchy) => existsSync(hierarchy)).flatMap((hierarchy) =>
    readdirSync(hierarchy).filter((name) => name.startsWith(prefix)),
  );
  return [...new Set(names)];
}

/** The files that list the processes in a control group and in the groups below it. */
function listsIn(group: string): string[] {
  try {
    return readdirSync(group, { recursive: true, encoding: "utf8" })
      .filter((path) => basename(path) === "cgroup.procs")
      .map((path) => join(group, path));
  } catch {
    return []; // The group does not exist, or is just being removed.
  }
}

function readLines(file: string): string[] {
  try {
    return readFileSync(file, "utf8").split("\n").filter(Boolean);
  } catch {
    return []; // The group was removed meanwhile.
  }
}

/** All processes of a host, by its control groups. A process may leave the host's namespaces, but not these. */
export function processesInCgroups(name: string): number[] {
  const pids = groupsOf(name)
    .flatMap(listsIn)
    .flatMap((list) => readLines(list).map(Number));
  return [...new Set(pids)];
}

/**
 * Removes the control groups that lab/hosts/supervise.sh created for a host, after the end of its last process.
 *
 * @param name their name, which is that of the host's namespace
 */
export async function removeCgroups(name: string): Promise<void> {
  const groups = groupsOf(name);
  await until(`the end of the control groups ${name}`, 60_000, async () => {
    const presentGroups = groups.filter((group) => existsSync(group));
    if (presentGroups.length > 0)
      await attempt(["find", ...presentGroups, "-depth", "-type", "d", "-exec", "rmdir", "{}", "+"]);
    return !presentGroups.some((group) => existsSync(group));
  });
}
