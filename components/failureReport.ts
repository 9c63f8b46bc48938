import type { HostSession, TestedOverlay } from "./connectivityTest.ts";
import { describeFailure } from "./vxlan/probe.ts";
import type { FailedProbe } from "./vxlan/probe.ts";

/** What is said of probes that stayed without their answer. */
export async function explainFailures(
  overlay: TestedOverlay,
  sessions: readonly HostSession[],
  failures: readonly FailedProbe[],
): Promise<string[]> {
  if (failures.length === 0) return [];
  await Promise.resolve();
  return failures.map(describeFailure);
}
