import { CloudError } from "../model/errors.ts";
import type { ErrorKind } from "../model/errors.ts";

/** An error in Oracle's form: an HTTP status, a code for programs, a message for people. */
export class ApiError extends Error {
  readonly status: number;
  readonly code: string;

  constructor(status: number, code: string, message: string) {
    super(message);
    this.name = "ApiError";
    this.status = status;
    this.code = code;
  }
}

const ANSWERS: Readonly<Record<ErrorKind, readonly [status: number, code: string]>> = {
  InvalidParameter: [400, "InvalidParameter"],
  MissingParameter: [400, "MissingParameter"],
  LimitExceeded: [400, "LimitExceeded"],
  NotFound: [404, "NotAuthorizedOrNotFound"],
  Conflict: [409, "Conflict"],
  IncorrectState: [409, "IncorrectState"],
  OutOfCapacity: [500, "InternalError"],
};

/** How the API answers an error of the model or its own; undefined for a bug. */
export function toApiError(error: unknown): ApiError | undefined {
  if (error instanceof ApiError) return error;
  if (error instanceof CloudError) return new ApiError(...ANSWERS[error.kind], error.message);
  return undefined;
}
