import { existsSync } from "node:fs";
import { join } from "node:path";
import { run } from "../../system/commands.ts";

/** For the environment of these programs: they import thousands of modules, so Python keeps what it has compiled. */
export const KEEP_COMPILED = { PYTHONDONTWRITEBYTECODE: "" };

const PIP_OPTIONS = ["--quiet", "--no-compile", "--no-input", "--disable-pip-version-check"];

/**
 * Installs a package of PyPI once into the lab's cache, outside the operator's network, which reaches no registry.
 *
 * @param requirement name of the package, with extras where it needs some: `moto[server]`
 * @param command that the package brings; pip writes it last, after all that it needs
 * @returns path of the command
 */
export async function pythonTool(
  cache: string,
  requirement: string,
  version: string,
  command: string,
): Promise<string> {
  const folder = join(cache, `${requirement.replace(/\[.*/, "")}-${version}`);
  const path = join(folder, "bin", command);
  if (existsSync(path)) return path;
  await run(["python3", "-m", "venv", "--clear", "--without-pip", "--system-site-packages", folder]);
  const pip = [join(folder, "bin", "python"), "-m", "pip", "install", ...PIP_OPTIONS];
  await run([...pip, `${requirement}==${version}`], { timeout: 280_000 });
  return path;
}
