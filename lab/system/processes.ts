import { readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { basename, dirname } from "node:path";
import { until } from "./commands.ts";

/**
 * Processes that outlive the command that started them are remembered by pid and start time: a pid alone may
 * belong to a stranger after a reboot.
 */

/** When a process started, in clock ticks since boot; undefined when it is gone or only waits to be reaped. */
function startTime(pid: number): string | undefined {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8")
      .replace(/^.*\) /s, "")
      .split(" ");
    return fields[0] === "Z" ? undefined : fields[19];
  } catch {
    return undefined;
  }
}

/** When a process started. Its clock ticks are hundredths of a second on every Linux that Node runs on. */
export function startedAt(pid: number): Date | undefined {
  const ticks = startTime(pid);
  const boot = /^btime (\d+)$/m.exec(readFileSync("/proc/stat", "utf8"))?.[1];
  return ticks === undefined || boot === undefined
    ? undefined
    : new Date((Number(boot) + Number(ticks) / 100) * 1_000);
}

/** Writes down a process that was just started. */
export function remember(file: string, pid: number): void {
  writeFileSync(`${file}.new`, `${pid} ${startTime(pid) ?? ""}\n`, { mode: 0o600 });
  renameSync(`${file}.new`, file); // Whoever reads it meanwhile finds all of it or nothing.
}

/** The remembered process, if it still runs. */
export function recall(file: string): number | undefined {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch {
    return undefined;
  }
  const [pid = "", started = ""] = text.trim().split(" ");
  return started !== "" && startTime(Number(pid)) === started ? Number(pid) : undefined;
}

/**
 * The processes that have this in their environment, which children inherit; this one and those that started it
 * are left out.
 */
export function processesWith(variable: string, value: string): number[] {
  const own = ancestors(process.pid);
  return readdirSync("/proc")
    .map(Number)
    .filter((pid) => {
      if (!Number.isInteger(pid) || own.includes(pid)) return false;
      try {
        return readFileSync(`/proc/${pid}/environ`, "utf8").split("\0").includes(`${variable}=${value}`);
      } catch {
        return false; // It ended meanwhile.
      }
    });
}

/** The arguments of every process of this machine, by pid. */
function commandLines(): Map<number, string[]> {
  const lines = new Map<number, string[]>();
  for (const pid of readdirSync("/proc").map(Number).filter(Number.isInteger)) {
    try {
      lines.set(pid, readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0").slice(0, -1));
    } catch {
      // It ended meanwhile.
    }
  }
  return lines;
}

/** The processes of bash that run this script with these arguments, and nothing else. */
export function processesRunning(script: readonly string[]): number[] {
  return [...commandLines()]
    .filter(([, [, ...args]]) => args.length === script.length && args.every((arg, n) => arg === script[n]))
    .map(([pid]) => pid);
}

/** The names directly below a folder that running processes of a script were given as their argument. */
export function argumentsBelow(script: string, folder: string): string[] {
  return [...commandLines().values()].flatMap(([, name, path = ""]) =>
    name === script && dirname(path) === folder ? [basename(path)] : [],
  );
}

/** A process, the one that started it, and so on. */
function ancestors(pid: number): number[] {
  if (pid <= 0) return [];
  const parent = /^PPid:\s+(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
  return [pid, ...ancestors(Number(parent ?? 0))];
}

/** Asks processes of the lab's own to end well, and waits for it. */
export async function interrupt(pids: readonly number[], limit: number): Promise<void> {
  const areGone = watch(pids);
  send(pids, "SIGINT");
  await until("their end", limit, areGone);
}

/** Ends processes of the lab's own at once, and waits until they are gone. */
export async function kill(pids: readonly number[]): Promise<void> {
  const areGone = watch(pids);
  send(pids, "SIGKILL");
  // The last process of a host unmounts its root, which waits for the disk.
  await until(`the end of processes ${pids.join(", ")}`, 60_000, areGone, 20);
}

/** Tells whether all of these processes have ended, also where the kernel gave a pid to another one since. */
function watch(pids: readonly number[]): () => boolean {
  const started = pids.map(startTime);
  return () =>
    pids.every((pid, index) => {
      const now = startTime(pid);
      return now === undefined || now !== started[index];
    });
}

/** Signals those of the processes that are still there. */
export function send(pids: readonly number[], signal: NodeJS.Signals): void {
  for (const pid of pids) {
    try {
      process.kill(pid, signal);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
    }
  }
}
