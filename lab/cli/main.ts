import { existsSync } from "node:fs";
import { join } from "node:path";
import { parseCommandLine } from "../setup/commandLine.mjs";
import { HELP } from "../setup/help.mjs";
import { openLab, ROOT } from "../system/lab.ts";
import type { Lab } from "../system/lab.ts";
import type { Verb } from "./context.ts";
import { down } from "./down.ts";
import { fault } from "./fault.ts";
import { logs, ps, reboot, ssh } from "./hostVerbs.ts";
import { withLock } from "./lock.ts";
import { destroy, diagram, prepare, preview, pulumi, refresh, status, up } from "./stackVerbs.ts";

/** The verbs of `npm run lab`; setup/help.mjs describes them. */

/** Verbs that change the lab. Only one of them runs at a time. */
const EXCLUSIVE_VERBS: Readonly<Record<string, Verb>> = {
  up,
  preview,
  refresh,
  destroy,
  pulumi,
  reboot,
  down,
  prepare,
};

/** Verbs that may run beside the others: they only read, or order a fault for a run that is under way. */
const PARALLEL_VERBS: Readonly<Record<string, Verb>> = { status, diagram, ssh, logs, ps, fault };

/** The lab of this name; undefined, after an error message, for an invalid name. */
function openNamedLab(name: string): Lab | undefined {
  try {
    return openLab(name);
  } catch (error) {
    process.stderr.write(`lab: ${(error as Error).message}\n`);
    return undefined;
  }
}

async function main(argv: readonly string[]): Promise<number> {
  const { stack, verb, args } = parseCommandLine(argv);
  if (!existsSync(join(ROOT, "stacks", `Pulumi.${stack}.yaml`)))
    throw new Error(`there is no stack ${stack}: stacks/Pulumi.${stack}.yaml does not exist.`);
  const lab = openNamedLab(process.env["LAB_NAME"] ?? stack);
  if (lab === undefined) return 2;
  const parallelVerb = PARALLEL_VERBS[verb];
  if (parallelVerb) return parallelVerb({ lab, stack }, args);
  const exclusiveVerb = EXCLUSIVE_VERBS[verb];
  if (exclusiveVerb) return withLock(lab, () => exclusiveVerb({ lab, stack }, args));
  process.stderr.write(`lab: there is no "${verb}"\n\n${HELP}`);
  return 2;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`lab: ${(error as Error).message}\n`);
  if (process.env["LAB_DEBUG"]) process.stderr.write(`${(error as Error).stack ?? ""}\n`);
  process.exitCode = 1;
}
