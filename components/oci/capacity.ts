/** Minutes between two attempts at least. Oracle has suspended accounts that asked every two minutes. */
const PAUSE = 5;
/** Minutes that are added to a pause at most, so that many hosts do not ask in the same second. */
const JITTER = 1;

/** The longest time to wait, in minutes. The engine tries an operation a hundred times at most. */
export const LONGEST_CAPACITY_WAIT = 480;

/** Oracle's answer, a 500 with code InternalError. */
const NO_CAPACITY = /out of (host )?capacity/i;
/** Oracle's answer to too many requests. */
const THROTTLED = /TooManyRequests|\b429\b/;

/**
 * The pause before an instance is launched once more.
 *
 * @param error message of the failed launch
 * @param elapsed minutes since the first launch failed
 * @param limit minutes in which launches are tried
 * @param random from 0 to 1
 * @returns minutes; undefined where it failed for another reason, or where the pause would end after the limit
 */
export function capacityPause(
  error: string,
  elapsed: number,
  limit: number,
  random = Math.random(),
): number | undefined {
  const isThrottled = THROTTLED.test(error);
  if (!isThrottled && !NO_CAPACITY.test(error)) return undefined;
  const pause = (isThrottled ? 2 : 1) * PAUSE + random * JITTER;
  return elapsed + pause <= limit ? pause : undefined;
}

/**
 * Advice for an instance that OCI has no capacity for, or that a service limit forbids. OCI's own message names no
 * remedy.
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
  if (/LimitExceeded|limit.*exceeded/i.test(error)) {
    return (
      `The tenancy's service limits leave no room for ${host} (${shape}). What was created so far is kept: give this host ` +
      "another shape or availabilityDomain, free what is not needed, or ask Oracle for a higher limit; then run " +
      "`pulumi up` again."
    );
  }
  return undefined;
}
