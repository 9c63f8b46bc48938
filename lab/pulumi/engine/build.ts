import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { attempt, run } from "../../system/commands.ts";
import { requireDiskSpace } from "../../system/diskSpace.ts";
import type { Lab } from "../../system/lab.ts";
import type { Progress } from "../../system/progress.ts";

/** A program that is built from Go modules. */
interface Program {
  title: string;
  /** The folder of its go.mod and go.sum. */
  folder: string;
  package: string;
  binary: string;
  /** A change of one place in the package's main.go. */
  change?: Change;
}

interface Change {
  from: string;
  to: string;
}

/** Returns the programs of an engine; a version other than the launcher's has a folder of its own. */
function programsOf(version: string): readonly Program[] {
  const versionFolder = fileURLToPath(new URL(`cli-${version}`, import.meta.url));
  const folder = existsSync(versionFolder) ? versionFolder : fileURLToPath(new URL("cli", import.meta.url));
  const cli = {
    title: "the Pulumi engine",
    folder,
    package: `${MODULE}/pkg/v3/cmd/pulumi`,
    binary: "pulumi",
  };
  return [cli, LANGUAGE_HOST];
}

const MODULE = "github.com/pulumi/pulumi";

const LANGUAGE_HOST: Program = {
  title: "the Node.js language host",
  folder: fileURLToPath(new URL("language-nodejs", import.meta.url)),
  package: `${MODULE}/sdk/v3/nodejs/cmd/pulumi-language-nodejs`,
  binary: "pulumi-language-nodejs",
  // This version of the language host proxies calls from the program to the engine and refuses those that are newer
  // than itself, such as resource hooks. The change gives the program the engine's own address, as newer versions do.
  change: { from: 'fmt.Sprintf("127.0.0.1:%d", handle.Port)', to: "req.GetMonitorAddress()" },
};

/** The folder of a built engine. Its name contains a hash of everything that the engine is built from. */
function folderOf(lab: Lab, version: string): string {
  const hash = createHash("sha256").update(version);
  for (const { folder, change } of programsOf(version)) {
    hash.update(change?.to ?? "");
    for (const file of ["go.mod", "go.sum"]) hash.update(readFileSync(join(folder, file)));
  }
  return join(lab.cache, "engine", `${version}-${hash.digest("hex").slice(0, 12)}`);
}

/** The folder of a built engine; undefined if it is not built. It has the layout of the launcher's `versions` folder. */
export function builtEngine(lab: Lab, version: string): string | undefined {
  const folder = folderOf(lab, version);
  return existsSync(folder) ? folder : undefined;
}

/**
 * Builds the engine from Go modules, unless it is built. The folder appears when all of it is built.
 *
 * @returns the folder, in the layout of the launcher's `versions` folder
 * @throws Error if Go is missing or a build fails
 */
export async function buildEngine(lab: Lab, version: string, progress: Progress): Promise<string> {
  const folder = folderOf(lab, version);
  if (existsSync(folder)) return folder;
  if ((await attempt(["go", "version"])).exitCode !== 0) {
    throw new Error(
      "there is no open internet to download Pulumi from, and no Go to build it with: install Go 1.21 or newer " +
        "(apt-get install golang-go, or your own way), then run it again.",
    );
  }
  const unfinishedFolder = join(lab.cache, "engine", `.unfinished-${process.pid}`);
  const binaries = join(unfinishedFolder, version, "bin");
  rmSync(unfinishedFolder, { recursive: true, force: true });
  mkdirSync(binaries, { recursive: true, mode: 0o700 });
  requireDiskSpace(unfinishedFolder, 3_000, "building the engine");
  for (const program of programsOf(version)) {
    await progress.step(`${program.title} ${version}, built from its Go module (minutes, once)`, () =>
      build(program, version, join(unfinishedFolder, SOURCES), binaries),
    );
  }
  rmSync(join(unfinishedFolder, SOURCES), { recursive: true, force: true });
  if (existsSync(folder)) rmSync(unfinishedFolder, { recursive: true });
  else renameSync(unfinishedFolder, folder);
  return folder;
}

/** The folder of changed sources during a build. */
const SOURCES = "sources";

async function build(program: Program, version: string, sources: string, binaries: string): Promise<void> {
  const flags = `-s -w -X github.com/pulumi/pulumi/sdk/v3/go/common/version.Version=${version}`;
  if (program.change) await writeChangedSources(program, program.change, sources);
  const [folder, target] = program.change ? [sources, "."] : [program.folder, program.package];
  const output = ["-o", join(binaries, program.binary)];
  const argv = ["go", "build", "-C", folder, "-trimpath", "-ldflags", flags, ...output, target];
  const { exitCode, stderr } = await attempt(argv, { timeout: 30 * 60_000 });
  if (exitCode === 0) return;
  const lines = stderr.trim().split("\n");
  const lastLines = lines.filter((line) => !line.startsWith("go: downloading")).slice(-6);
  throw new Error(
    `${program.title} could not be built with "go build ${program.package}" in ${program.folder}:\n${lastLines.join("\n")}`,
  );
}

/** Writes a copy of a program's main package with its change, to be built instead. */
async function writeChangedSources(program: Program, { from, to }: Change, sources: string): Promise<void> {
  const list = ["go", "list", "-C", program.folder, "-f", "{{.Dir}}", program.package];
  const original = (await run(list, { timeout: 10 * 60_000 })).trim();
  mkdirSync(sources);
  for (const file of readdirSync(original).filter((name) => /(?<!_test)\.go$/.test(name))) {
    const text = readFileSync(join(original, file), "utf8");
    if (file === "main.go" && text.split(from).length !== 2)
      throw new Error(`${program.title}: main.go has ${from} not exactly once, so it cannot be changed.`);
    writeFileSync(join(sources, file), file === "main.go" ? text.replace(from, to) : text);
  }
  for (const file of ["go.mod", "go.sum"])
    writeFileSync(join(sources, file), readFileSync(join(program.folder, file)));
}
