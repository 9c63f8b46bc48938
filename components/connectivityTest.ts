import * as pulumi from "@pulumi/pulumi";
import { switchOffloadsOff } from "./checksumOffload.ts";
import { forEachHost } from "./concurrentHosts.ts";
import { explainFailures } from "./failureReport.ts";
import { checkHost } from "./hostCheck.ts";
import { probeFrom, transfer } from "./hostProbes.ts";
import { retireOldKeys } from "./loginKeyRetirement.ts";
import { SWITCH } from "./runMode.ts";
import type { HostSession, TestedHost, TestedOverlay } from "./hostProbes.ts";
import type { FailedProbe } from "./vxlan/connectivityTest/failedProbe.ts";
import { lastVerified } from "./vxlan/connectivityTest/lastVerified.ts";
import type { LastVerified } from "./vxlan/connectivityTest/lastVerified.ts";
import { choosePeers, transferPeer } from "./vxlan/connectivityTest/peerChoice.ts";
import { testsTcp } from "./vxlan/connectivityTest/probe.ts";
import type { ProbeReport } from "./vxlan/connectivityTest/probe.ts";

/**
 * The end of every `up`, whether anything changed or not: logs in to every host once, checks that it is in sync with
 * the stack, and lets it probe its peers over the overlay.
 *
 * @returns which traffic passed; undefined where `verify` is false and nothing was probed
 * @throws pulumi.RunError with all problems and their causes on the hosts
 */
export async function testConnectivity(
  overlay: TestedOverlay,
  hosts: readonly TestedHost[],
): Promise<LastVerified | undefined> {
  const problems = [...overlay.unconfirmedHosts].map(
    (host) =>
      `${host}: the change of its settings could not be confirmed, and is taken back; why stands above.`,
  );
  const confirmedHosts = hosts.filter(({ name }) => !overlay.unconfirmedHosts.has(name));
  problems.push(...(await retireOldKeys(overlay, confirmedHosts)));
  const reachedHosts = confirmedHosts.filter(({ replacement }) => replacement?.problem === undefined);
  const sessions: HostSession[] = [];
  const sessionsInSync: HostSession[] = [];
  try {
    let turn = 0;
    await forEachHost(reachedHosts, async (host) => {
      const checkedHost = await checkHost(overlay, host, sessions);
      if (checkedHost.session) sessionsInSync.push(checkedHost.session);
      if (checkedHost.problem !== undefined) problems.push(checkedHost.problem);
      turn = Math.max(turn, checkedHost.turn ?? 0);
    });
    const result = overlay.settings.verify ? await probeAll(overlay, sessionsInSync, turn) : undefined;
    problems.push(...(result?.problems ?? []));
    if (problems.length === 0) return result?.verifiedPaths;
  } finally {
    for (const { ssh } of sessions) ssh.close();
  }
  throw testFailure(problems);
}

function testFailure(problems: readonly string[]): pulumi.RunError {
  const error = new pulumi.RunError(
    // Pulumi puts names before the message, so each problem begins on a line of its own.
    `the connectivity test that ends every up has failed:\n${problems.join("\n")}\nUntil then the hosts that the config no longer names are not removed either. ` +
      `With ${SWITCH}=no in the environment nobody is asked, as "destroy --run-program" may need.`,
  );
  // Pulumi prints the stack of an error that is thrown after the program's last line.
  error.stack = error.message;
  return error;
}

/** The results of all hosts' probes. */
interface ProbeResults {
  reports: ProbeReport[];
  failures: FailedProbe[];
  problems: string[];
  /** How many hosts have received a transfer. */
  transfers: number;
}

/** Whether traffic passes. */
interface ProbeSummary {
  problems: string[];
  verifiedPaths: LastVerified | undefined;
}

/**
 * Lets every host probe its peers of this turn, and receive a transfer from one of them. Where hosts send wrong
 * checksums, their offload is switched off, and everything is probed again. Each round cures further hosts.
 */
async function probeAll(
  overlay: TestedOverlay,
  sessions: readonly HostSession[],
  turn: number,
): Promise<ProbeSummary> {
  const repairedSenders = new Set<string>();
  for (;;) {
    const { senders, ...summary } = await probeRound(overlay, sessions, turn);
    const faultySenders = new Map([...senders].filter(([sender]) => !repairedSenders.has(sender)));
    if (overlay.settings.checksumOffload === "off" || faultySenders.size === 0) return summary;
    const problems = await switchOffloadsOff(overlay, sessions, faultySenders);
    if (problems.length > 0) return { ...summary, problems: [...summary.problems, ...problems] };
    for (const sender of faultySenders.keys()) repairedSenders.add(sender);
  }
}

/** @returns also the hosts that sent TCP with wrong checksums, each with a peer that discarded it */
async function probeRound(
  overlay: TestedOverlay,
  sessions: readonly HostSession[],
  turn: number,
): Promise<ProbeSummary & { senders: ReadonlyMap<string, string> }> {
  if (sessions.length < 2) {
    await overlay.log.warn("nothing was probed, since fewer than two hosts are up and in sync.");
    return { problems: [], verifiedPaths: undefined, senders: new Map() };
  }
  const results: ProbeResults = { reports: [], failures: [], problems: [], transfers: 0 };
  await forEachHost(sessions, (session) => probePeers(overlay, sessions, session, turn, results));
  const { reports, failures, problems, transfers } = results;
  const explanation = await explainFailures(overlay, sessions, failures);
  problems.push(...explanation.problems);
  const verifiedPaths = lastVerified(overlay.settings, reports, sessions.length, transfers, overlay.mtu);
  return { problems, verifiedPaths, senders: explanation.senders };
}

/** @param results gets those of this host */
async function probePeers(
  overlay: TestedOverlay,
  sessions: readonly HostSession[],
  session: HostSession,
  turn: number,
  results: ProbeResults,
): Promise<void> {
  const { name } = session.host;
  const hosts = sessions.map(({ host }) => host);
  const names = hosts.map((host) => host.name);
  const peerNames = new Set(choosePeers(names, name, turn));
  const peers = hosts.filter((host) => peerNames.has(host.name));
  const sender = hosts.find((host) => host.name === transferPeer(names, name));
  try {
    const [report, transferResult] = await Promise.all([
      probeFrom(overlay, session, peers),
      sender && testsTcp(overlay.settings) ? transfer(overlay, session, sender) : undefined,
    ]);
    results.reports.push(report);
    results.failures.push(...report.failures);
    if (transferResult === "passed") results.transfers++;
    else if (transferResult === "not forwarded") await overlay.log.info(describeUntested(name));
    // Where a probe fails, a transfer cannot pass.
    else if (transferResult && report.failures.length === 0) results.failures.push(transferResult);
  } catch (error) {
    results.problems.push(`${name} could not probe its peers: ${(error as Error).message}.`);
  }
}

const describeUntested = (host: string) =>
  `${host}: its sshd forwards no connections (AllowTcpForwarding), so no larger transfer to it was tested.`;
