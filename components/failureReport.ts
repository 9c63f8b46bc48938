import * as pulumi from "@pulumi/pulumi";
import { probeFrom, transfer } from "./hostProbes.ts";
import type { HostSession, TestedOverlay } from "./hostProbes.ts";
import { checksumSenders } from "./vxlan/diagnosis/counterFindings.ts";
import { diagnose } from "./vxlan/diagnosis/diagnose.ts";
import { evidenceCommand, evidenceInput, parseEvidence } from "./vxlan/diagnosis/evidence.ts";
import type { Evidence } from "./vxlan/diagnosis/evidence.ts";
import { canonical } from "./vxlan/addresses.ts";
import { describeFailure } from "./vxlan/connectivityTest/failedProbe.ts";
import { testsTcp } from "./vxlan/connectivityTest/probe.ts";
import type { FailedProbe } from "./vxlan/connectivityTest/failedProbe.ts";

/** Pairs of hosts that are examined. Each takes some seconds, and further pairs seldom have other causes. */
const EXAMINED_PAIRS = 3;

/** Seconds to collect the evidence of a host. */
const EVIDENCE_LIMIT = 15;

/** Causes that are reported for a pair. The first ones explain it, and the others follow from them. */
const CAUSES_A_PAIR = 4;

/** Why probes failed. */
interface Explanation {
  /** One text with all failed probes and their causes; none where all passed when they were repeated. */
  problems: string[];
  /** Hosts that sent TCP with wrong checksums, each with a peer that discarded it. */
  senders: Map<string, string>;
}

/**
 * Examines failed probes. All are repeated, and one that passes is only warned about, since a busy machine may be the
 * cause. For some pairs of the others the probe is repeated again, with evidence of both hosts right before and right
 * after it.
 */
export async function explainFailures(
  overlay: TestedOverlay,
  sessions: readonly HostSession[],
  failures: readonly FailedProbe[],
): Promise<Explanation> {
  const senders = new Map<string, string>();
  const lastingFailures: FailedProbe[] = [];
  await Promise.all(
    failures.map(async (failure) => {
      const again = await probeAgain(overlay, sessions, failure);
      if (again !== "passes") lastingFailures.push(again);
      else await pulumi.log.warn(`${describeFailure(failure)} at first, and passes now.`, overlay.component);
    }),
  );
  if (lastingFailures.length === 0) return { problems: [], senders };
  const causes: string[] = [];
  for (const failure of onePerPair(lastingFailures))
    causes.push(...(await examine(overlay, sessions, failure, senders)));
  const lines = [
    "the overlay does not carry all traffic:",
    ...lastingFailures.map((failure) => `  ${describeFailure(failure)}`),
    "What was found on the hosts:",
    ...[...new Set(causes)].map((cause) => `  ${cause}`),
  ];
  return { problems: [lines.join("\n")], senders };
}

/** One failure of each two hosts, whichever of them probed the other. */
function onePerPair(failures: readonly FailedProbe[]): FailedProbe[] {
  const byPair = new Map<string, FailedProbe>();
  for (const failure of failures) {
    const pair = [failure.from, failure.to].sort().join(" ");
    if (!byPair.has(pair)) byPair.set(pair, failure);
  }
  return [...byPair.values()].slice(0, EXAMINED_PAIRS);
}

/** @param senders gets the hosts that sent TCP with wrong checksums */
async function examine(
  overlay: TestedOverlay,
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
    const again = await probeAgain(overlay, sessions, failure);
    const [fromAfter, toAfter] = await Promise.all([
      collectEvidence(overlay, from, to),
      collectEvidence(overlay, to, from),
    ]);
    if (again === "passes")
      return [`${failure.from} -> ${failure.to} comes and goes: it passed while both hosts were examined.`];
    const [fromPair, toPair] = [
      { before: fromBefore, after: fromAfter },
      { before: toBefore, after: toAfter },
    ];
    for (const [sender, receiver] of checksumSenders(again, fromPair, toPair)) senders.set(sender, receiver);
    const causes = diagnose(again, fromPair, toPair, {
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
  overlay: TestedOverlay,
  sessions: readonly HostSession[],
  failure: FailedProbe,
): Promise<FailedProbe | "passes"> {
  const [from, to] = endsOf(sessions, failure);
  if (!from || !to) return failure;
  try {
    if (failure.probe === "transfer") {
      const again = await transfer(overlay, from, to.host);
      return again === "passed" || again === undefined ? "passes" : again;
    }
    const peer = { ...to.host, overlayAddresses: [failure.address] };
    const [again] = (await probeFrom(overlay, from, [peer], "one")).failures;
    return again ?? "passes";
  } catch {
    return failure; // The session is lost, and the first answer stands.
  }
}

async function collectEvidence(
  overlay: TestedOverlay,
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
