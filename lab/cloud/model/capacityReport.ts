import { AVAILABILITY_DOMAINS, TENANCY } from "../region.ts";
import type { RequestBody } from "../requestSchemas.ts";
import type { Cloud } from "./cloud.ts";
import { invalidParameter, notFound } from "./errors.ts";
import { checkFaultDomain } from "./instance.ts";
import { allShapes } from "./shape.ts";

/**
 * Capacity reports: https://docs.oracle.com/en-us/iaas/api/#/en/iaas/20160918/ComputeCapacityReport. One says what the
 * next launches find, and nothing is stored for it. The lab's capacity is the same for all of its shapes.
 */

export function capacityReport(cloud: Cloud, details: RequestBody<"createComputeCapacityReport">): object {
  const { compartmentId, availabilityDomain, shapeAvailabilities } = details;
  if (!cloud.effects.allowsReports()) throw notFound("computeCapacityReports");
  // In the words of its documentation: "This should always be the root compartment."
  if (compartmentId !== TENANCY) throw notFound(`compartment ${compartmentId}`);
  if (!AVAILABILITY_DOMAINS.includes(availabilityDomain))
    throw invalidParameter(`The availability domain ${availabilityDomain} does not exist.`);
  for (const { faultDomain } of shapeAvailabilities)
    if (faultDomain !== undefined) checkFaultDomain(faultDomain);
  return {
    compartmentId,
    availabilityDomain,
    shapeAvailabilities: shapeAvailabilities.map((request) => ({
      ...request,
      ...availability(cloud, availabilityDomain, request.instanceShape),
    })),
    timeCreated: new Date().toISOString(),
  };
}

/** Whether instances of a shape can be launched in a domain, and how many where a fault limits them. */
function availability(
  { effects }: Cloud,
  domain: string,
  name: string,
): { availabilityStatus: string; availableCount?: number } {
  if (!allShapes().some(({ shape }) => shape === name))
    return { availabilityStatus: "HARDWARE_NOT_SUPPORTED" };
  const availableCount = effects.isFull(domain) ? 0 : effects.launchesLeft();
  // Oracle's answers have no count either: https://github.com/oracle/oci-cli/issues/748
  if (availableCount === Infinity) return { availabilityStatus: "AVAILABLE" };
  return { availabilityStatus: availableCount > 0 ? "AVAILABLE" : "OUT_OF_HOST_CAPACITY", availableCount };
}
