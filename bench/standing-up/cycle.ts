import { execa } from "execa";
import { nsenterArgs } from "../../lab/hosts/exec.ts";
import type { Lab } from "../../lab/system/lab.ts";
import { VNI } from "../fleet.ts";
import type { FleetHost } from "../fleet.ts";
import type { Recorder } from "../frame/rounds.ts";
import { runAsRoot } from "./benchLab.ts";
import type { BenchLab } from "./benchLab.ts";
import { kernelTables, refuseDifference, refuseLeftovers } from "./kernelTables.ts";
import type { Tool } from "./tool.ts";

/** One life of an overlay, from hosts without one back to hosts without one. */

export const OPERATIONS = {
  first: "first up",
  unchanged: "up without changes",
  preview: "preview",
  setting: "one setting on all",
  join: "one host joins",
  leave: "one host leaves",
  destroy: "destroy",
} as const;

/** Seconds that an `up` without changes may take, by number of hosts. */
export const UNCHANGED_LIMITS: Readonly<Record<number, number>> = { 8: 3.5, 32: 8, 100: 25 };

/** Frames between two others that are lost meanwhile, of a hundred a second. */
export const FRAMES_LOST = "frames lost while one host joins";

/** Tables of the fleet by state, as the first contender has left them. All others must leave the same. */
export type ReferenceTables = Map<string, readonly string[]>;

/** What a cycle does beside its steps. */
interface CycleOptions {
  /** Leaves out all changes: first up, up without changes and destroy remain. */
  isShort?: boolean;
  afterFirst?: () => Promise<void>;
}

/** @throws Error where a step fails, tables differ, or something is left behind; nothing is left then either */
export async function runCycle(
  benchLab: BenchLab,
  tool: Tool,
  tables: ReferenceTables,
  record: Recorder,
  { isShort = false, afterFirst }: CycleOptions = {},
): Promise<void> {
  const { lab, hosts, joining } = benchLab;
  const all = [...hosts, joining];
  const time = timer(record);
  const { first, unchanged, destroy } = OPERATIONS;
  try {
    await time(first, () => tool.apply(hosts, VNI, [], phaseRecorder(record, first)));
    await compareTables(lab, hosts, "first", tables);
    await time(unchanged, () => tool.apply(hosts, VNI));
    await afterFirst?.();
    if (!isShort) await runChanges(benchLab, tool, tables, { record, time });
    await time(destroy, () => tool.remove(hosts));
    await refuseLeftovers(lab, all);
  } catch (error) {
    await tool.remove(all).catch(() => undefined);
    throw error;
  }
}

/** Runs one step and records its seconds. */
type Timer = (operation: string, work: () => Promise<void>) => Promise<void>;

export const timer =
  (record: Recorder): Timer =>
  async (operation, work) => {
    const start = performance.now();
    await work();
    record(operation, (performance.now() - start) / 1_000);
  };

/** How the steps of a cycle are recorded. */
interface Recorders {
  record: Recorder;
  time: Timer;
}

/** Records parts of an operation. */
export const phaseRecorder =
  (record: Recorder, operation: string): Recorder =>
  (name, value, unit) =>
    record(`${operation}: ${name}`, value, unit);

/** Another VNI on all hosts, one host more, and the same host less. */
async function runChanges(
  { lab, hosts, joining }: BenchLab,
  tool: Tool,
  tables: ReferenceTables,
  { record, time }: Recorders,
): Promise<void> {
  const { preview, setting, join, leave } = OPERATIONS;
  const all = [...hosts, joining];
  const changed = VNI + 1;
  if (tool.preview) await time(preview, () => tool.preview?.(hosts, VNI) ?? Promise.resolve());
  await time(setting, () => tool.apply(hosts, changed, [], phaseRecorder(record, setting)));
  const lost = await countLostFrames(lab, hosts, () => time(join, () => tool.apply(all, changed)));
  record(FRAMES_LOST, lost, "count");
  await compareTables(lab, all, "joined", tables);
  await time(leave, () => tool.apply(hosts, changed, [joining]));
  await compareTables(lab, hosts, "left", tables);
}

async function compareTables(
  lab: Lab,
  hosts: readonly FleetHost[],
  state: string,
  tables: ReferenceTables,
): Promise<void> {
  const actual = await kernelTables(lab, hosts);
  const expected = tables.get(state);
  if (expected) refuseDifference(expected, actual);
  else tables.set(state, actual);
}

/** Sends a hundred small frames a second from the first host to the second meanwhile. */
async function countLostFrames(
  lab: Lab,
  [from, to]: readonly FleetHost[],
  work: () => Promise<void>,
): Promise<number> {
  if (!from || !to) throw new Error("a fleet has two hosts at least");
  const command = ["ping", "-n", "-q", "-i", "0.01", to.overlay];
  const ping = execa("nsenter", [...nsenterArgs(lab, from.name), ...command], {
    reject: false,
    timeout: 1_800_000,
  });
  try {
    await work();
  } finally {
    // ping prints its counts then. A signal to nsenter would not reach it: it is the parent of ping.
    await runAsRoot(lab, from.name, "pkill -INT -x ping");
  }
  const { stdout } = await ping;
  const [, sent, received] = /(\d+) packets transmitted, (\d+) received/.exec(stdout) ?? [];
  if (sent === undefined) throw new Error(`ping printed no counts: ${stdout}`);
  return Number(sent) - Number(received);
}
