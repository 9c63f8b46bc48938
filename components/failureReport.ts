import * as pulumi from "@pulumi/pulumi";
import { probeFrom, transfer } from "./hostProbes.ts";
import type { HostSession, TestedOverlay } from "./hostProbes.ts";
import { diagnose } from "./vxlan/diagnosis/diagnose.ts";
import { evidenceCommand, evidenceInput, parseEvidence } from "./vxlan/diagnosis/evidence.ts";
import type { Evidence } from "./vxlan/diagnosis/evidence.ts";
import { canonical } from "./vxlan/addresses.ts";
import { describeFailure } from "./vxlan/connectivityTest/failedProbe.ts";
import type { FailedProbe } from "./vxlan/connectivityTest/failedProbe.ts";

/** Pairs that are looked into: each takes some seconds, and further ones seldom have causes of their own. */
const EXAMINED_PAIRS = 3;

/** Seconds for one look at a host. */
const LOOK_LIMIT = 15;

/** Causes that are told of a pair: the first explain it, and the rest follow from them. */
const CAUSES_A_PAIR = 4;

/**
 * Looks into probes that failed. All are sent once more; what passes by then is warned of and no more, as it is what a busy
 * machine does. Of the rest some pairs are probed a last time, with a look at both hosts right before and right after it.
 *
 * @returns one text, with all failed probes and then what was found; nothing where none is left
 */
export async function explainFailures(
  overlay: TestedOverlay,
  sessions: readonly HostSession[],
  failures: readonly FailedProbe[],
): Promise<string[]> {
  const lasting: FailedProbe[] = [];
  await Promise.all(
    failures.map(async (failure) => {
      const again = await probeAgain(overlay, sessions, failure);
      if (again !== "passes") lasting.push(again);
      else await pulumi.log.warn(`${describeFailure(failure)} at first, and passes now.`, overlay.component);
    }),
  );
  if (lasting.length === 0) return [];
  const causes: string[] = [];
  for (const failure of onePerPair(lasting)) causes.push(...(await examine(overlay, sessions, failure)));
  const lines = [
    "the overlay does not carry all traffic:",
    ...lasting.map((failure) => `  ${describeFailure(failure)}`),
    "What was found on the hosts:",
    ...[...new Set(causes)].map((cause) => `  ${cause}`),
  ];
  return [lines.join("\n")];
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

async function examine(
  overlay: TestedOverlay,
  sessions: readonly HostSession[],
  failure: FailedProbe,
): Promise<string[]> {
  const { settings, mtu } = overlay;
  const [from, to] = endsOf(sessions, failure);
  if (!from || !to) return [];
  try {
    const [fromBefore, toBefore] = await Promise.all([look(overlay, from, to), look(overlay, to, from)]);
    const again = await probeAgain(overlay, sessions, failure);
    const [fromAfter, toAfter] = await Promise.all([look(overlay, from, to), look(overlay, to, from)]);
    if (again === "passes")
      return [`${failure.from} -> ${failure.to} comes and goes: it passed while it was looked at.`];
    const causes = diagnose(
      again,
      { before: fromBefore, after: fromAfter },
      { before: toBefore, after: toAfter },
      { device: settings.device, port: settings.port, vni: settings.vni, mtu },
    );
    return causes.slice(0, CAUSES_A_PAIR);
  } catch (error) {
    return [`${failure.from} and ${failure.to} could not be looked at: ${(error as Error).message}.`];
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

async function look(
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
  const { stdout } = await ssh.run(evidenceCommand(), input, LOOK_LIMIT);
  return parseEvidence(stdout);
}
