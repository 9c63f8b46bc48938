import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { cloudAnswers } from "../cloud/daemonControl.ts";
import { engineOf, prepareEngine } from "../pulumi/engine/engine.ts";
import { withoutPrefix } from "../hosts/inventory.ts";
import { removeLab } from "./teardown.ts";
import { unreachability } from "../hosts/sshProbe.ts";
import { pulumiHome } from "../system/lab.ts";
import type { Lab } from "../system/lab.ts";
import { inventoryOf } from "./existingHosts.ts";
import { interruptProcesses, killProcesses, processesByEnvironment } from "../system/processes.ts";
import { LabPulumi } from "../pulumi/stack.ts";
import { terminalProgress } from "../system/progress.ts";
import { freeMegabytes } from "../system/diskSpace.ts";

/**
 * `npm run lab -- down`: runs `pulumi destroy` where that can work, and removes the lab whether it worked or not.
 * Hosts that cannot be reached are found out within seconds, since `destroy` would dial each of them for minutes.
 */

/** Milliseconds to make Pulumi ready, a lock of a killed run included. */
const PREPARE_LIMIT = 60_000;

/** Milliseconds for `pulumi destroy`. */
const DESTROY_LIMIT = 180_000;

/** Milliseconds for Pulumi to end after a Ctrl-C or at its limit, before it is killed. */
const END_LIMIT = 10_000;

/** Megabytes that `pulumi destroy` may write. */
const DESTROY_ROOM = 20;

/** Ends a wait that a person interrupted. */
class Interrupted extends Error {
  readonly exitCode: number;

  constructor(signal: NodeJS.Signals) {
    super("interrupted");
    this.exitCode = signal === "SIGINT" ? 130 : 143;
  }
}

/**
 * Removes everything of a lab but its caches.
 *
 * @returns 0 where nothing is left, also where `pulumi destroy` could not be run; 130 or 143 where a signal came before
 *   the removal began, which then does not begin
 * @throws AggregateError that names what is left
 */
export async function down(lab: Lab, stack: string): Promise<number> {
  try {
    await destroyStack(lab, stack);
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
  await removeLab(lab);
  return 0;
}

/**
 * Runs `pulumi destroy` within its time, where the stack has resources.
 *
 * @throws Error that says why it was not run, or how it failed; Interrupted after a signal
 */
async function destroyStack(lab: Lab, stack: string): Promise<void> {
  if (!hasResources(lab, stack)) return;
  const controller = new AbortController();
  const onSignal = (signal: NodeJS.Signals) => controller.abort(new Interrupted(signal));
  process.on("SIGINT", onSignal).on("SIGTERM", onSignal);
  try {
    await requireReachable(lab, stack);
    const prepared = within("preparing Pulumi", PREPARE_LIMIT, controller.signal, prepare(lab, stack));
    const pulumi = await prepared;
    const destroy = pulumi.inForeground(["destroy", "--yes", "--skip-preview"]);
    const exitCode = await endAtLimit(lab, controller.signal, destroy);
    controller.signal.throwIfAborted();
    if (exitCode !== 0) throw new Error(`pulumi destroy failed with exit code ${exitCode}`);
  } finally {
    await endPulumi(lab);
    process.off("SIGINT", onSignal).off("SIGTERM", onSignal);
  }
}

/** Whether the stack's state holds anything but the stack itself and its providers. */
function hasResources(lab: Lab, stack: string): boolean {
  const file = join(lab.directory, "state/.pulumi/stacks/oci-vxlan", `${stack}.json`);
  if (!existsSync(file)) return false;
  try {
    const { checkpoint } = JSON.parse(readFileSync(file, "utf8")) as {
      checkpoint?: { latest?: { resources?: { type: string }[]; pending_operations?: unknown[] } };
    };
    const { resources = [], pending_operations: pending = [] } = checkpoint?.latest ?? {};
    return pending.length > 0 || resources.some(({ type }) => !type.startsWith("pulumi:"));
  } catch {
    return true; // An unreadable state is for Pulumi to report.
  }
}

/** @throws Error that names every host, or the cloud, that `pulumi destroy` needs and that does not answer */
async function requireReachable(lab: Lab, stack: string): Promise<void> {
  const inventory = inventoryOf(stack);
  if (inventory === undefined) {
    if (!(await cloudAnswers(lab))) throw new Error("the cloud's API does not answer");
    return;
  }
  const reasons = await Promise.all(
    Object.entries(inventory).map(([host, { address }]) => unreachability(lab, host, withoutPrefix(address))),
  );
  const obstacles = reasons.filter((reason) => reason !== undefined);
  if (obstacles.length > 0) throw new Error(obstacles.join(", "));
}

/** @throws Error where something is missing; nothing is built or downloaded for a lab that is about to go */
async function prepare(lab: Lab, stack: string): Promise<LabPulumi> {
  if (!existsSync(engineOf(lab))) throw new Error(`the Pulumi engine is missing (${engineOf(lab)})`);
  const free = freeMegabytes(lab.directory);
  if (free < DESTROY_ROOM) throw new Error(`only ${free} MB are free in ${lab.directory}`);
  const pulumi = new LabPulumi(lab, await prepareEngine(lab, terminalProgress), stack);
  await pulumi.prepare();
  return pulumi;
}

/** The result of the work, or a failure at the limit or by a signal, whichever is first. The work is not ended. */
async function within<T>(what: string, limit: number, signal: AbortSignal, work: Promise<T>): Promise<T> {
  const timeout = AbortSignal.timeout(limit);
  const either = AbortSignal.any([signal, timeout]);
  return new Promise((resolve, reject) => {
    const stop = () =>
      reject(
        signal.aborted
          ? (signal.reason as Interrupted)
          : new Error(`${what} took longer than ${limit / 1000} s`),
      );
    if (either.aborted) stop();
    either.addEventListener("abort", stop, { once: true });
    work.then(resolve, reject);
  });
}

/** Waits for `pulumi destroy`. A signal reaches Pulumi too, which then gets a while to write its state. */
async function endAtLimit(lab: Lab, signal: AbortSignal, destroy: Promise<number>): Promise<number> {
  const noSignal = new AbortController().signal;
  try {
    return await within("pulumi destroy", DESTROY_LIMIT, signal, destroy);
  } catch (error) {
    if (error instanceof Interrupted)
      await within("the end of Pulumi", END_LIMIT, noSignal, destroy).catch(() => undefined);
    throw error;
  }
}

/** Ends what still runs of the lab's Pulumi; what withstands is left to removeLab, which names it. */
async function endPulumi(lab: Lab): Promise<void> {
  const processes = () => processesByEnvironment("PULUMI_HOME", pulumiHome(lab));
  if (processes().length === 0) return;
  await interruptProcesses(processes(), END_LIMIT)
    .catch(() => killProcesses(processes()))
    .catch(() => undefined);
}
