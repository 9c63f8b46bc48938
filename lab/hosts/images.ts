import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { attempt } from "../system/commands.ts";
import type { Lab } from "../system/lab.ts";
import type { Progress } from "../system/progress.ts";
import { requireDiskSpace } from "../system/diskSpace.ts";

const SCRIPT = fileURLToPath(new URL("build-image.sh", import.meta.url));

/** The host images by name, with their distinctive parts. */
export const IMAGES = {
  "ubuntu-like": "iptables ending in REJECT, kept by netfilter-persistent, as Oracle's Ubuntu images",
  "oracle-linux-like": "firewalld, NetworkManager and udev, as Oracle Linux images",
} as const;

export type ImageName = keyof typeof IMAGES;

export const DEFAULT_IMAGE: ImageName = "ubuntu-like";

/** Milliseconds within which an image must be built. */
export const BUILD_LIMIT = 15 * 60_000;

/** Debian's releases that a host image can be of, with their code names. */
const DEBIAN_RELEASES = { 11: "bullseye", 12: "bookworm", 13: "trixie" } as const;

export type DebianRelease = keyof typeof DEBIAN_RELEASES;

/** A value of this machine's own /etc/os-release, without its quotes. */
const osRelease = (key: string) =>
  new RegExp(`^${key}="?([^"\n]*)`, "m").exec(readFileSync("/etc/os-release", "utf8"))?.[1] ?? "";

/** Whether this machine is a Debian. Its apt sources serve Debian's other releases too. */
export const isDebian = () => osRelease("ID") === "debian";

/**
 * Builds a host image, unless it is built. All hosts of all labs of this checkout share it read-only. The name of its
 * folder contains a hash of the script that builds it, so a changed script builds another image.
 *
 * @param release by default this machine's own release, of Debian or Ubuntu
 * @returns the image's folder
 * @throws Error with the last lines of the build and the command that repeats it
 */
export async function hostImage(
  lab: Lab,
  name: ImageName,
  progress: Progress,
  release?: DebianRelease,
): Promise<string> {
  const hash = createHash("sha256").update(readFileSync(SCRIPT)).digest("hex").slice(0, 12);
  const codeName = release === undefined ? osRelease("VERSION_CODENAME") : DEBIAN_RELEASES[release];
  const folder = join(lab.cache, "images");
  const image = join(folder, `${name}-${codeName}-${hash}`);
  if (existsSync(image)) return image;

  mkdirSync(folder, { recursive: true, mode: 0o700 });
  requireDiskSpace(folder, 1_000, "building a host image");
  const unfinishedFolder = join(folder, `.unfinished-${process.pid}`);
  rmSync(unfinishedFolder, { recursive: true, force: true });
  await progress.step(`host image ${name} (${codeName}): systemd, sshd, cloud-init, ${IMAGES[name]}`, () =>
    build(name, codeName, unfinishedFolder),
  );
  if (existsSync(image)) rmSync(unfinishedFolder, { recursive: true, force: true });
  else renameSync(unfinishedFolder, image);
  return image;
}

async function build(name: ImageName, codeName: string, target: string): Promise<void> {
  const { exitCode, stdout, stderr } = await attempt(["bash", SCRIPT, name, codeName, target], {
    timeout: BUILD_LIMIT,
  });
  if (exitCode === 0) return;
  rmSync(target, { recursive: true, force: true });
  const lines = `${stdout}\n${stderr}`.trim().split("\n");
  const errors = lines.filter((line) => /^E:|error|fail/i.test(line));
  const lastLines = (errors.length > 0 ? errors : lines).slice(-4).join("\n");
  throw new Error(
    `the host image could not be built. Run "bash lab/hosts/build-image.sh ${name} ${codeName} /tmp/image" to see why. Its last lines:\n${lastLines}`,
  );
}
