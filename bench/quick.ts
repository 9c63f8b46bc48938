import type { Bench } from "./frame/bench.ts";
import { mergeReports } from "./frame/measurement.ts";
import { standingUp } from "./standing-up/bench.ts";
import { state } from "./state/bench.ts";

/** A choice of the benches that is done within five minutes, on a quiet machine with two cores. */
export const quick: Bench = {
  title: "a choice of the others",
  minutes: 5,
  run: async (options) =>
    mergeReports([
      await state.run({ sizes: [2, 8, 32], rounds: 1, ...options }),
      await standingUp.run({ sizes: [8], rounds: 2, isQuick: true, ...options }),
    ]),
};
