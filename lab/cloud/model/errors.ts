/** Why the cloud refuses a request. How Oracle's API says it stands in api/errors.ts. */
export type ErrorKind =
  | "InvalidParameter"
  | "MissingParameter"
  | "LimitExceeded"
  | "NotFound"
  /** Something else still uses the resource. */
  | "Conflict"
  /** The resource is in a state that does not allow the request. */
  | "IncorrectState"
  | "OutOfCapacity";

export class CloudError extends Error {
  readonly kind: ErrorKind;

  constructor(kind: ErrorKind, message: string) {
    super(message);
    this.name = "CloudError";
    this.kind = kind;
  }
}

export const invalidParameter = (message: string) => new CloudError("InvalidParameter", message);

export const missingParameter = (name: string) => new CloudError("MissingParameter", `Missing ${name}`);

export const limitExceeded = (message: string) => new CloudError("LimitExceeded", message);

/** Oracle gives the same answer for a resource that does not exist and for one that the caller may not see. */
export const notFound = (resource: string) =>
  new CloudError("NotFound", `Authorization failed or requested resource not found: ${resource}`);

export const conflict = (message: string) => new CloudError("Conflict", message);

export const incorrectState = (message: string) => new CloudError("IncorrectState", message);

/**
 * No host of the availability domain has room left for the shape.
 *
 * Source: https://docs.oracle.com/en-us/iaas/Content/Compute/Tasks/troubleshooting-out-of-host-capacity.htm
 */
export const outOfCapacity = () => new CloudError("OutOfCapacity", "Out of host capacity.");
