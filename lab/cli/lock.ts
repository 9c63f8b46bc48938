import { spawn } from "node:child_process";
import { once } from "node:events";
import { rmSync } from "node:fs";
import { join } from "node:path";
import type { Lab } from "../system/lab.ts";
import { readPidFile, writePidFile } from "../system/processes.ts";

/** Names the process whose command holds the lock. */
const holderFile = (lab: Lab) => join(lab.directory, "command.pid");

/**
 * Runs one command on a lab at a time. flock(1) locks the lab's directory until its standard input is closed, so a
 * killed command gives up the lock as well.
 *
 * @throws Error when another command holds the lock
 */
export async function withLock<T>(lab: Lab, command: () => Promise<T>): Promise<T> {
  // In a process group of its own, because Ctrl-C must not end it before the command has ended.
  const flock = spawn("flock", ["--nonblock", lab.directory, "sh", "-c", "echo locked; exec cat"], {
    detached: true,
    stdio: ["pipe", "pipe", "inherit"],
  });
  const end = once(flock, "exit");
  const isLocked = await Promise.race([once(flock.stdout, "data").then(() => true), end.then(() => false)]);
  if (!isLocked) {
    const holder = readPidFile(holderFile(lab)) ?? "unknown";
    throw new Error(`another lab command is at work (process ${holder}): wait for it, or end it.`);
  }
  try {
    writeHolderFile(lab);
    return await command();
  } finally {
    rmSync(holderFile(lab), { force: true });
    flock.stdin.end();
    await end;
  }
}

/** A full disk may have no space for the file. That is no error: only the message of a second command needs it. */
function writeHolderFile(lab: Lab): void {
  try {
    writePidFile(holderFile(lab), process.pid);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error;
  }
}
