import { examineFailures } from "./failureExamination.ts";
import type { HostSession, TestedOverlay } from "./hostProbes.ts";
import { describeFailure } from "./vxlan/connectivityTest/failedProbe.ts";
import type { FailedProbe } from "./vxlan/connectivityTest/failedProbe.ts";

/** Why probes failed. */
interface Explanation {
  /** One text with all failed probes and their causes; none where all passed when they were repeated. */
  problems: string[];
  /** Hosts that sent TCP with wrong checksums, each with a peer that discarded it. */
  senders: ReadonlyMap<string, string>;
}

/** Explains failed probes. One that passes when it is repeated is only warned about. */
export async function explainFailures(
  overlay: TestedOverlay,
  sessions: readonly HostSession[],
  failedProbes: readonly FailedProbe[],
): Promise<Explanation> {
  const examination = await examineFailures(overlay, sessions, failedProbes);
  const { failures, passedProbes, findings, unexaminedPairs, senders } = examination;
  for (const probe of passedProbes)
    await overlay.log.warn(`${describeFailure(probe)} at first, and passes now.`);
  if (failures.length === 0) return { problems: [], senders };
  const causes = findings.flatMap((finding) => finding.causes);
  const lines = [
    "the overlay does not carry all traffic:",
    ...failures.map((failure) => `  ${describeFailure(failure)}`),
    "What was found on the hosts:",
    ...[...new Set(causes)].map((cause) => `  ${cause}`),
    ...(unexaminedPairs === 0 ? [] : [describeUnexamined(unexaminedPairs)]),
  ];
  return { problems: [lines.join("\n")], senders };
}

const describeUnexamined = (pairs: number) =>
  `  ${pairs} more failing pair${pairs === 1 ? " was" : "s were"} not examined: run pulumi up again once these causes are gone.`;
