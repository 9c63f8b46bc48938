import { statfsSync } from "node:fs";

/**
 * Refuses to start work for which the disk has too little space, before half of it is written.
 *
 * @param folder an existing folder on the disk that is written to
 * @param megabytes how much the work writes, plus a reserve
 * @param work names the work in the error, for example "building a host image"
 * @throws Error that names the required and the free space
 */
export function requireDiskSpace(folder: string, megabytes: number, work: string): void {
  const freeSpace = freeMegabytes(folder);
  if (freeSpace < megabytes) {
    throw new Error(
      `${work} needs about ${megabytes} MB and ${freeSpace} MB are free in ${folder}: free some space there, then run it again.`,
    );
  }
}

/** Free megabytes on the disk that a folder is on. */
export function freeMegabytes(folder: string): number {
  const { bavail, bsize } = statfsSync(folder);
  return Math.floor((bavail * bsize) / 1e6);
}
