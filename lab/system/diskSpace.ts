import { statfsSync } from "node:fs";

/**
 * Refuses to begin what a full disk would stop half-way.
 *
 * @param folder where it will be written; it has to exist
 * @param megabytes what it will take there, with some room to spare
 * @throws Error that says how much is missing
 */
export function requireRoom(folder: string, megabytes: number, what: string): void {
  const free = freeMegabytes(folder);
  if (free < megabytes) {
    throw new Error(
      `${what} needs about ${megabytes} MB and ${free} MB are free in ${folder}: make room there, then run it again.`,
    );
  }
}

/** Megabytes that can still be written in a folder. */
export function freeMegabytes(folder: string): number {
  const { bavail, bsize } = statfsSync(folder);
  return Math.floor((bavail * bsize) / 1e6);
}
