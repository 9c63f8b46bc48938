import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from "node:fs";
import { basename, join } from "node:path";
import { run } from "../lab/system/commands.ts";
import { ROOT } from "../lab/system/lab.ts";

/** A package that only tests need and that is too large for everybody's node_modules. */
export interface NpmPackage {
  name: string;
  version: string;
  /** Of its archive, as the registry says it. */
  integrity: string;
}

/**
 * The folder of a package without its dependencies. It is downloaded once into the lab's cache.
 *
 * @param prepare makes of the package what tests use, also once
 */
export async function npmPackage(
  { name, version, integrity }: NpmPackage,
  prepare: (folder: string) => Promise<void> = () => Promise.resolve(),
): Promise<string> {
  const cache = join(ROOT, ".lab", "cache", "npm");
  const folder = join(cache, `${basename(name)}-${version}`);
  if (existsSync(folder)) return folder;
  mkdirSync(cache, { recursive: true, mode: 0o700 });
  const download = mkdtempSync(join(cache, "download-"));
  try {
    const pack = ["npm", "pack", `${name}@${version}`, "--silent", "--ignore-scripts"];
    const archive = join(download, (await run([...pack, "--pack-destination", download], DOWNLOAD)).trim());
    const digest = `sha512-${createHash("sha512").update(readFileSync(archive)).digest("base64")}`;
    if (digest !== integrity) throw new Error(`${name} ${version} has digest ${digest}, not ${integrity}`);
    await run(["tar", "--extract", "--file", archive, "--directory", download]);
    await prepare(join(download, "package"));
    // A second run that was faster has left the same files.
    if (!existsSync(folder)) renameSync(join(download, "package"), folder);
  } finally {
    rmSync(download, { recursive: true });
  }
  return folder;
}

/** Of some 70 MB. */
const DOWNLOAD = { timeout: 280_000 };
