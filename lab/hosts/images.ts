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

/**
 * Builds a host image, unless it is built. All hosts of all labs of this checkout share it read-only. The name of its
 * folder contains a hash of the script that builds it, so a changed script builds another image.
 *
 * @returns the image's folder
 * @throws Error with the last lines of the build and the command that repeats it
 */
export async function hostImage(lab: Lab, name: ImageName, progress: Progress): Promise<string> {
  const hash = createHash("sha256").update(readFileSync(SCRIPT)).digest("hex").slice(0, 12);
  const folder = join(lab.cache, "images");
  const image = join(folder, `${name}-${hash}`);
  if (existsSync(image)) return image;

  mkdirSync(folder, { recursive: true, mode: 0o700 });
  requireDiskSpace(folder, 1_000, "building a host image");
  const unfinished = join(folder, `.unfinished-${process.pid}`);
  rmSync(unfinished, { recursive: true, force: true });
  await progress.step(`host image ${name}: systemd, sshd, cloud-init, ${IMAGES[name]}`, async () => {
    const { exitCode, stdout, stderr } = await attempt(["bash", SCRIPT, name, unfinished], {
      timeout: 15 * 60_000,
    });
    if (exitCode === 0) return;
    rmSync(unfinished, { recursive: true, force: true });
    const lines = `${stdout}\n${stderr}`.trim().split("\n");
    const errors = lines.filter((line) => /^E:|error|fail/i.test(line));
    const lastLines = (errors.length > 0 ? errors : lines).slice(-4).join("\n");
    throw new Error(
      `the host image could not be built. Run "bash lab/hosts/build-image.sh ${name} /tmp/image" to see why. Its last lines:\n${lastLines}`,
    );
  });
  if (existsSync(image)) rmSync(unfinished, { recursive: true, force: true });
  else renameSync(unfinished, image);
  return image;
}
