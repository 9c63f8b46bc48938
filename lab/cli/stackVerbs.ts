import { existsSync } from "node:fs";
import { join } from "node:path";
import { startCloud } from "../cloud/daemonControl.ts";
import { startHosts } from "../hosts/boot.ts";
import { hostImage, IMAGES } from "../hosts/images.ts";
import type { ImageName } from "../hosts/images.ts";
import { engineOf, prepareEngine } from "../pulumi/engine/engine.ts";
import { runInForeground } from "../pulumi/operator.ts";
import { LabStack, stateFileOf } from "../pulumi/stack.ts";
import { requireDiskSpace } from "../system/diskSpace.ts";
import { ROOT } from "../system/lab.ts";
import { Stopwatch, terminalProgress } from "../system/progress.ts";
import type { Context, Verb } from "./context.ts";
import { existingHostsOf } from "./existingHosts.ts";

/** The verbs that run Pulumi. */

/** The product's own `npm run status`, with which `up` ends. */
const STATUS = "status/main.ts";

const WITHOUT_QUESTIONS = ["--yes", "--skip-preview"];

/** Starts the cloud or the existing hosts where they do not run, and prepares Pulumi for the stack. */
async function prepareStack({ lab, stack }: Context, stopwatch = new Stopwatch()): Promise<LabStack> {
  requireDiskSpace(lab.directory, 200, "a running lab");
  const engine = await stopwatch.step("engine", () => prepareEngine(lab, terminalProgress));
  terminalProgress.line(engine.description);
  const existingHosts = existingHostsOf(stack);
  if (existingHosts) await stopwatch.step("hosts", () => startHosts(lab, existingHosts, terminalProgress));
  else await stopwatch.step("cloud", () => startCloud(lab, terminalProgress));
  const labPulumi = new LabStack(lab, engine, stack);
  await stopwatch.step("stack", () => labPulumi.prepare());
  return labPulumi;
}

export const up: Verb = async (context) => {
  const stopwatch = new Stopwatch();
  const labPulumi = await prepareStack(context, stopwatch);
  const exitCode = await stopwatch.step("pulumi up", () =>
    labPulumi.inForeground(["up", ...WITHOUT_QUESTIONS]),
  );
  if (exitCode !== 0) return exitCode;
  process.stdout.write("\n");
  const statusCode = await stopwatch.step("status", () => labPulumi.readerInForeground(STATUS, []));
  process.stdout.write(`\n${stopwatch.toString()}\n`);
  return statusCode;
};

export const preview: Verb = async (context, args) =>
  (await prepareStack(context)).inForeground(["preview", ...args]);

export const refresh: Verb = async (context, args) =>
  (await prepareStack(context)).inForeground(["refresh", ...WITHOUT_QUESTIONS, ...args]);

export const destroy: Verb = async (context, args) =>
  (await prepareStack(context)).inForeground(["destroy", ...WITHOUT_QUESTIONS, ...args]);

/** The status of a stack that exists. It starts and prepares nothing. */
export const status: Verb = async ({ lab, stack }, args) => {
  if (!existsSync(stateFileOf(lab, stack)) || !existsSync(engineOf(lab))) {
    process.stderr.write(`lab: there is no stack ${stack} yet: start it with npm run lab.\n`);
    return 2;
  }
  const engine = await prepareEngine(lab, terminalProgress);
  return new LabStack(lab, engine, stack).readerInForeground(STATUS, args);
};

/** The product's own `npm run diagram`, before the first `up` too. It starts and prepares nothing. */
export const diagram: Verb = async ({ lab, stack }, args) => {
  if (!existsSync(stateFileOf(lab, stack)) || !existsSync(engineOf(lab))) {
    const program = join(ROOT, "diagram/main.ts");
    return runInForeground([process.execPath, program, "--stack", stack, "--planned", ...args]);
  }
  const engine = await prepareEngine(lab, terminalProgress);
  return new LabStack(lab, engine, stack).readerInForeground("diagram/main.ts", args);
};

export const pulumi: Verb = async (context, args) => (await prepareStack(context)).inForeground(args);

/** Builds the engine and the host images, so that tests need not wait for them. */
export const prepare: Verb = async ({ lab }) => {
  await prepareEngine(lab, terminalProgress);
  for (const name of Object.keys(IMAGES)) await hostImage(lab, name as ImageName, terminalProgress);
  return 0;
};
