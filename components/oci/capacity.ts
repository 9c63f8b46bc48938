/**
 * Advice for an instance that OCI has no capacity for, or that a service limit forbids. OCI's own message names no
 * remedy.
 *
 * @param error message of the failed operation
 * @returns undefined where it failed for another reason
 */
export function capacityAdvice(host: string, shape: string, error: string): string | undefined {
  if (/out of (host )?capacity/i.test(error)) {
    return (
      `Oracle has no capacity left for ${host} (${shape}) where it was asked for. What was created so far is kept, and the ` +
      "next `pulumi up` goes on from here: run it again later, or give this host another availabilityDomain " +
      "(AD-1, AD-2, AD-3), another shape, or faultDomain: any."
    );
  }
  if (/LimitExceeded|limit.*exceeded/i.test(error)) {
    return (
      `The tenancy's service limits leave no room for ${host} (${shape}). What was created so far is kept: give this host ` +
      "another shape or availabilityDomain, free what is not needed, or ask Oracle for a higher limit; then run " +
      "`pulumi up` again."
    );
  }
  return undefined;
}
