import { existsSync, mkdirSync, renameSync } from "node:fs";
import { join } from "node:path";
import { run } from "../../lab/system/commands.ts";

/** Programs that are built from Go modules, once, in the lab's cache. */

interface GoTool {
  packages: readonly string[];
  version: string;
}

export const WIREGUARD_GO = {
  packages: ["golang.zx2c4.com/wireguard"],
  version: "v0.0.0-20260522210424-ecfc5a8d5446",
} as const satisfies GoTool;

/** The newest release that Go 1.26 builds. */
export const NEBULA = {
  packages: ["github.com/slackhq/nebula/cmd/nebula", "github.com/slackhq/nebula/cmd/nebula-cert"],
  version: "v1.10.3",
} as const satisfies GoTool;

/** @returns the folder of the built programs, each named as its package */
export async function buildGoTool({ packages, version }: GoTool, cache: string): Promise<string> {
  const [first = ""] = packages;
  const folder = join(cache, `${first.split("/").pop() ?? ""}-${version}`);
  if (existsSync(folder)) return folder;
  const unfinished = `${folder}.unfinished-${process.pid}`;
  mkdirSync(unfinished, { recursive: true, mode: 0o700 });
  await run(["go", "install", ...packages.map((each) => `${each}@${version}`)], {
    env: { GOBIN: unfinished },
    timeout: 600_000,
  });
  renameSync(unfinished, folder);
  return folder;
}
