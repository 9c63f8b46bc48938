/** What Oracle's SDK throws when the service refuses. */
interface ServiceError {
  statusCode: number;
  serviceCode: string;
  message: string;
  opcRequestId: string | null;
  targetService: string;
  operationName: string;
}

const isServiceError = (error: unknown): error is ServiceError =>
  typeof error === "object" && error !== null && "statusCode" in error && "serviceCode" in error;

/** Whether the service says that there is no such thing, or none that the caller may see. */
export const isNotFound = (error: unknown): boolean => isServiceError(error) && error.statusCode === 404;

/** The service's own words, with what they are about and what its operators find the request by. */
export function explain(error: unknown, about: string): Error {
  if (!isServiceError(error)) return new Error(`${about}: ${(error as Error).message}`, { cause: error });
  const { statusCode, serviceCode, message, targetService, operationName, opcRequestId } = error;
  return new Error(
    `${statusCode}-${serviceCode}, ${message}\n` +
      `Resource: ${about}\n` +
      `Operation: ${operationName} (${targetService})\n` +
      `OPC request ID: ${opcRequestId ?? "none"}`,
    { cause: error },
  );
}
