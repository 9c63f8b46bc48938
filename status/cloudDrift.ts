import { CouldNotLook } from "./couldNotLook.ts";
import type { CloudStatus } from "./report.ts";
import { parseUrn } from "./stackHosts.ts";
import { attemptPulumi } from "./stackState.ts";
import type { StackLocation } from "./stackState.ts";

/** The parts of the engine's events that are used here. */
interface EngineEvent {
  resOutputsEvent?: { metadata?: ResourceStep };
  diagnosticEvent?: { severity?: string; message?: string };
}

interface ResourceStep {
  op: string;
  urn: string;
  type: string;
  old?: ResourceState | null;
  new?: ResourceState | null;
}

interface ResourceState {
  outputs?: Record<string, unknown>;
}

/**
 * Compares the state with the cloud, by a refresh that is not carried out. It names resources that were changed or
 * deleted outside of the stack.
 *
 * @throws CouldNotLook with what Pulumi says
 */
export async function readCloudDrift(location: StackLocation): Promise<CloudStatus> {
  // With this variable each event is a line of its own, and has the state that was found.
  const environment = { PULUMI_ENABLE_STREAMING_JSON_PREVIEW: "true" };
  const { stdout, problem } = await attemptPulumi(
    location,
    ["refresh", "--preview-only", "--json"],
    environment,
  );
  const events = stdout
    .split("\n")
    .flatMap((line): EngineEvent[] => (line.startsWith("{") ? [JSON.parse(line) as EngineEvent] : []));
  if (problem !== undefined)
    throw new CouldNotLook(`the cloud could not be asked: ${errorIn(events) ?? problem}`);
  const steps = events.flatMap(({ resOutputsEvent }) => resOutputsEvent?.metadata ?? []);
  return { resources: steps.flatMap(describeStep) };
}

function errorIn(events: readonly EngineEvent[]): string | undefined {
  const errors = events.flatMap(({ diagnosticEvent }) =>
    diagnosticEvent?.severity === "error" ? [diagnosticEvent.message ?? ""] : [],
  );
  return errors[0]?.replaceAll(/<\{%.*?%\}>/g, "").trim(); // Marks of colours.
}

function describeStep({ op, urn, type, old: before, new: after }: ResourceStep): CloudStatus["resources"] {
  const { name } = parseUrn(urn);
  if (op === "delete") return [{ urn, type, name, change: "deleted", properties: [] }];
  if (op !== "update") return [];
  const [outputsBefore, outputsAfter] = [before?.outputs ?? {}, after?.outputs ?? {}];
  const keys = [...new Set([...Object.keys(outputsBefore), ...Object.keys(outputsAfter)])].sort();
  const properties = keys.filter((key) => !isSame(outputsBefore[key], outputsAfter[key]));
  return [{ urn, type, name, change: "changed", properties }];
}

/** The engine writes the keys of an object in the order of the alphabet. */
const isSame = (a: unknown, b: unknown) => JSON.stringify(a) === JSON.stringify(b);
