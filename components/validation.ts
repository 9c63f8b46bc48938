import * as pulumi from "@pulumi/pulumi";
import { describeProblems } from "./vxlan/problems.ts";
import type { Problem } from "./vxlan/problems.ts";

/**
 * Arguments that have been validated. Each argument is validated once: by the outermost component that gets it, or by a
 * program that checks its whole config. The arguments that it passes to child components are marked, and those do not
 * validate them again.
 */
const validatedArgs = new WeakSet<object>();

/** Marks arguments that are taken from validated ones. */
export function markValidated<T extends object>(args: T): T {
  validatedArgs.add(args);
  return args;
}

/**
 * Validates the arguments of a component, unless a parent has done that.
 *
 * @param otherProblems further problems, which do not come from the arguments
 * @throws pulumi.RunError with all problems
 */
export function refuseInvalid<T extends object>(
  component: string,
  name: string,
  args: T,
  validate: (args: T) => Problem[],
  otherProblems: readonly Problem[] = [],
): void {
  refuseProblems(component, name, [...(validatedArgs.has(args) ? [] : validate(args)), ...otherProblems]);
}

/** @throws pulumi.RunError with all problems, if there are any */
export function refuseProblems(component: string, name: string, problems: readonly Problem[]): void {
  if (problems.length === 0) return;
  throw new Refusal(`${component} "${name}" cannot be built:\n${describeProblems(problems)}`);
}

/**
 * An error whose message stays as it is. Where one is thrown for an output, Pulumi writes the name of each property that
 * it passes through before the message, often dozens.
 */
class Refusal extends pulumi.RunError {
  constructor(message: string) {
    super(message);
    Object.defineProperty(this, "message", { get: () => message, set: () => undefined });
  }
}
