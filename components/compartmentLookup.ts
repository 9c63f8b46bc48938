import { getAvailabilityDomains } from "@pulumi/oci/identity/getAvailabilityDomains.js";
import type { GetAvailabilityDomainsResult } from "@pulumi/oci/identity/getAvailabilityDomains.js";
import * as pulumi from "@pulumi/pulumi";
import { refuseProblems } from "./validation.ts";

/**
 * Looks up the compartment of an environment by its availability domains, which instances need all the same. Oracle's
 * provider answers a lookup in an unknown compartment with nothing, and a resource that uses the answer fails without
 * naming the cause.
 *
 * @param name of the environment
 * @param parent whose provider is asked
 * @returns the OCID, known once Oracle knows the compartment
 */
export function lookUpCompartment(
  name: string,
  compartmentId: pulumi.Input<string>,
  parent: pulumi.Resource,
): pulumi.Output<string> {
  return pulumi.output(compartmentId).apply(async (id) => {
    const answer: Partial<GetAvailabilityDomainsResult> = await getAvailabilityDomains(
      { compartmentId: id },
      { parent },
    );
    if (answer.availabilityDomains === undefined || answer.availabilityDomains.length === 0) {
      const message =
        `Oracle knows no ${id}, or your user may not use it: check the OCID, oci:region and the policies of your user. ` +
        "A compartment that was created a minute ago may need a few more.";
      refuseProblems("OverlayEnvironment", name, [{ path: "compartmentId", message }]);
    }
    return id;
  });
}
