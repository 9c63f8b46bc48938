/**
 * An answer of refusal in Oracle's shape: an HTTP status, a code that clients act on, a message that people
 * read.
 */
export class CloudError extends Error {
  readonly status: number;
  readonly code: string;

  constructor(status: number, code: string, message: string) {
    super(message);
    this.name = "CloudError";
    this.status = status;
    this.code = code;
  }
}

/** A value that Oracle does not take. */
export const invalid = (message: string) => new CloudError(400, "InvalidParameter", message);

/** A value that has to be there. */
export const missing = (name: string) => new CloudError(400, "MissingParameter", `Missing ${name}`);

/** One more than Oracle allows. */
export const limitExceeded = (message: string) => new CloudError(400, "LimitExceeded", message);

/** What does not exist and what one may not see get the same answer. */
export const notFound = (what: string) =>
  new CloudError(
    404,
    "NotAuthorizedOrNotFound",
    `Authorization failed or requested resource not found: ${what}`,
  );

/** A resource that something else still uses. */
export const conflict = (message: string) => new CloudError(409, "Conflict", message);

/** A resource that is in no state for what is asked. */
export const incorrectState = (message: string) => new CloudError(409, "IncorrectState", message);

/** What Oracle answers when an availability domain has no host left for a shape. */
export const outOfCapacity = () => new CloudError(500, "InternalError", "Out of host capacity.");
