import { run } from "../system/commands.ts";
import type { Lab } from "../system/lab.ts";
import { initOf } from "./supervisor.ts";

/** nsenter's arguments for a command as root inside a host, without SSH. */
export function nsenterArgs(lab: Lab, host: string): string[] {
  const init = initOf(lab, host);
  if (init === undefined) throw new Error(`${host} does not run: start it with npm run lab`);
  return ["--target", String(init), "--all", "--"];
}

/** Runs a command as root inside a host, without SSH, and returns what it printed. */
export async function runInHost(
  lab: Lab,
  host: string,
  argv: readonly string[],
  input = "",
): Promise<string> {
  return run(["nsenter", ...nsenterArgs(lab, host), ...argv], { input });
}
