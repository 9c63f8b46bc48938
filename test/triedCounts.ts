import type { TaskMeta } from "vitest";

/** What a whole run of the tests has to have tried at least. */
export const LEAST = { changes: 45, faults: 30, "bad inputs": 2_000 } as const;
export type Kind = keyof typeof LEAST;
export const KINDS = Object.keys(LEAST) as Kind[];

declare module "vitest" {
  interface TaskMeta {
    triedCounts?: Partial<Record<Kind, number>>;
  }
}

/** A hook that says what each test behind it tries: `beforeEach(countTries("faults"))`. The summary counts those that pass. */
export const countTries =
  (kind: Kind, count = 1) =>
  ({ task }: { task: { meta: TaskMeta } }): void => {
    task.meta.triedCounts = { [kind]: count };
  };
