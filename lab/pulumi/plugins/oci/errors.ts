/** The error that Oracle's SDK throws when the service refuses a request. */
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

/** Whether the resource does not exist, or the caller may not see it: the service does not distinguish. */
export const isNotFound = (error: unknown): boolean => isServiceError(error) && error.statusCode === 404;

/** An error with the service's message, the resource's label, and the id that Oracle's support needs. */
export function explain(error: unknown, label: string): Error {
  if (!isServiceError(error)) return new Error(`${label}: ${(error as Error).message}`, { cause: error });
  const { statusCode, serviceCode, message, targetService, operationName, opcRequestId } = error;
  return new Error(
    `${statusCode}-${serviceCode}, ${message}\n` +
      `Resource: ${label}\n` +
      `Operation: ${operationName} (${targetService})\n` +
      `OPC request ID: ${opcRequestId ?? "none"}`,
    { cause: error },
  );
}

/** Explains the errors of a call. */
export async function withErrorContext<T>(label: string, call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    throw explain(error, label);
  }
}
