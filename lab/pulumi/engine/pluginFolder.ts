import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { run } from "../../system/commands.ts";
import { ROOT } from "../../system/lab.ts";

/** A plugin that the program needs. */
interface Plugin {
  name: string;
  version: string;
  /** The environment variable that may name an official binary. */
  variable: string;
}

export const PLUGINS: readonly Plugin[] = [
  { name: "command", version: "1.2.1", variable: "LAB_COMMAND_PLUGIN" },
  { name: "oci", version: "4.20.0", variable: "LAB_OCI_PLUGIN" },
];

/** Where a plugin comes from that no registry carries. */
export const STAND_IN = "stand-in";

/** The program of the lab's stand-in for a plugin, as a path in this checkout. */
export const standInOf = (name: string) => `lab/pulumi/plugins/${name}/provider.ts`;

/**
 * Puts a plugin into the folder in which the engine looks for it: the binary that the environment names, the official
 * download, or the stand-in from lab/pulumi/plugins.
 *
 * @param download whether the engine is an official download
 * @param env for the engine
 * @returns where it comes from: `STAND_IN`, the name of the variable, or "official download"
 */
export async function registerPlugin(
  pulumiHome: string,
  plugin: Plugin,
  download: boolean,
  env: Record<string, string>,
): Promise<string> {
  const { name, version, variable } = plugin;
  const folder = join(pulumiHome, "plugins", `resource-${name}-v${version}`);
  const binary = join(folder, `pulumi-resource-${name}`);
  const officialBinary = process.env[variable];
  if (officialBinary === undefined && download) {
    // Pulumi downloads nothing if anything is in the folder, such as an earlier stand-in.
    if (!isDownloadedPlugin(binary)) rmSync(folder, { recursive: true, force: true });
    await downloadPlugin(plugin, env);
    return "official download";
  }
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  if (officialBinary === undefined) {
    writeStandIn(binary, name);
    return STAND_IN;
  }
  if (!existsSync(officialBinary))
    throw new Error(
      `${variable} names ${officialBinary}, which does not exist: give the path of a plugin binary.`,
    );
  symlinkSync(realpathSync(officialBinary), binary);
  return variable;
}

async function downloadPlugin({ name, version }: Plugin, env: Record<string, string>): Promise<void> {
  const install = ["pulumi", "plugin", "install", "resource", name, version];
  await run(install, { timeout: 600_000, env }).catch((error: unknown) => {
    throw new Error(
      `plugin ${name} ${version} could not be downloaded; run it again. ${(error as Error).message}`,
    );
  });
}

function writeStandIn(binary: string, name: string): void {
  const node = join(ROOT, "node_modules/node/bin/node");
  const program = join(ROOT, standInOf(name));
  writeFileSync(binary, `#!/bin/sh\nexec '${node}' '${program}' "$@"\n`);
  chmodSync(binary, 0o755);
}

/** Whether Pulumi downloaded this program. What the lab puts there is a link or a short script. */
function isDownloadedPlugin(binary: string): boolean {
  const file = lstatSync(binary, { throwIfNoEntry: false });
  return file?.isFile() === true && file.size > 100_000;
}
