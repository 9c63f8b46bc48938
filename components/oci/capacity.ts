/**
 * Minutes between two repeated launches at least, of all instances together. Oracle has disabled accounts that asked
 * every two minutes; ../launchQueue.ts keeps the instances of a run apart.
 */
export const LAUNCH_PAUSE = 5;

/** The longest time to wait, in minutes. The engine tries an operation a hundred times at most. */
export const LONGEST_CAPACITY_WAIT = 480;

/** Oracle's answer, a 500 with code InternalError. */
const NO_CAPACITY = /out of (host )?capacity/i;
/** Oracle's answer to too many requests. */
const THROTTLED = /TooManyRequests|\b429\b/;

/**
 * The pause after a failed launch, in which no instance of the account is to be launched once more.
 *
 * @param error message of the failed launch
 * @returns minutes; undefined where it failed for another reason
 */
export function capacityPause(error: string): number | undefined {
  if (THROTTLED.test(error)) return 2 * LAUNCH_PAUSE;
  return NO_CAPACITY.test(error) ? LAUNCH_PAUSE : undefined;
}

/** The provider's words for an instance that was terminated before it ran: by its work request, or by its state. */
const FAILED_LAUNCH = /work request did not succeed[^]*action: CREATED|unexpected state '?TERMINAT/;

/**
 * Advice for an instance that OCI has no capacity for, that a service limit forbids, or whose launch OCI has ended. OCI's
 * own message names no remedy.
 *
 * @param error message of the failed operation
 * @returns undefined where it failed for another reason
 */
export function capacityAdvice(host: string, shape: string, error: string): string | undefined {
  if (NO_CAPACITY.test(error)) {
    return (
      `Oracle has no capacity left for ${host} (${shape}) where it was asked for. What was created so far is kept, and the ` +
      "next `pulumi up` goes on from here: run it again later, have it tried again by itself with waitForCapacity, or give " +
      "this host another availabilityDomain (AD-1, AD-2, AD-3), another shape, or faultDomain: any."
    );
  }
  if (FAILED_LAUNCH.test(error)) {
    return (
      `Oracle accepted the launch of ${host} (${shape}), and then ended it: there is no instance now. What was created so far ` +
      "is kept: run `pulumi up` again, and if that ends in the same way give this host another availabilityDomain " +
      "(AD-1, AD-2, AD-3) or another shape. Oracle's console says why under Work requests."
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
