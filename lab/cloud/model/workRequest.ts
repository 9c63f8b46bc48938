import { REGION } from "../region.ts";
import type { Cloud } from "./cloud.ts";
import { notFound } from "./errors.ts";
import type { Instance, Vcn } from "./resources.ts";

/**
 * Work requests: the progress of a launch, or of the latest change of an instance or of a VCN's blocks. Nothing is stored
 * for them; they are made from the state of the instance or VCN.
 */

type Action = "CREATED" | "UPDATED";
type Status = "IN_PROGRESS" | "SUCCEEDED" | "FAILED";

const uniquePart = (id: string) => id.split(".").pop() ?? "";

/** The OCID of the work request for an instance's launch, or for its latest change. */
export const workRequestId = (instance: Instance, action: Action) =>
  `ocid1.coreservicesworkrequest.oc1.${REGION}.${action.toLowerCase()}.${uniquePart(instance.id)}`;

/** The OCID of the work request for the latest change of a VCN's blocks. */
export const vcnWorkRequestId = (vcn: Vcn) =>
  `ocid1.coreservicesworkrequest.oc1.${REGION}.vcn.${uniquePart(vcn.id)}`;

/** @throws CloudError NotFound */
export function workRequest(cloud: Cloud, id: string): object {
  const vcn = cloud.all("vcns").find((each) => vcnWorkRequestId(each) === id);
  if (vcn !== undefined) {
    const status = vcn.lifecycleState === "UPDATING" ? "IN_PROGRESS" : "SUCCEEDED";
    // Oracle says IN_PROGRESS also where the request has ended.
    return shownRequest(id, "UpdateVcn", status, vcn, "vcns", "IN_PROGRESS");
  }
  const { instance, action } = findInstance(cloud, id);
  const status = statusOf(cloud, instance, action);
  const operation = action === "CREATED" ? "LaunchInstance" : "UpdateInstance";
  const actionType = status === "SUCCEEDED" ? action : "IN_PROGRESS";
  return shownRequest(id, operation, status, instance, "instances", actionType);
}

function shownRequest(
  id: string,
  operationType: string,
  status: Status,
  { id: identifier, compartmentId, timeCreated }: Instance | Vcn,
  collection: "instances" | "vcns",
  actionType: string,
): object {
  return {
    id,
    compartmentId,
    operationType,
    percentComplete: status === "IN_PROGRESS" ? 50 : 100,
    status,
    timeAccepted: timeCreated,
    timeStarted: timeCreated,
    timeFinished: status === "IN_PROGRESS" ? undefined : new Date().toISOString(),
    resources: [
      {
        actionType,
        entityType: collection.slice(0, -1),
        identifier,
        entityUri: `/${collection}/${identifier}`,
      },
    ],
  };
}

/** Why a work request failed. */
export function workRequestErrors(cloud: Cloud, id: string): object[] {
  if (cloud.all("vcns").some((vcn) => vcnWorkRequestId(vcn) === id)) return [];
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

function statusOf(cloud: Cloud, instance: Instance, action: Action): Status {
  const { lifecycleState } = instance;
  if (["PROVISIONING", "STARTING", "STOPPING"].includes(lifecycleState)) return "IN_PROGRESS";
  const isGone = lifecycleState === "TERMINATING" || lifecycleState === "TERMINATED";
  if (failureOf(cloud, instance) !== undefined) return "FAILED";
  return isGone && action === "CREATED" ? "FAILED" : "SUCCEEDED";
}
