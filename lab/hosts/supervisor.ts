import { spawn } from "node:child_process";
import { openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Lab } from "../system/lab.ts";
import { argumentsOfScript, processesByScript, readPidFile, writePidFile } from "../system/processes.ts";
import { consoleLog, hostFolder, hostsFolder } from "./folders.ts";

/** The process that keeps one host running. supervise.sh says what it does. */

const SCRIPT = fileURLToPath(new URL("supervise.sh", import.meta.url));

const pidFile = (lab: Lab, host: string) => join(hostFolder(lab, host), "supervisor.pid");

/** Starts a host's supervisor, which boots the host by the settings in the host's folder. */
export function startSupervisor(lab: Lab, host: string): void {
  const log = openSync(consoleLog(lab, host), "a", 0o600);
  const supervisor = spawn("bash", [SCRIPT, hostFolder(lab, host)], {
    detached: true,
    stdio: ["ignore", log, log],
  });
  if (supervisor.pid === undefined) throw new Error(`${host}: bash could not be started`);
  writePidFile(pidFile(lab, host), supervisor.pid);
  supervisor.unref();
}

export const isRunning = (lab: Lab, host: string) => readPidFile(pidFile(lab, host)) !== undefined;

/** A host's supervisors: the one of its pid file, and any whose pid file is gone. */
export function supervisorsOf(lab: Lab, host: string): number[] {
  const pid = readPidFile(pidFile(lab, host));
  const scriptPids = processesByScript([SCRIPT, hostFolder(lab, host)]);
  return [...new Set([...(pid === undefined ? [] : [pid]), ...scriptPids])];
}

/** The names of all hosts of the lab that have a supervisor. */
export const supervisedHosts = (lab: Lab) => argumentsOfScript(SCRIPT, hostsFolder(lab));

/** The process id, on this machine, of a running host's init: the child of systemd-nspawn. */
export function initOf(lab: Lab, host: string): number | undefined {
  let pid = readPidFile(pidFile(lab, host));
  for (let depth = 0; pid !== undefined && depth < 2; depth++) pid = childOf(pid);
  return pid;
}

function childOf(pid: number): number | undefined {
  try {
    const [first] = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ");
    return first ? Number(first) : undefined;
  } catch {
    return undefined;
  }
}
