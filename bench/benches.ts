import type { Bench } from "./frame/bench.ts";
import { carryingTraffic } from "./carrying-traffic/bench.ts";
import { fromNothing } from "./from-nothing/bench.ts";
import { quick } from "./quick.ts";
import { standingUp } from "./standing-up/bench.ts";
import { stayingUp } from "./staying-up/bench.ts";
import { state } from "./state/bench.ts";

/** The benches by name. */
export const BENCHES: Readonly<Record<string, Bench>> = {
  quick,
  state,
  "standing-up": standingUp,
  "from-nothing": fromNothing,
  "staying-up": stayingUp,
  "carrying-traffic": carryingTraffic,
};
