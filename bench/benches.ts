import type { Bench } from "./frame/bench.ts";
import { state } from "./state/bench.ts";

/** The benches by name. */
export const BENCHES: Readonly<Record<string, Bench>> = { state };
