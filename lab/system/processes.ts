import { readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { basename, dirname } from "node:path";
import { until } from "./commands.ts";

/**
 * Processes that outlive the command that started them. A pid file holds the process id and the start time, since
 * another process may have the same id after a reboot.
 */

/** When a process started, in clock ticks since boot; undefined if it has ended, also if it is a zombie. */
function startTicks(pid: number): string | undefined {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8")
      .replace(/^.*\) /s, "")
      .split(" ");
    return fields[0] === "Z" ? undefined : fields[19];
  } catch {
    return undefined;
  }
}

/** When a process started. A clock tick is 10 ms on every Linux that Node runs on. */
export function startedAt(pid: number): Date | undefined {
  const ticks = startTicks(pid);
  const boot = /^btime (\d+)$/m.exec(readFileSync("/proc/stat", "utf8"))?.[1];
  return ticks === undefined || boot === undefined
    ? undefined
    : new Date((Number(boot) + Number(ticks) / 100) * 1_000);
}

/** Writes the pid file of a running process. A reader at the same time sees all of it or nothing. */
export function writePidFile(file: string, pid: number): void {
  writeFileSync(`${file}.new`, `${pid} ${startTicks(pid) ?? ""}\n`, { mode: 0o600 });
  renameSync(`${file}.new`, file);
}

/** The process that a pid file names, if it still runs. */
export function readPidFile(file: string): number | undefined {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch {
    return undefined;
  }
  const [pid = "", ticks = ""] = text.trim().split(" ");
  return ticks !== "" && startTicks(Number(pid)) === ticks ? Number(pid) : undefined;
}

/** The ids of all processes of this machine. */
const allProcesses = () => readdirSync("/proc").map(Number).filter(Number.isInteger);

/** The null-terminated strings in a file of a process; undefined if the process has ended meanwhile. */
function procStrings(pid: number, file: "environ" | "cmdline"): string[] | undefined {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "utf8").split("\0").slice(0, -1);
  } catch {
    return undefined;
  }
}

/**
 * The processes that have this variable in their environment, which child processes inherit. This process and its
 * ancestors are left out.
 */
export function processesByEnvironment(variable: string, value: string): number[] {
  const ownProcesses = ancestorsOf(process.pid);
  return allProcesses().filter(
    (pid) =>
      !ownProcesses.includes(pid) && (procStrings(pid, "environ")?.includes(`${variable}=${value}`) ?? false),
  );
}

/** The command line of a process; empty if it has ended. */
export function argumentsOf(pid: number): string[] {
  return procStrings(pid, "cmdline") ?? [];
}

/** The processes of bash that run this script with exactly these arguments. */
export function processesByScript(script: readonly string[]): number[] {
  return allProcesses().filter((pid) => {
    const [, ...args] = procStrings(pid, "cmdline") ?? [];
    return args.length === script.length && args.every((arg, index) => arg === script[index]);
  });
}

/** The first arguments of a script's running processes, as far as they are paths in this folder: their base names. */
export function argumentsOfScript(script: string, folder: string): string[] {
  return allProcesses().flatMap((pid) => {
    const [, name, path = ""] = procStrings(pid, "cmdline") ?? [];
    return name === script && dirname(path) === folder ? [basename(path)] : [];
  });
}

/** A process, its parent, its parent's parent, and so on. */
function ancestorsOf(pid: number): number[] {
  if (pid <= 0) return [];
  const parent = /^PPid:\s+(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
  return [pid, ...ancestorsOf(Number(parent ?? 0))];
}

/** Memory of processes in kilobytes, shared pages counted once (PSS). */
export function memoryOf(pids: readonly number[]): number {
  const kilobytes = pids.map((pid) => {
    try {
      return Number(/^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, "utf8"))?.[1] ?? 0);
    } catch {
      return 0; // It has ended meanwhile.
    }
  });
  return kilobytes.reduce((sum, each) => sum + each, 0);
}

/** Sends SIGINT to processes and waits until they have ended. */
export async function interruptProcesses(pids: readonly number[], limit: number): Promise<void> {
  const haveEnded = endCheck(pids);
  signalProcesses(pids, "SIGINT");
  await until(`the end of processes ${pids.join(", ")}`, limit, haveEnded);
}

/** Sends SIGKILL to processes and waits until they have ended. */
export async function killProcesses(pids: readonly number[]): Promise<void> {
  const haveEnded = endCheck(pids);
  signalProcesses(pids, "SIGKILL");
  // A host's last process unmounts its root file system, which waits for the disk.
  await until(`the end of processes ${pids.join(", ")}`, 60_000, haveEnded, 20);
}

/** A function that returns whether all of these processes have ended, even if the kernel has reused an id. */
function endCheck(pids: readonly number[]): () => boolean {
  const ticks = pids.map(startTicks);
  return () =>
    pids.every((pid, index) => {
      const currentTicks = startTicks(pid);
      return currentTicks === undefined || currentTicks !== ticks[index];
    });
}

/** Sends a signal to processes; those that have ended are skipped. */
export function signalProcesses(pids: readonly number[], signal: NodeJS.Signals): void {
  for (const pid of pids) {
    try {
      process.kill(pid, signal);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
    }
  }
}
