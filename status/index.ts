/** For programs of one's own: the status of a stack as a value. docs/status.md has an example. */
export { CouldNotLook } from "./couldNotLook.ts";
export { readStatus } from "./readStatus.ts";
export { statusSchema } from "./report.ts";
export type { StatusReport } from "./report.ts";
