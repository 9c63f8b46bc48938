import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { attempt, until } from "../system/commands.ts";

/** Where control groups are, by the kernel's version and the machine's choice. */
const HIERARCHIES = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified", "/sys/fs/cgroup/systemd"];

const groupsOf = (name: string) => HIERARCHIES.map((hierarchy) => join(hierarchy, name));

/** The names of all hosts' control groups that begin so. */
export function controlGroups(prefix: string): string[] {
  const names = HIERARCHIES.filter((hierarchy) => existsSync(hierarchy)).flatMap((hierarchy) =>
    readdirSync(hierarchy).filter((name) => name.startsWith(prefix)),
  );
  return [...new Set(names)];
}

/** The files below a control group that name the processes in it. */
function listsIn(group: string): string[] {
  try {
    return readdirSync(group, { recursive: true, encoding: "utf8" })
      .filter((path) => basename(path) === "cgroup.procs")
      .map((path) => join(group, path));
  } catch {
    return []; // There is none, or it goes just now.
  }
}

function readLines(file: string): string[] {
  try {
    return readFileSync(file, "utf8").split("\n").filter(Boolean);
  } catch {
    return []; // It ended meanwhile.
  }
}

/** The processes in a host's control groups: all of it, whichever namespaces they have got to. */
export function processesInCgroups(name: string): number[] {
  const pids = groupsOf(name)
    .flatMap(listsIn)
    .flatMap((list) => readLines(list).map(Number));
  return [...new Set(pids)];
}

/**
 * Removes the control groups that lab/hosts/supervise.sh made for a host, once its last process is gone.
 *
 * @param name the host's namespace, which they are named after
 */
export async function removeCgroups(name: string): Promise<void> {
  const groups = groupsOf(name);
  await until(`the end of the control groups ${name}`, 60_000, async () => {
    const present = groups.filter((group) => existsSync(group));
    if (present.length > 0)
      await attempt(["find", ...present, "-depth", "-type", "d", "-exec", "rmdir", "{}", "+"]);
    return !present.some((group) => existsSync(group));
  });
}
