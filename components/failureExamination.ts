import { probeFrom, transfer } from "./hostProbes.ts";
import type { HostSession, AskedOverlay } from "./hostProbes.ts";
import { checksumSenders } from "./vxlan/diagnosis/counterFindings.ts";
import { diagnose } from "./vxlan/diagnosis/diagnose.ts";
import { evidenceCommand, evidenceInput, parseEvidence } from "./vxlan/diagnosis/evidence.ts";
import type { Evidence } from "./vxlan/diagnosis/evidence.ts";
import { canonical } from "./vxlan/addresses.ts";
import { testsTcp } from "./vxlan/connectivityTest/probe.ts";
import type { FailedProbe } from "./vxlan/connectivityTest/failedProbe.ts";

/** Pairs of hosts that are examined. Each takes some seconds, and further pairs seldom have other causes. */
const EXAMINED_PAIRS = 3;

/** Seconds to collect the evidence of a host. */
const EVIDENCE_LIMIT = 15;

/** Causes that are reported for a pair. The first ones explain it, and the others follow from them. */
const CAUSES_A_PAIR = 4;

/** Failed probes, and what was found out about them. */
interface Examination {
  /** Those that failed again when they were repeated. */
  failures: FailedProbe[];
  /** Those that passed when they were repeated: a busy machine may be the cause. */
  passedProbes: FailedProbe[];
  findings: Finding[];
  /** How many pairs of hosts failed and were not examined. */
  unexaminedPairs: number;
  /** Hosts that sent TCP with wrong checksums, each with a peer that discarded it. */
  senders: Map<string, string>;
}

/** Causes of one failed probe with their cures, the most likely one first. */
interface Finding {
  from: string;
  to: string;
  causes: string[];
}

/**
 * Examines failed probes. All are repeated. For some pairs of those that fail again the probe is repeated once more,
 * with evidence of both hosts right before and right after it.
 */
export async function examineFailures(
  overlay: AskedOverlay,
  sessions: readonly HostSession[],
  failures: readonly FailedProbe[],
): Promise<Examination> {
  const examination: Examination = {
    failures: [],
    passedProbes: [],
    findings: [],
    unexaminedPairs: 0,
    senders: new Map(),
  };
  const repeatedProbes = await Promise.all(
    // By name, since hosts answer in any order: a run that is repeated examines the same ones.
    failures
      .toSorted((a, b) => nameOf(a).localeCompare(nameOf(b)))
      .map(async (failure) => ({ failure, result: await probeAgain(overlay, sessions, failure) })),
  );
  for (const { failure, result } of repeatedProbes) {
    if (result === "passes") examination.passedProbes.push(failure);
    else examination.failures.push(result);
  }
  const pairs = onePerPair(sessions, examination.failures);
  examination.unexaminedPairs = Math.max(0, pairs.length - EXAMINED_PAIRS);
  for (const failure of pairs.slice(0, EXAMINED_PAIRS)) {
    const causes = await examine(overlay, sessions, failure, examination.senders);
    examination.findings.push({ from: failure.from, to: failure.to, causes });
  }
  return examination;
}

const nameOf = ({ from, to, address }: FailedProbe) => [from, to, address].join(" ");

/** One failure of each two hosts that can be examined, whichever of them probed the other. */
function onePerPair(sessions: readonly HostSession[], failures: readonly FailedProbe[]): FailedProbe[] {
  const byPair = new Map<string, FailedProbe>();
  for (const failure of failures) {
    if (endsOf(sessions, failure).includes(undefined)) continue;
    const pair = [failure.from, failure.to].sort().join(" ");
    if (!byPair.has(pair)) byPair.set(pair, failure);
  }
  return [...byPair.values()];
}

/** @param senders gets the hosts that sent TCP with wrong checksums */
async function examine(
  overlay: AskedOverlay,
  sessions: readonly HostSession[],
  failure: FailedProbe,
  senders: Map<string, string>,
): Promise<string[]> {
  const { settings, mtu } = overlay;
  const [from, to] = endsOf(sessions, failure);
  if (!from || !to) return [];
  try {
    const [fromBefore, toBefore] = await Promise.all([
      collectEvidence(overlay, from, to),
      collectEvidence(overlay, to, from),
    ]);
    const result = await probeAgain(overlay, sessions, failure);
    const [fromAfter, toAfter] = await Promise.all([
      collectEvidence(overlay, from, to),
      collectEvidence(overlay, to, from),
    ]);
    if (result === "passes")
      return [`${failure.from} -> ${failure.to} comes and goes: it passed while both hosts were examined.`];
    const [fromPair, toPair] = [
      { before: fromBefore, after: fromAfter },
      { before: toBefore, after: toAfter },
    ];
    for (const [sender, receiver] of checksumSenders(result, fromPair, toPair)) senders.set(sender, receiver);
    const causes = diagnose(result, fromPair, toPair, {
      device: settings.device,
      port: settings.port,
      vni: settings.vni,
      mtu,
      admitsAll: testsTcp(settings),
    });
    return causes.slice(0, CAUSES_A_PAIR);
  } catch (error) {
    return [`${failure.from} and ${failure.to} could not be examined: ${(error as Error).message}.`];
  }
}

const endsOf = (sessions: readonly HostSession[], { from, to }: FailedProbe) =>
  [from, to].map((name) => sessions.find(({ host }) => host.name === name));

async function probeAgain(
  overlay: AskedOverlay,
  sessions: readonly HostSession[],
  failure: FailedProbe,
): Promise<FailedProbe | "passes"> {
  const [from, to] = endsOf(sessions, failure);
  if (!from || !to) return failure;
  try {
    if (failure.probe === "transfer") {
      const transferResult = await transfer(overlay, from, to.host, 1);
      return typeof transferResult === "string" ? "passes" : transferResult;
    }
    const peer = { ...to.host, overlayAddresses: [failure.address] };
    const [repeatedFailure] = (await probeFrom(overlay, from, [peer], { tries: "one" })).failures;
    return repeatedFailure ?? "passes";
  } catch {
    return failure; // The session is lost, and the first answer stands.
  }
}

async function collectEvidence(
  overlay: AskedOverlay,
  { host, ssh }: HostSession,
  peer: HostSession,
): Promise<Evidence> {
  const { settings, identity } = overlay;
  const input = evidenceInput({
    overlay: identity.overlay,
    device: settings.device,
    port: settings.port,
    underlayAddress: canonical(host.underlayAddress),
    overlayAddresses: host.overlayAddresses.map(canonical),
    tcpPort: settings.verifyPort ?? host.sshPort,
    peers: [
      {
        name: peer.host.name,
        mac: peer.host.report.mac,
        underlayAddress: canonical(peer.host.underlayAddress),
        overlayAddresses: peer.host.overlayAddresses.map(canonical),
      },
    ],
  });
  const { stdout } = await ssh.run(evidenceCommand(), input, EVIDENCE_LIMIT);
  return parseEvidence(stdout);
}
