import { REGION } from "../region.ts";
import type { Cloud } from "./cloud.ts";
import { notFound } from "./errors.ts";
import type { Instance } from "./resources.ts";

/**
 * Work requests: the progress of a launch or of an instance's latest change. Nothing is stored for them; they are made
 * from the instance's state.
 */

type Action = "CREATED" | "UPDATED";

const uniquePart = (id: string) => id.split(".").pop() ?? "";

/** The OCID of the work request for an instance's launch, or for its latest change. */
export const workRequestId = (instance: Instance, action: Action) =>
  `ocid1.coreservicesworkrequest.oc1.${REGION}.${action.toLowerCase()}.${uniquePart(instance.id)}`;

/** @throws CloudError NotFound */
export function workRequest(cloud: Cloud, id: string): object {
  const { instance, action } = findInstance(cloud, id);
  const status = statusOf(cloud, instance, action);
  const { compartmentId, timeCreated } = instance;
  return {
    id,
    compartmentId,
    operationType: action === "CREATED" ? "LaunchInstance" : "UpdateInstance",
    percentComplete: status === "IN_PROGRESS" ? 50 : 100,
    status,
    timeAccepted: timeCreated,
    timeStarted: timeCreated,
    timeFinished: status === "IN_PROGRESS" ? undefined : new Date().toISOString(),
    resources: [
      {
        actionType: status === "SUCCEEDED" ? action : "IN_PROGRESS",
        entityType: "instance",
        identifier: instance.id,
        entityUri: `/instances/${instance.id}`,
      },
    ],
  };
}

/** Why a work request failed. */
export function workRequestErrors(cloud: Cloud, id: string): object[] {
  const { instance, action } = findInstance(cloud, id);
  if (statusOf(cloud, instance, action) !== "FAILED") return [];
  const failure = failureOf(cloud, instance);
  const message = `The instance ${instance.id} could not be started${failure === undefined ? "" : `: ${failure}`}.`;
  return [{ code: "InternalError", message, timestamp: new Date().toISOString() }];
}

function findInstance(cloud: Cloud, id: string): { instance: Instance; action: Action } {
  for (const instance of cloud.all("instances"))
    for (const action of ["CREATED", "UPDATED"] as const)
      if (workRequestId(instance, action) === id) return { instance, action };
  throw notFound(id);
}

/** Why the instance's machine is off, where it did not end well. */
const failureOf = (cloud: Cloud, { id }: Instance) => cloud.state.machines[id]?.failure;

function statusOf(cloud: Cloud, instance: Instance, action: Action): "IN_PROGRESS" | "SUCCEEDED" | "FAILED" {
  const { lifecycleState } = instance;
  if (["PROVISIONING", "STARTING", "STOPPING"].includes(lifecycleState)) return "IN_PROGRESS";
  const isGone = lifecycleState === "TERMINATING" || lifecycleState === "TERMINATED";
  if (failureOf(cloud, instance) !== undefined) return "FAILED";
  return isGone && action === "CREATED" ? "FAILED" : "SUCCEEDED";
}
