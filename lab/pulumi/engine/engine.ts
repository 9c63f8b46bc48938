import { mkdirSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { run } from "../../system/commands.ts";
import { pulumiHome, pulumiState, ROOT } from "../../system/lab.ts";
import type { Lab } from "../../system/lab.ts";
import type { Progress } from "../../system/progress.ts";
import { buildEngine, builtEngine } from "./build.ts";
import { PLUGINS, registerPlugin, STAND_IN } from "./pluginFolder.ts";

/** The Pulumi engine of a lab. */
export interface Engine {
  /** Names engine and plugins in one line. */
  description: string;
  /** The engine's binary. npm's launcher is not used: a Ctrl-C ends it while the engine still cleans up. */
  pulumi: string;
  /** The environment that `pulumi` needs. */
  env: Record<string, string>;
  /** The plugins that stand-ins replace, such as "oci". */
  standIns: readonly string[];
}

/** The first file that npm's launcher fetches to download an engine. */
const INSTALL_SCRIPT = "https://get.pulumi.com/install.sh";

/** Versions of the engine that can be built beside that of the launcher. */
const OTHER_VERSIONS = ["3.274.1"];

/** The version of the engine: that of npm's launcher, unless LAB_ENGINE_VERSION names another one. */
export function engineVersion(version = process.env["LAB_ENGINE_VERSION"]): string {
  const file = readFileSync(join(ROOT, "node_modules/pulumi/package.json"), "utf8");
  const launcher = (JSON.parse(file) as { version: string }).version;
  const versions = [launcher, ...OTHER_VERSIONS];
  if (version === undefined) return launcher;
  if (versions.includes(version)) return version;
  throw new Error(
    `LAB_ENGINE_VERSION is "${version}": the lab has the modules of ${versions.join(" and ")}, so set it to one of these, or leave it out.`,
  );
}

/** The binary of the lab's engine. It does not exist before the first run, or after the cache was removed. */
export const engineOf = (lab: Lab) => join(pulumiHome(lab), "versions", engineVersion(), "bin", "pulumi");

/**
 * Fills the lab's own PULUMI_HOME. With open internet everything is official: the launcher downloads the engine, and
 * the engine its plugins. If only package registries answer, the engine is built from its Go modules, and stand-ins
 * replace the plugins. No other stack uses this PULUMI_HOME, so none gets a stand-in.
 *
 * @throws Error that names what is missing and the command that installs it
 */
export async function prepareEngine(lab: Lab, progress: Progress): Promise<Engine> {
  const home = pulumiHome(lab);
  const env = engineEnvironment(lab);
  for (const folder of [home, env["TMPDIR"] ?? ""]) mkdirSync(folder, { recursive: true, mode: 0o700 });
  const download = await isDownloaded(lab);
  // Engines are kept in the cache; the home of a lab has a link to them.
  if (download) {
    const folder = join(lab.cache, "engine", "downloaded");
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    link(folder, join(home, "versions"));
    await progress.step(`Pulumi ${engineVersion()}`, () =>
      run(["pulumi", "version"], { timeout: 600_000, env }),
    );
  } else {
    link(await buildEngine(lab, engineVersion(), progress), join(home, "versions"));
    env["PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION"] = "true";
  }
  const plugins: string[] = [];
  const standIns: string[] = [];
  for (const plugin of PLUGINS) {
    const pluginOrigin = await registerPlugin(home, plugin, download, env);
    plugins.push(`${plugin.name} ${plugin.version} (${pluginOrigin})`);
    if (pluginOrigin === STAND_IN) standIns.push(plugin.name);
  }
  const origin = download ? "official download" : "built from its Go modules";
  return {
    description: `Pulumi ${engineVersion()} (${origin}), ${plugins.join(", ")}`,
    pulumi: engineOf(lab),
    env,
    standIns,
  };
}

function engineEnvironment(lab: Lab): Record<string, string> {
  return {
    // The language host takes the first Node on PATH: npm's, as in npm scripts.
    PATH: `${join(ROOT, "node_modules/.bin")}:${process.env["PATH"] ?? ""}`,
    PULUMI_HOME: pulumiHome(lab),
    PULUMI_BACKEND_URL: `file://${pulumiState(lab)}`,
    PULUMI_CONFIG_PASSPHRASE_FILE: join(lab.directory, "passphrase"),
    PULUMI_SKIP_UPDATE_CHECK: "true",
    // Pulumi prefers a plugin on PATH to the ones in PULUMI_HOME otherwise.
    PULUMI_IGNORE_AMBIENT_PLUGINS: "true",
    // A killed language host leaves its pipes behind. In this folder, `down` removes them.
    TMPDIR: join(lab.directory, "tmp"),
    // Caches the compiled modules of the program and the stand-ins.
    NODE_COMPILE_CACHE: join(lab.cache, "node"),
  };
}

/** Whether the engine is an official download: as LAB_ENGINE says, otherwise if nothing is built and downloads work. */
async function isDownloaded(lab: Lab): Promise<boolean> {
  if (OTHER_VERSIONS.includes(engineVersion())) return false;
  const choice = process.env["LAB_ENGINE"];
  if (choice === "download" || choice === "build") return choice === "download";
  if (choice !== undefined)
    throw new Error(`LAB_ENGINE is "${choice}": set it to build or download, or leave it out.`);
  return builtEngine(lab, engineVersion()) === undefined && servesScript(INSTALL_SCRIPT);
}

/** Whether an address serves a script. A proxy's refusal and a captive portal's login page are no scripts. */
export async function servesScript(address: string): Promise<boolean> {
  try {
    const response = await fetch(address, { signal: AbortSignal.timeout(3_000) });
    return response.ok && (await response.text()).startsWith("#!");
  } catch {
    return false;
  }
}

function link(target: string, path: string): void {
  rmSync(path, { force: true });
  symlinkSync(target, path);
}
