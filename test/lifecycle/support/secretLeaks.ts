import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { run } from "../../../lab/system/commands.ts";
import { keysFolder } from "../../../lab/hosts/keys.ts";
import type { Lab } from "../../../lab/system/lab.ts";

/** Finds secrets of a lab in places where other users could read them. */

/** Returns texts by which a lab's secrets are found: a middle line of each private key, and the stacks' passphrase. */
export function secretsOf(lab: Lab): string[] {
  const keys = readdirSync(keysFolder(lab)).filter((name) => name.endsWith("_ed25519"));
  const lines = keys.map((name) => readFileSync(join(keysFolder(lab), name), "utf8").split("\n")[2] ?? "");
  const secrets = [...lines, readFileSync(join(lab.directory, "passphrase"), "utf8").trim()];
  if (secrets.some((secret) => secret.length < 16)) throw new Error("a secret is too short to search for");
  return secrets;
}

/** Collects the command lines of all processes on this machine, its hosts included, until a promise settles. */
export async function commandLinesDuring(commandRun: Promise<unknown>): Promise<Set<string>> {
  const commandLines = new Set<string>();
  let isRunning = true;
  const completion = commandRun.finally(() => (isRunning = false));
  while (isRunning) {
    for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
      try {
        commandLines.add(readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " "));
      } catch {
        // The process has ended.
      }
    }
    await sleep(20); // Between two samples of /proc.
  }
  await completion;
  return commandLines;
}

/** Returns the texts that contain a secret. */
export const textsWithSecrets = (texts: readonly string[], secrets: readonly string[]) =>
  texts.filter((text) => secrets.some((secret) => text.includes(secret)));

/** Lists files of the lab and its hosts that contain a secret and are readable by users other than root. */
export async function readableByOthers(lab: Lab, secrets: readonly string[]): Promise<string[]> {
  const criteria = "-ignore_readdir_race -xdev -type f -perm /o=r -size -2048k".split(" ");
  const files = await run(["find", lab.directory, ...criteria]);
  return files
    .split("\n")
    .filter(Boolean)
    .filter((file) => {
      try {
        return textsWithSecrets([readFileSync(file, "utf8")], secrets).length > 0;
      } catch {
        return false; // A running host has removed it.
      }
    });
}
