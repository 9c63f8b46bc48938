// What has to happen before TypeScript can run: npm's packages, and the Debian packages that the lab's tools
// come from. Plain JavaScript without dependencies, for Node 20 and newer.
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, statfsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { PACKAGES } from "./packages.mjs";

export const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** Bytes that node_modules, a built engine and two host images take, with room for running hosts. */
const DISK_NEEDED = 4e9;

/**
 * Ends the program with one line.
 *
 * @param {string} message what is wrong, and the command that mends it
 * @returns {never}
 */
export function fail(message) {
  process.stderr.write(`lab: ${message}\n`);
  process.exit(1);
}

/** The Node that npm's `node` package brought: current, whatever the machine has. */
export const node24 = () => join(ROOT, "node_modules", "node", "bin", "node");

/**
 * Runs a program in the foreground and returns its exit code. Ctrl-C reaches it from the terminal; a signal
 * sent to this process alone is passed on.
 *
 * @param {string} command
 * @param {string[]} args
 * @param {Record<string, string>} [env]
 * @returns {Promise<number>}
 */
export function run(command, args, env = {}) {
  return new Promise((resolve) => {
    const path = `${join(ROOT, "node_modules", ".bin")}:${process.env.PATH}`;
    const child = spawn(command, args, {
      cwd: ROOT,
      stdio: "inherit",
      env: { ...process.env, PATH: path, ...env },
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

/** Whether every package of the lock file stands in node_modules at its version, as npm's own record says. */
function packagesAreCurrent() {
  try {
    const read = (/** @type {string} */ file) => JSON.parse(readFileSync(join(ROOT, file), "utf8")).packages;
    const installed = read("node_modules/.package-lock.json");
    return (
      existsSync(node24()) &&
      Object.entries(read("package-lock.json")).every(
        ([path, { version, optional, peer }]) =>
          path === "" || optional || peer || installed[path]?.version === version,
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

/**
 * Installs what is missing, and says so; where nothing is, it takes a few milliseconds and says nothing.
 *
 * @param {{ only: "install" | "print", debian: boolean }} options `print`: name the commands and stop;
 *   `debian`: the lab's tools too, which needs root
 */
export async function installMissing({ only, debian }) {
  const missing = debian ? PACKAGES.filter(({ tool }) => !onPath(tool)) : [];
  const npmMissing = !packagesAreCurrent();
  if (missing.length === 0 && !npmMissing) return;

  const names = [...new Set(missing.map((entry) => entry.package))];
  const apt = `apt-get install --yes --no-install-recommends ${names.join(" ")}`;
  const npm = "npm ci --no-audit --no-fund";
  if (only === "print") {
    process.stdout.write("lab: missing; install it with\n");
    if (names.length > 0) process.stdout.write(`  apt-get update && ${apt}\n`);
    if (npmMissing) process.stdout.write(`  ${npm}\n`);
    process.exit(1);
  }
  const free = statfsSync(ROOT);
  if (free.bavail * free.bsize < DISK_NEEDED) {
    fail(
      `${Math.round((free.bavail * free.bsize) / 1e6)} MB are free here and about ${DISK_NEEDED / 1e9} GB are needed: free some space, then run it again.`,
    );
  }
  if (names.length > 0) {
    if (!onPath("apt-get")) {
      const what = missing.map(({ tool, why }) => `${tool} (${why})`).join(", ");
      fail(`missing: ${what}. This is no Debian or Ubuntu, so install them by hand, then run it again.`);
    }
    step(
      `Debian packages: ${names.join(" ")}`,
      "sh",
      ["-c", `apt-get update --quiet && ${apt}`],
      `apt-get update && ${apt}`,
    );
  }
  if (npmMissing) step("npm packages", "sh", ["-c", npm], npm);
}

/**
 * One installation step, alone on this machine's checkout: a second run waits for the first.
 *
 * @param {string} what
 * @param {string} command
 * @param {string[]} args
 * @param {string} byHand
 */
function step(what, command, args, byHand) {
  const started = Date.now();
  process.stderr.write(`lab: installing ${what} …\n`);
  const folder = join(ROOT, ".lab");
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const result = spawnSync("flock", ["--timeout", "900", join(folder, "install.lock"), command, ...args], {
    cwd: ROOT,
    stdio: ["ignore", "pipe", "pipe"],
    encoding: "utf8",
    maxBuffer: 1 << 26,
    env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
  });
  if (result.status !== 0) {
    const lastLines = `${result.stdout}\n${result.stderr}`.trim().split("\n").slice(-8).join("\n");
    fail(`could not install ${what}. Run "${byHand}" to see why. Its last lines:\n${lastLines}`);
  }
  process.stderr.write(`lab: installed in ${((Date.now() - started) / 1000).toFixed(1)} s\n`);
}
