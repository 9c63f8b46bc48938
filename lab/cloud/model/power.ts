import { incorrectState, invalid } from "../errors.ts";
import { removeBootVolume } from "./bootVolume.ts";
import type { Cloud } from "./cloud.ts";
import type { Instance, LifecycleState } from "./resources.ts";
import { detachVnics } from "./vnic.ts";

/** What happens to instances' machines over time: power, what fails or is cut off half-way, and their end. */

/** Milliseconds after which a terminated instance is shown no more. */
const SHOWN_AFTER_END = 60_000;

export const ending = ({ lifecycleState }: Instance) =>
  lifecycleState === "TERMINATING" || lifecycleState === "TERMINATED";

/**
 * @throws CloudError 409 for one that is ending
 */
export function living(cloud: Cloud, id: string): Instance {
  const instance = cloud.get("instances", id);
  if (ending(instance)) throw incorrectState(`The instance ${id} is ${instance.lifecycleState}.`);
  return instance;
}

/** Terminates an instance: its machine, VNIC and volume go; its record stays to be seen for a while. */
export function terminateInstance(cloud: Cloud, id: string): void {
  const instance = cloud.get("instances", id);
  if (ending(instance)) return;
  instance.lifecycleState = "TERMINATING";
  void work(cloud, instance, () => cloud.effects.remove(instance), "TERMINATED");
}

const ACTIONS = ["START", "STOP", "SOFTSTOP", "RESET", "SOFTRESET"] as const;

/**
 * Does a power action.
 *
 * @throws CloudError 409 in a state that it does not start from
 */
export function instanceAction(cloud: Cloud, id: string, name: string): Instance {
  const action = ACTIONS.find((each) => each === name.toUpperCase());
  if (action === undefined) throw invalid(`The action ${name} is not supported: ${ACTIONS.join(", ")}.`);
  const instance = living(cloud, id);
  const from = action === "START" ? "STOPPED" : "RUNNING";
  if (instance.lifecycleState !== from)
    throw incorrectState(`The instance ${id} is ${instance.lifecycleState}; ${action} needs it ${from}.`);
  const { effects } = cloud;
  switch (action) {
    case "START":
      instance.lifecycleState = "STARTING";
      void work(cloud, instance, () => effects.start(instance), "RUNNING");
      break;
    case "STOP":
    case "SOFTSTOP":
      instance.lifecycleState = "STOPPING";
      void work(cloud, instance, () => effects.stop(instance, action === "STOP" ? "cut" : "ask"), "STOPPED");
      break;
    case "RESET":
    case "SOFTRESET":
      reset(cloud, instance, action === "RESET" ? "cut" : "ask");
      break;
  }
  return instance;
}

/** Restarts an instance, by asking its system or by cutting the power. */
export function reset(cloud: Cloud, instance: Instance, how: "cut" | "ask"): void {
  instance.lifecycleState = "STOPPING";
  void work(cloud, instance, () => cloud.effects.reset(instance, how), "RUNNING");
}

/**
 * Goes on with what a cloud that was ended left in the middle, and turns on again what lost its power. Returns when
 * all of it is done.
 */
export async function resumeInstances(cloud: Cloud): Promise<void> {
  const works = cloud.all("instances").map(async (instance) => {
    switch (instance.lifecycleState) {
      case "TERMINATING":
        return work(cloud, instance, () => cloud.effects.remove(instance), "TERMINATED");
      case "TERMINATED":
        return forget(cloud, instance.id);
      case "STOPPING":
        return work(cloud, instance, () => cloud.effects.stop(instance, "cut"), "STOPPED");
      case "STOPPED":
        return;
      default:
        if (instance.lifecycleState === "RUNNING" && cloud.effects.isOn(instance)) return;
        return work(cloud, instance, () => cloud.effects.start(instance), "RUNNING");
    }
  });
  await Promise.all(works);
}

/** Notices the instances whose own system turned them off. */
export function noticePowerOff(cloud: Cloud): void {
  for (const instance of cloud.all("instances")) {
    if (instance.lifecycleState !== "RUNNING" || cloud.effects.isOn(instance)) continue;
    const said = cloud.effects.lastWords(instance);
    process.stderr.write(`${instance.displayName} (${instance.id}) is off, and said last: ${said}\n`);
    const machine = cloud.state.machines[instance.id];
    // Its supervisor says nothing of a host that turned itself off well.
    if (machine !== undefined && said.includes("supervise: ")) machine.failure = said;
    instance.lifecycleState = "STOPPED";
  }
}

/** Works on an instance's machine while clients wait for its state. A launch that fails ends the instance. */
export async function work(
  cloud: Cloud,
  instance: Instance,
  effect: () => Promise<void>,
  into: "RUNNING" | "STOPPED" | "TERMINATED",
): Promise<void> {
  const state = instance.lifecycleState;
  let reached: LifecycleState = into;
  try {
    await effect();
  } catch (error) {
    const { message } = error as Error;
    process.stderr.write(`${instance.displayName} (${instance.id}): ${message}\n`);
    const machine = cloud.state.machines[instance.id];
    if (machine !== undefined) machine.failure = message;
    reached = state === "PROVISIONING" ? "TERMINATED" : "STOPPED";
    if (reached === "TERMINATED") await cloud.effects.remove(instance).catch(() => undefined);
  }
  // A termination that came meanwhile has the last word.
  if (instance.lifecycleState !== state) return;
  instance.lifecycleState = reached;
  if (reached === "TERMINATED") end(cloud, instance);
  cloud.save();
}

function end(cloud: Cloud, instance: Instance): void {
  detachVnics(cloud, instance.id);
  removeBootVolume(cloud, instance.id);
  // Keys go with the machine.
  instance.metadata = {};
  delete cloud.state.machines[instance.id];
  void cloud.effects.network();
  forget(cloud, instance.id);
}

function forget(cloud: Cloud, id: string): void {
  setTimeout(() => {
    cloud.remove("instances", id);
    cloud.save();
  }, SHOWN_AFTER_END).unref();
}
