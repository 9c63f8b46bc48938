import { linkSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Lab } from "../system/lab.ts";
import { readPidFile, writePidFile } from "../system/processes.ts";

/**
 * Runs one command on a lab at a time. The lock names its holder, so one that was killed holds nothing.
 *
 * @param onFullDisk whether to go on without a lock where the disk has no room for one: no other run gets one then
 * @throws Error when another command holds it
 */
export async function exclusively<T>(
  lab: Lab,
  work: () => Promise<T>,
  onFullDisk: "fail" | "go on" = "fail",
): Promise<T> {
  const file = join(lab.cache, `${lab.name}.lock`);
  const holder = readPidFile(file);
  if (holder !== undefined)
    throw new Error(`another lab command is at work (process ${holder}): wait for it, or end it.`);
  // A lock whose holder is gone is taken away; the link then appears whole, and for one of two only.
  rmSync(file, { force: true });
  const own = `${file}.${process.pid}`;
  try {
    writePidFile(own, process.pid);
  } catch (error) {
    rmSync(`${own}.new`, { force: true });
    if (onFullDisk === "go on" && (error as NodeJS.ErrnoException).code === "ENOSPC") return work();
    throw error;
  }
  try {
    linkSync(own, file);
  } catch {
    throw new Error("another lab command has just begun: wait for it.");
  } finally {
    rmSync(own);
  }
  try {
    return await work();
  } finally {
    rmSync(file, { force: true });
  }
}
