import { notFound } from "../errors.ts";
import { REGION } from "../region.ts";
import type { Cloud } from "./cloud.ts";
import type { Instance } from "./resources.ts";

/**
 * Work requests: how far the work is that a request to launch or change an instance began. They have no books of
 * their own; the instance's state says it.
 */

type Action = "CREATED" | "UPDATED";

const uniquePart = (id: string) => id.split(".").pop() ?? "";

/** The OCID of the work request that an instance's launch or its latest change is. */
export const workRequestId = (instance: Instance, action: Action) =>
  `ocid1.coreservicesworkrequest.oc1.${REGION}.${action.toLowerCase()}.${uniquePart(instance.id)}`;

/** @throws CloudError 404 where there is none */
export function workRequest(cloud: Cloud, id: string): object {
  const { instance, action } = find(cloud, id);
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
    ...(status === "IN_PROGRESS" ? {} : { timeFinished: new Date().toISOString() }),
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
  const { instance, action } = find(cloud, id);
  if (statusOf(cloud, instance, action) !== "FAILED") return [];
  const said = failureOf(cloud, instance);
  const message = `The instance ${instance.id} could not be started${said === undefined ? "" : `: ${said}`}.`;
  return [{ code: "InternalError", message, timestamp: new Date().toISOString() }];
}

function find(cloud: Cloud, id: string): { instance: Instance; action: Action } {
  for (const instance of cloud.all("instances"))
    for (const action of ["CREATED", "UPDATED"] as const)
      if (workRequestId(instance, action) === id) return { instance, action };
  throw notFound(id);
}

/** What an instance said last that ended in error. */
const failureOf = (cloud: Cloud, { id }: Instance) => cloud.state.machines[id]?.failure;

function statusOf(cloud: Cloud, instance: Instance, action: Action): "IN_PROGRESS" | "SUCCEEDED" | "FAILED" {
  const { lifecycleState } = instance;
  if (["PROVISIONING", "STARTING", "STOPPING"].includes(lifecycleState)) return "IN_PROGRESS";
  const ended = lifecycleState === "TERMINATING" || lifecycleState === "TERMINATED";
  if (failureOf(cloud, instance) !== undefined) return "FAILED";
  return ended && action === "CREATED" ? "FAILED" : "SUCCEEDED";
}
