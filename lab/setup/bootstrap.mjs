// Installs what TypeScript and the lab need: npm's packages, and Debian packages with the lab's tools. Plain JavaScript
// without dependencies, for Node 20 and newer.
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, statfsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { PACKAGES } from "./packages.mjs";

export const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** Bytes for node_modules, a built engine, two host images and running hosts. */
const DISK_NEEDED = 4e9;

/**
 * Ends the program with one line and exit code 1.
 *
 * @param {string} message names what is wrong and the command that corrects it
 * @returns {never}
 */
export function fail(message) {
  process.stderr.write(`lab: ${message}\n`);
  process.exit(1);
}

/** Node 24 from npm's `node` package; the machine's own Node may be older. */
export const node24 = () => join(ROOT, "node_modules", "node", "bin", "node");

/**
 * Runs a program in the foreground and returns its exit code. The terminal itself sends it Ctrl-C; signals that only
 * this process gets are passed on.
 *
 * @param {string} command
 * @param {string[]} args
 * @returns {Promise<number>}
 */
export function run(command, args) {
  return new Promise((resolve) => {
    const path = `${join(ROOT, "node_modules", ".bin")}:${process.env.PATH}`;
    const child = spawn(command, args, {
      cwd: ROOT,
      stdio: "inherit",
      env: { ...process.env, PATH: path },
    });
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
      process.on(signal, () => {
        if (signal !== "SIGINT" || !process.stdin.isTTY) child.kill(signal);
      });
    }
    child.on("error", (error) =>
      fail(`cannot run ${command}: ${error.message}. Remove node_modules and try again.`),
    );
    child.on("exit", (code, signal) => resolve(code ?? (signal === "SIGINT" ? 130 : 143)));
  });
}

/** Whether node_modules has every package of the lock file at its version, according to npm's own record. */
function packagesAreCurrent() {
  try {
    const readPackages = (/** @type {string} */ file) =>
      JSON.parse(readFileSync(join(ROOT, file), "utf8")).packages;
    const installedPackages = readPackages("node_modules/.package-lock.json");
    return (
      existsSync(node24()) &&
      Object.entries(readPackages("package-lock.json")).every(
        ([path, { version, optional, peer }]) =>
          path === "" || optional || peer || installedPackages[path]?.version === version,
      )
    );
  } catch {
    return false;
  }
}

/** @param {string} tool */
const onPath = (tool) =>
  `${process.env.PATH}:/usr/sbin:/sbin`
    .split(":")
    .some((folder) => folder !== "" && existsSync(join(folder, tool)));

const NPM_CI = "npm ci --no-audit --no-fund";

/** @param {typeof PACKAGES} tools */
const aptInstall = (tools) =>
  `apt-get install --yes --no-install-recommends ${[...new Set(tools.map((tool) => tool.package))].join(" ")}`;

/**
 * Installs what is missing. Prints nothing, and takes a few milliseconds, if nothing is missing.
 *
 * @param {{ only: "install" | "print", debian: boolean }} options `print`: print the commands and stop; `debian`:
 *   install the lab's tools too, which needs root
 * @param {typeof PACKAGES} tools further Debian packages
 */
export async function installMissing({ only, debian }, tools = []) {
  const missingTools = debian ? [...PACKAGES, ...tools].filter(({ tool }) => !onPath(tool)) : [];
  const npmMissing = !packagesAreCurrent();
  if (missingTools.length === 0 && !npmMissing) return;
  if (only === "print") {
    process.stdout.write("lab: missing; install it with\n");
    if (missingTools.length > 0) process.stdout.write(`  apt-get update && ${aptInstall(missingTools)}\n`);
    if (npmMissing) process.stdout.write(`  ${NPM_CI}\n`);
    process.exit(1);
  }
  requireDiskSpace();
  if (missingTools.length > 0) installDebianPackages(missingTools);
  if (npmMissing) step("npm packages", NPM_CI, NPM_CI);
}

function requireDiskSpace() {
  const { bavail, bsize } = statfsSync(ROOT);
  const freeBytes = bavail * bsize;
  if (freeBytes < DISK_NEEDED) {
    fail(
      `${Math.round(freeBytes / 1e6)} MB are free here and about ${DISK_NEEDED / 1e9} GB are needed: free some space, then run it again.`,
    );
  }
}

/** @param {typeof PACKAGES} tools */
function installDebianPackages(tools) {
  if (!onPath("apt-get")) {
    const names = tools.map(({ tool, why }) => `${tool} (${why})`).join(", ");
    fail(`missing: ${names}. This is no Debian or Ubuntu, so install them by hand, then run it again.`);
  }
  const packages = [...new Set(tools.map((tool) => tool.package))].join(" ");
  const install = aptInstall(tools);
  step(
    `Debian packages: ${packages}`,
    `apt-get update --quiet && ${install}`,
    `apt-get update && ${install}`,
  );
}

/**
 * Runs one installation step under a lock of this checkout, so that a second run waits for the first.
 *
 * @param {string} title
 * @param {string} command for sh
 * @param {string} manualCommand the command in an error, for the reader to run
 */
function step(title, command, manualCommand) {
  const startTime = Date.now();
  process.stderr.write(`lab: installing ${title} …\n`);
  const folder = join(ROOT, ".lab");
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const lock = ["--timeout", "900", join(folder, "install.lock")];
  const result = spawnSync("flock", [...lock, "sh", "-c", command], {
    cwd: ROOT,
    stdio: ["ignore", "pipe", "pipe"],
    encoding: "utf8",
    maxBuffer: 1 << 26,
    env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
  });
  if (result.status !== 0) {
    const lastLines = `${result.stdout}\n${result.stderr}`.trim().split("\n").slice(-8).join("\n");
    fail(`could not install ${title}. Run "${manualCommand}" to see why. Its last lines:\n${lastLines}`);
  }
  process.stderr.write(`lab: installed in ${((Date.now() - startTime) / 1000).toFixed(1)} s\n`);
}
