import { existsSync, readFileSync } from "node:fs";
import { cloudAnswers } from "../cloud/daemonControl.ts";
import { withoutPrefix } from "../hosts/inventory.ts";
import { unreachability } from "../hosts/sshProbe.ts";
import { engineOf, prepareEngine } from "../pulumi/engine/engine.ts";
import { LabStack, stateFileOf } from "../pulumi/stack.ts";
import { freeMegabytes } from "../system/diskSpace.ts";
import { pulumiHome } from "../system/lab.ts";
import type { Lab } from "../system/lab.ts";
import { interruptProcesses, killProcesses, processesByEnvironment } from "../system/processes.ts";
import { terminalProgress } from "../system/progress.ts";
import type { Context, Verb } from "./context.ts";
import { existingHostsOf } from "./existingHosts.ts";
import { removeLab } from "./teardown.ts";

/**
 * `npm run lab -- down`: runs `pulumi destroy` if that can work, and removes the lab in any case. Hosts that do not
 * answer are detected within seconds; `destroy` itself would dial each of them for minutes.
 */

/** Milliseconds to prepare Pulumi, including the removal of a killed run's lock. */
const PREPARE_LIMIT = 60_000;

/** Milliseconds for `pulumi destroy`. */
const DESTROY_LIMIT = 180_000;

/** Milliseconds for Pulumi to end after a Ctrl-C or at its limit, before it is killed. */
const END_LIMIT = 10_000;

/** Megabytes that `pulumi destroy` may write. */
const DESTROY_MEGABYTES = 20;

/** Ends a wait because of a signal. */
class Interrupted extends Error {
  readonly exitCode: number;

  constructor(signal: NodeJS.Signals) {
    super("interrupted");
    this.exitCode = signal === "SIGINT" ? 130 : 143;
  }
}

/**
 * Removes everything of a lab except its caches. Exit code 0 if nothing is left, also if `pulumi destroy` could not be
 * run; 130 or 143 after a signal before the removal, which then does not begin.
 *
 * @throws AggregateError that names everything that is left
 */
export const down: Verb = async (context) => {
  try {
    await destroyStack(context);
  } catch (error) {
    if (error instanceof Interrupted) {
      terminalProgress.line(
        "interrupted, so nothing was removed: run npm run lab -- down again to remove what is left.",
      );
      return error.exitCode;
    }
    const [reason = ""] = (error as Error).message.split("\n");
    terminalProgress.line(`not undone in an orderly way: ${reason.replace(/\.$/, "")}.`);
    terminalProgress.line("what pulumi destroy would have undone is removed together with the hosts.");
  }
  await removeLab(context.lab);
  return 0;
};

/**
 * Runs `pulumi destroy` within its time limit, if the stack has resources.
 *
 * @throws Error with the reason why it was not run, or its failure; Interrupted after a signal
 */
async function destroyStack(context: Context): Promise<void> {
  const { lab } = context;
  if (!hasResources(context)) return;
  const controller = new AbortController();
  const onSignal = (signal: NodeJS.Signals) => controller.abort(new Interrupted(signal));
  process.on("SIGINT", onSignal).on("SIGTERM", onSignal);
  try {
    await requireReachable(context);
    const pulumi = await withTimeLimit(
      "preparing Pulumi",
      PREPARE_LIMIT,
      controller.signal,
      preparePulumi(context),
    );
    const destroy = pulumi.inForeground(["destroy", "--yes", "--skip-preview"]);
    const exitCode = await destroyWithin(DESTROY_LIMIT, controller.signal, destroy);
    controller.signal.throwIfAborted();
    if (exitCode !== 0) throw new Error(`pulumi destroy failed with exit code ${exitCode}`);
  } finally {
    await endPulumi(lab);
    process.off("SIGINT", onSignal).off("SIGTERM", onSignal);
  }
}

/** Whether the stack's state holds anything except the stack itself and its providers. */
function hasResources({ lab, stack }: Context): boolean {
  const file = stateFileOf(lab, stack);
  if (!existsSync(file)) return false;
  try {
    const { checkpoint } = JSON.parse(readFileSync(file, "utf8")) as {
      checkpoint?: { latest?: { resources?: { type: string }[]; pending_operations?: unknown[] } };
    };
    const { resources = [], pending_operations: pendingOperations = [] } = checkpoint?.latest ?? {};
    return pendingOperations.length > 0 || resources.some(({ type }) => !type.startsWith("pulumi:"));
  } catch {
    return true; // Pulumi reports an unreadable state.
  }
}

/** @throws Error that names everything that `pulumi destroy` needs and that does not answer: hosts, or the cloud */
async function requireReachable({ lab, stack }: Context): Promise<void> {
  const existingHosts = existingHostsOf(stack);
  if (existingHosts === undefined) {
    if (!(await cloudAnswers(lab))) throw new Error("the cloud's API does not answer");
    return;
  }
  const reasons = await Promise.all(
    Object.entries(existingHosts).map(([host, { address }]) =>
      unreachability(lab, host, withoutPrefix(address)),
    ),
  );
  const obstacles = reasons.filter((reason) => reason !== undefined);
  if (obstacles.length > 0) throw new Error(obstacles.join(", "));
}

/** @throws Error if anything is missing. Nothing is built or downloaded for a lab that is about to be removed. */
async function preparePulumi({ lab, stack }: Context): Promise<LabStack> {
  if (!existsSync(engineOf(lab))) throw new Error(`the Pulumi engine is missing (${engineOf(lab)})`);
  const freeSpace = freeMegabytes(lab.directory);
  if (freeSpace < DESTROY_MEGABYTES) throw new Error(`only ${freeSpace} MB are free in ${lab.directory}`);
  const pulumi = new LabStack(lab, await prepareEngine(lab, terminalProgress), stack);
  await pulumi.prepare();
  return pulumi;
}

/** The result of some work, or an error at the limit or after a signal, whichever comes first. The work goes on. */
async function withTimeLimit<T>(
  name: string,
  limit: number,
  signal: AbortSignal,
  work: Promise<T>,
): Promise<T> {
  const limitOrSignal = AbortSignal.any([signal, AbortSignal.timeout(limit)]);
  return new Promise((resolve, reject) => {
    const stop = () =>
      reject(
        signal.aborted
          ? (signal.reason as Interrupted)
          : new Error(`${name} took longer than ${limit / 1000} s`),
      );
    if (limitOrSignal.aborted) stop();
    limitOrSignal.addEventListener("abort", stop, { once: true });
    work.then(resolve, reject);
  });
}

/** Waits for `pulumi destroy`. A signal reaches Pulumi too; it then gets some time to write its state. */
async function destroyWithin(limit: number, signal: AbortSignal, destroy: Promise<number>): Promise<number> {
  const noSignal = new AbortController().signal;
  try {
    return await withTimeLimit("pulumi destroy", limit, signal, destroy);
  } catch (error) {
    if (error instanceof Interrupted)
      await withTimeLimit("the end of Pulumi", END_LIMIT, noSignal, destroy).catch(() => undefined);
    throw error;
  }
}

/** Ends the lab's Pulumi processes. removeLab names those that cannot be ended. */
async function endPulumi(lab: Lab): Promise<void> {
  const processes = () => processesByEnvironment("PULUMI_HOME", pulumiHome(lab));
  if (processes().length === 0) return;
  await interruptProcesses(processes(), END_LIMIT)
    .catch(() => killProcesses(processes()))
    .catch(() => undefined);
}
