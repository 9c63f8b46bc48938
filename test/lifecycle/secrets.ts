import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { run } from "../../lab/system/commands.ts";
import { keysFolder } from "../../lab/hosts/keys.ts";
import type { Lab } from "../../lab/system/lab.ts";

/** Where secrets would be seen that should not be. */

/** What tells a lab's secrets: a line from the middle of each private key, and the stacks' passphrase. */
export function secretsOf(lab: Lab): string[] {
  const keys = readdirSync(keysFolder(lab)).filter((name) => name.endsWith("_ed25519"));
  const lines = keys.map((name) => readFileSync(join(keysFolder(lab), name), "utf8").split("\n")[2] ?? "");
  const secrets = [...lines, readFileSync(join(lab.directory, "passphrase"), "utf8").trim()];
  if (secrets.some((secret) => secret.length < 16)) throw new Error("a secret is too short to be looked for");
  return secrets;
}

/** Reads all command lines of this machine, hosts' included, again and again while something is under way. */
export async function commandLinesDuring(work: Promise<unknown>): Promise<Set<string>> {
  const seen = new Set<string>();
  let done = false;
  const ended = work.finally(() => (done = true));
  while (!done) {
    for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
      try {
        seen.add(readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " "));
      } catch {
        // It ended meanwhile.
      }
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  await ended;
  return seen;
}

/** Files below the lab's directory, its hosts' included, that others than root may read and that hold a secret. */
export async function readableByOthers(lab: Lab, secrets: readonly string[]): Promise<string[]> {
  const files = await run([
    "find",
    lab.directory,
    "-ignore_readdir_race",
    "-xdev",
    "-type",
    "f",
    "-perm",
    "/o=r",
    "-size",
    "-2048k",
  ]);
  return files
    .split("\n")
    .filter(Boolean)
    .filter((file) => {
      try {
        const text = readFileSync(file, "utf8");
        return secrets.some((secret) => text.includes(secret));
      } catch {
        return false; // A running host took it away meanwhile.
      }
    });
}
