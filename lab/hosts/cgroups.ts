import { existsSync } from "node:fs";
import { join } from "node:path";
import { attempt, until } from "../commands.ts";

/** Where control groups are, by the kernel's version and the machine's choice. */
const HIERARCHIES = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified", "/sys/fs/cgroup/systemd"];

/**
 * Removes the control groups that lab/hosts/supervise.sh made for a host, once its last process is gone.
 *
 * @param name the host's namespace, which they are named after
 */
export async function removeCgroups(name: string): Promise<void> {
  const groups = HIERARCHIES.map((hierarchy) => join(hierarchy, name));
  await until(`the end of the control groups ${name}`, 5_000, async () => {
    const present = groups.filter((group) => existsSync(group));
    if (present.length > 0)
      await attempt(["find", ...present, "-depth", "-type", "d", "-exec", "rmdir", "{}", "+"]);
    return !present.some((group) => existsSync(group));
  });
}
