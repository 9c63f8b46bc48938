import type { Lab } from "../system/lab.ts";

/** The lab and the stack that a verb works on. */
export interface Context {
  lab: Lab;
  stack: string;
}

/** A verb with its own arguments. Returns the exit code. */
export type Verb = (context: Context, args: readonly string[]) => Promise<number>;
