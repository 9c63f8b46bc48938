import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { attempt, run } from "../../system/commands.ts";
import type { Lab } from "../../system/lab.ts";
import type { Progress } from "../../system/progress.ts";
import { requireDiskSpace } from "../../system/diskSpace.ts";

interface Program {
  what: string;
  /** Holds its go.mod and go.sum. */
  folder: string;
  package: string;
  binary: string;
  /** One place in the package's main.go that is built otherwise. */
  change?: { from: string; to: string };
}

/** The programs that are built, each from a go.mod and go.sum of its own beside this file. */
const PROGRAMS: readonly Program[] = [
  {
    what: "the Pulumi engine",
    folder: fileURLToPath(new URL("cli", import.meta.url)),
    package: "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi",
    binary: "pulumi",
  },
  {
    what: "the Node.js language host",
    folder: fileURLToPath(new URL("language-nodejs", import.meta.url)),
    package: "github.com/pulumi/pulumi/sdk/v3/nodejs/cmd/pulumi-language-nodejs",
    binary: "pulumi-language-nodejs",
    // This older host puts itself between the program and the engine, and knows only the calls of its own time: not
    // those of resource hooks, which the engine has. Newer hosts give the program the engine's own address.
    change: { from: 'fmt.Sprintf("127.0.0.1:%d", handle.Port)', to: "req.GetMonitorAddress()" },
  },
];

/** Where an engine of this version is or would be: the name holds a hash of everything it is built from. */
function folderOf(lab: Lab, version: string): string {
  const hash = createHash("sha256").update(version);
  for (const { folder, change } of PROGRAMS) {
    hash.update(change?.to ?? "");
    for (const file of ["go.mod", "go.sum"]) hash.update(readFileSync(join(folder, file)));
  }
  return join(lab.cache, "engine", `${version}-${hash.digest("hex").slice(0, 12)}`);
}

/** The folder with the built engine, laid out as the launcher's own `versions` folder, where they are built already. */
export function builtEngine(lab: Lab, version: string): string | undefined {
  const folder = folderOf(lab, version);
  return existsSync(folder) ? folder : undefined;
}

/**
 * Builds the engine from Go modules, once; what is built is put in place whole.
 *
 * @returns a folder laid out as the launcher's own `versions` folder
 * @throws Error where Go is missing or a build fails
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
  const unfinished = join(lab.cache, "engine", `.unfinished-${process.pid}`);
  rmSync(unfinished, { recursive: true, force: true });
  mkdirSync(join(unfinished, version, "bin"), { recursive: true, mode: 0o700 });
  requireDiskSpace(unfinished, 3_000, "building the engine");
  for (const program of PROGRAMS) {
    await progress.step(`${program.what} ${version}, built from its Go module (minutes, once)`, () =>
      build(program, version, unfinished, join(unfinished, version, "bin", program.binary)),
    );
  }
  rmSync(join(unfinished, SOURCES), { recursive: true, force: true });
  if (existsSync(folder)) rmSync(unfinished, { recursive: true });
  else renameSync(unfinished, folder);
  return folder;
}

/** Where changed sources are while they are built. */
const SOURCES = "sources";

async function build(program: Program, version: string, unfinished: string, output: string): Promise<void> {
  const flags = `-s -w -X github.com/pulumi/pulumi/sdk/v3/go/common/version.Version=${version}`;
  const changed = program.change ? await changedSources(program, program.change, unfinished) : undefined;
  const argv = [
    "go",
    "build",
    "-C",
    changed ?? program.folder,
    "-trimpath",
    "-ldflags",
    flags,
    "-o",
    output,
    changed === undefined ? program.package : ".",
  ];
  const { exitCode, stderr } = await attempt(argv, { timeout: 30 * 60_000 });
  if (exitCode !== 0) {
    const last = stderr
      .trim()
      .split("\n")
      .filter((line) => !line.startsWith("go: downloading"))
      .slice(-6)
      .join("\n");
    throw new Error(
      `${program.what} could not be built with "go build ${program.package}" in ${program.folder}:\n${last}`,
    );
  }
}

/** A copy of a program's main package with its one change, to be built in its place. */
async function changedSources(
  program: Program,
  { from, to }: { from: string; to: string },
  unfinished: string,
): Promise<string> {
  const find = ["go", "list", "-C", program.folder, "-f", "{{.Dir}}", program.package];
  const original = (await run(find, { timeout: 10 * 60_000 })).trim();
  const copy = join(unfinished, SOURCES);
  mkdirSync(copy);
  for (const file of readdirSync(original).filter((name) => /(?<!_test)\.go$/.test(name))) {
    const text = readFileSync(join(original, file), "utf8");
    if (file === "main.go" && text.split(from).length !== 2) {
      throw new Error(`${program.what}: main.go has not the one place that is to be changed: ${from}`);
    }
    writeFileSync(join(copy, file), file === "main.go" ? text.replace(from, to) : text);
  }
  for (const file of ["go.mod", "go.sum"])
    writeFileSync(join(copy, file), readFileSync(join(program.folder, file)));
  return copy;
}
