import { removeBootVolume } from "./bootVolume.ts";
import type { Cloud, PowerMode } from "./cloud.ts";
import { incorrectState, invalidParameter } from "./errors.ts";
import type { Instance, LifecycleState } from "./resources.ts";
import { detachVnics } from "./vnic.ts";

/** The life of instances' machines: power, failures, what a cloud that was killed left unfinished, and termination. */

/** Milliseconds for which a terminated instance is still shown. */
const SHOWN_AFTER_END = 60_000;

export const isTerminating = ({ lifecycleState }: Instance) =>
  lifecycleState === "TERMINATING" || lifecycleState === "TERMINATED";

/**
 * An instance that is not terminated, nor about to be.
 *
 * @throws CloudError IncorrectState
 */
export function requireAlive(cloud: Cloud, id: string): Instance {
  const instance = cloud.get("instances", id);
  if (isTerminating(instance)) throw incorrectState(`The instance ${id} is ${instance.lifecycleState}.`);
  return instance;
}

/** Terminates an instance: removes its machine, VNIC and volume. Its record is shown for a while longer. */
export function terminateInstance(cloud: Cloud, id: string): void {
  const instance = cloud.get("instances", id);
  if (isTerminating(instance)) return;
  instance.lifecycleState = "TERMINATING";
  void runTransition(cloud, instance, () => cloud.effects.remove(instance), "TERMINATED");
}

const ACTIONS = ["START", "STOP", "SOFTSTOP", "RESET", "SOFTRESET"] as const;

/** @throws CloudError IncorrectState where the action needs the instance in another state */
export function instanceAction(cloud: Cloud, id: string, name: string): Instance {
  const action = ACTIONS.find((each) => each === name.toUpperCase());
  if (action === undefined)
    throw invalidParameter(`The action ${name} is not supported: ${ACTIONS.join(", ")}.`);
  const instance = requireAlive(cloud, id);
  const from = action === "START" ? "STOPPED" : "RUNNING";
  if (instance.lifecycleState !== from)
    throw incorrectState(`The instance ${id} is ${instance.lifecycleState}; ${action} needs it ${from}.`);
  const { effects } = cloud;
  const mode = action.startsWith("SOFT") ? "graceful" : "force";
  switch (action) {
    case "START":
      instance.lifecycleState = "STARTING";
      void runTransition(cloud, instance, () => effects.start(instance), "RUNNING");
      break;
    case "STOP":
    case "SOFTSTOP":
      instance.lifecycleState = "STOPPING";
      void runTransition(cloud, instance, () => effects.stop(instance, mode), "STOPPED");
      break;
    case "RESET":
    case "SOFTRESET":
      resetInstance(cloud, instance, mode);
      break;
  }
  return instance;
}

export function resetInstance(cloud: Cloud, instance: Instance, mode: PowerMode): void {
  instance.lifecycleState = "STOPPING";
  void runTransition(cloud, instance, () => cloud.effects.reset(instance, mode), "RUNNING");
}

/**
 * Finishes the transitions that a killed cloud left unfinished, and turns on again the machines that lost their power.
 * Resolves when all of it is done.
 */
export async function resumeInstances(cloud: Cloud): Promise<void> {
  const transitions = cloud.all("instances").map(async (instance) => {
    switch (instance.lifecycleState) {
      case "TERMINATING":
        return runTransition(cloud, instance, () => cloud.effects.remove(instance), "TERMINATED");
      case "TERMINATED":
        return removeLater(cloud, instance.id);
      case "STOPPING":
        return runTransition(cloud, instance, () => cloud.effects.stop(instance, "force"), "STOPPED");
      case "STOPPED":
        return;
      default:
        if (instance.lifecycleState === "RUNNING" && cloud.effects.isOn(instance)) return;
        return runTransition(cloud, instance, () => cloud.effects.start(instance), "RUNNING");
    }
  });
  await Promise.all(transitions);
}

/** Marks the running instances whose own system turned them off as stopped. */
export function noticePowerOff(cloud: Cloud): void {
  for (const instance of cloud.all("instances")) {
    if (instance.lifecycleState !== "RUNNING" || cloud.effects.isOn(instance)) continue;
    const lines = cloud.effects.lastLogLines(instance);
    process.stderr.write(`${instance.displayName} (${instance.id}) is off; its last log lines: ${lines}\n`);
    const machine = cloud.state.machines[instance.id];
    // The supervisor logs an error only; a host that was shut down normally leaves none.
    if (machine !== undefined && lines.includes("supervise: ")) machine.failure = lines;
    instance.lifecycleState = "STOPPED";
  }
}

/**
 * Changes an instance's machine while the instance is shown in its present, passing state; then shows the new one. A
 * launch that fails terminates the instance, another failure stops it.
 */
export async function runTransition(
  cloud: Cloud,
  instance: Instance,
  change: () => Promise<void>,
  target: "RUNNING" | "STOPPED" | "TERMINATED",
): Promise<void> {
  const passingState = instance.lifecycleState;
  let newState: LifecycleState = target;
  try {
    await change();
  } catch (error) {
    const { message } = error as Error;
    process.stderr.write(`${instance.displayName} (${instance.id}): ${message}\n`);
    const machine = cloud.state.machines[instance.id];
    if (machine !== undefined) machine.failure = message;
    newState = passingState === "PROVISIONING" ? "TERMINATED" : "STOPPED";
    if (newState === "TERMINATED") await cloud.effects.remove(instance).catch(() => undefined);
  }
  // Another transition began meanwhile, for example a termination: its result counts.
  if (instance.lifecycleState !== passingState) return;
  instance.lifecycleState = newState;
  if (newState === "TERMINATED") removeParts(cloud, instance);
  cloud.save();
}

/** Removes a terminated instance's VNICs, boot volume, machine, and keys (in its metadata). */
function removeParts(cloud: Cloud, instance: Instance): void {
  detachVnics(cloud, instance.id);
  removeBootVolume(cloud, instance.id);
  instance.metadata = {};
  delete cloud.state.machines[instance.id];
  void cloud.effects.syncNetwork();
  removeLater(cloud, instance.id);
}

function removeLater(cloud: Cloud, id: string): void {
  setTimeout(() => {
    cloud.remove("instances", id);
    cloud.save();
  }, SHOWN_AFTER_END).unref();
}
