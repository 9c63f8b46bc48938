import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { run } from "../../system/commands.ts";
import { pulumiHome, ROOT } from "../../system/lab.ts";
import type { Lab } from "../../system/lab.ts";
import type { Progress } from "../../system/progress.ts";
import { buildEngine, builtEngine } from "./build.ts";

/** What runs Pulumi in a lab. */
export interface Engine {
  /** Which engine and plugins are in use, in one line. */
  description: string;
  /** The engine itself: its launcher dies of a Ctrl-C that the engine would still be cleaning up after. */
  pulumi: string;
  /** What `pulumi` needs in its environment. */
  env: Record<string, string>;
}

/** The plugins that the program needs, and where a real one can be given. */
const PLUGINS = [
  { name: "command", version: "1.2.1", variable: "LAB_COMMAND_PLUGIN" },
  { name: "oci", version: "4.20.0", variable: "LAB_OCI_PLUGIN" },
] as const;

/** What npm's launcher fetches first where it downloads an engine. */
const DOWNLOADS = "https://get.pulumi.com/install.sh";

/** The version of npm's launcher, which is the engine's too. */
const version = () =>
  (JSON.parse(readFileSync(join(ROOT, "node_modules/pulumi/package.json"), "utf8")) as { version: string })
    .version;

/** The engine that the lab's last run used; the file is missing where there was none, or the cache is gone. */
export const engineOf = (lab: Lab) => join(pulumiHome(lab), "versions", version(), "bin", "pulumi");

/**
 * Fills the lab's own PULUMI_HOME. With open internet all is official: the launcher downloads the engine, and
 * the engine its plugins. Where only package registries answer, the engine is built from its Go modules, and
 * the plugins that no registry carries are stand-ins from lab/pulumi/plugins. The home is the lab's alone, so that a
 * stand-in never serves another stack.
 *
 * @throws Error with what is missing and the command that mends it
 */
export async function prepareEngine(lab: Lab, progress: Progress): Promise<Engine> {
  const home = pulumiHome(lab);
  const temporary = join(lab.directory, "tmp");
  for (const folder of [home, temporary]) mkdirSync(folder, { recursive: true, mode: 0o700 });
  const env: Record<string, string> = {
    // npm's Node first, as in npm scripts: the language host takes the first one it finds.
    PATH: `${join(ROOT, "node_modules/.bin")}:${process.env["PATH"] ?? ""}`,
    PULUMI_HOME: home,
    PULUMI_BACKEND_URL: `file://${join(lab.directory, "state")}`,
    PULUMI_CONFIG_PASSPHRASE_FILE: join(lab.directory, "passphrase"),
    PULUMI_SKIP_UPDATE_CHECK: "true",
    // A plugin that happens to be on PATH would be taken before the ones below.
    PULUMI_IGNORE_AMBIENT_PLUGINS: "true",
    // The language host leaves its pipes behind where it is killed; here they go with the lab.
    TMPDIR: temporary,
    // Compiled modules of the program and of the stand-ins, kept from run to run.
    NODE_COMPILE_CACHE: join(lab.cache, "node"),
  };
  const download = await downloads(lab);
  // Engines are kept in the cache; the home of one lab only points there.
  if (download) {
    const downloaded = join(lab.cache, "engine", "downloaded");
    mkdirSync(downloaded, { recursive: true, mode: 0o700 });
    link(downloaded, join(home, "versions"));
  } else {
    link(await buildEngine(lab, version(), progress), join(home, "versions"));
    env["PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION"] = "true";
  }
  if (download)
    await progress.step(`Pulumi ${version()}`, () => run(["pulumi", "version"], { timeout: 600_000, env }));
  const plugins: string[] = [];
  for (const plugin of PLUGINS) plugins.push(await registerPlugin(home, plugin, download, env));
  return {
    description: `Pulumi ${version()} (${download ? "official download" : "built from its Go modules"}), ${plugins.join(", ")}`,
    pulumi: engineOf(lab),
    env,
  };
}

/** Whether the engine comes as an official download: as LAB_ENGINE says, or wherever downloads answer. */
async function downloads(lab: Lab): Promise<boolean> {
  const wanted = process.env["LAB_ENGINE"];
  if (wanted === "download" || wanted === "build") return wanted === "download";
  if (wanted !== undefined)
    throw new Error(`LAB_ENGINE is "${wanted}": set it to build or download, or leave it out.`);
  if (builtEngine(lab, version()) !== undefined) return false;
  return answersItself(DOWNLOADS);
}

/**
 * Whether an address answers with the script that it is known for: a proxy's refusal and a portal's login page are
 * answers too.
 */
export async function answersItself(address: string): Promise<boolean> {
  try {
    const answer = await fetch(address, { signal: AbortSignal.timeout(3_000) });
    return answer.ok && (await answer.text()).startsWith("#!");
  } catch {
    return false;
  }
}

/** Puts a plugin where the engine looks for it, and says in a few words which one it is. */
async function registerPlugin(
  home: string,
  { name, version, variable }: (typeof PLUGINS)[number],
  download: boolean,
  env: Record<string, string>,
): Promise<string> {
  const folder = join(home, "plugins", `resource-${name}-v${version}`);
  const binary = join(folder, `pulumi-resource-${name}`);
  const given = process.env[variable];
  // Pulumi takes whatever is in the folder for the plugin that it would download.
  if (!isDownloadedPlugin(binary)) rmSync(folder, { recursive: true, force: true });
  if (given === undefined && download) {
    const install = ["pulumi", "plugin", "install", "resource", name, version];
    await run(install, { timeout: 600_000, env }).catch((error: unknown) => {
      throw new Error(
        `plugin ${name} ${version} could not be downloaded; run it again. ${(error as Error).message}`,
      );
    });
    return `${name} ${version} (official download)`;
  }
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  if (given !== undefined) {
    if (!existsSync(given))
      throw new Error(`${variable} names ${given}, which does not exist: give the path of a plugin binary.`);
    link(realpathSync(given), binary);
    return `${name} ${version} (${variable})`;
  }
  const node = join(ROOT, "node_modules/node/bin/node");
  writeFileSync(
    binary,
    `#!/bin/sh\nexec '${node}' '${join(ROOT, "lab/pulumi/plugins", name, "provider.ts")}' "$@"\n`,
  );
  chmodSync(binary, 0o755);
  return `${name} ${version} (stand-in)`;
}

/** Whether this is a program that Pulumi downloaded: what the lab puts there are links and short scripts. */
function isDownloadedPlugin(binary: string): boolean {
  const found = lstatSync(binary, { throwIfNoEntry: false });
  return found?.isFile() === true && found.size > 100_000;
}

function link(target: string, path: string): void {
  rmSync(path, { force: true });
  symlinkSync(target, path);
}
