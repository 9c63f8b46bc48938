import * as pulumi from "@pulumi/pulumi";
import { explainFailures } from "./failureReport.ts";
import { probeFrom, transfer } from "./hostProbes.ts";
import type { HostSession, TestedHost, TestedOverlay } from "./hostProbes.ts";
import { SshSession } from "./sshSession.ts";
import { checkCommand, readCheck } from "./vxlan/connectivityTest/syncCheck.ts";
import type { CheckResult } from "./vxlan/connectivityTest/syncCheck.ts";
import { parseDeviceReport } from "./vxlan/phases/device.ts";
import { lastVerified } from "./vxlan/connectivityTest/lastVerified.ts";
import { choosePeers, transferPeer } from "./vxlan/connectivityTest/peerChoice.ts";
import { testsTcp } from "./vxlan/connectivityTest/probe.ts";
import type { FailedProbe } from "./vxlan/connectivityTest/failedProbe.ts";
import type { LastVerified } from "./vxlan/connectivityTest/lastVerified.ts";
import type { ProbeReport } from "./vxlan/connectivityTest/probe.ts";

/** Hosts that are logged in to at the same time: each login takes some milliseconds of this process. */
const CONCURRENT_HOSTS = 32;

/** Seconds for a login, for a phase that has to run again, and for what else a host is asked. */
const LOGIN_LIMIT = 15;
const PHASE_LIMIT = 110;
const CHECK_LIMIT = 65;

/**
 * An environment variable that keeps hosts from being asked where it is "no": nothing tells a program whether it runs
 * for `up`, or for `destroy` or `refresh` with `--run-program`.
 */
const SWITCH = "OCI_VXLAN_ASK";

/** Whether this run tests anything: a preview touches no host. */
export const isTested = () => !pulumi.runtime.isDryRun() && process.env[SWITCH] !== "no";

/**
 * The end of every `up`, whether anything changed or not: logs in to every host once, has it say whether it is in sync
 * with the stack, and has it probe its peers over the overlay. A host that has other settings than the stack, as after an
 * interrupted run, gets them again.
 *
 * @returns what was seen to pass; undefined where `verify` is false, and hosts are only asked whether they are in sync
 * @throws pulumi.RunError with everything that is wrong, and what was found on the hosts about it
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
  const sessions: HostSession[] = [];
  const inSync: HostSession[] = [];
  try {
    let turn = 0;
    await forEachHost(confirmedHosts, async (host) => {
      const { problem, session, turn: turnOfHost = 0 } = await check(overlay, host, sessions);
      if (session) inSync.push(session);
      if (problem !== undefined) problems.push(problem);
      turn = Math.max(turn, turnOfHost);
    });
    const tested = overlay.verify.verify === false ? undefined : await probe(overlay, inSync, turn);
    problems.push(...(tested?.problems ?? []));
    if (problems.length === 0) return tested?.verified;
  } finally {
    for (const { ssh } of sessions) ssh.close();
  }
  throw refusal(problems);
}

function refusal(problems: readonly string[]): pulumi.RunError {
  const error = new pulumi.RunError(
    // Behind the names that Pulumi puts before it, so that each line begins with its host.
    `the connectivity test that ends every up has failed:\n${problems.join("\n")}\nUntil then the hosts that the config no longer names are not removed either. ` +
      `With ${SWITCH}=no in the environment nobody is asked, as "destroy --run-program" may need.`,
  );
  // The program's last line is long past, and from there on Pulumi prints an error's stack.
  error.stack = error.message;
  return error;
}

// --- In sync? ---------------------------------------------------------------------------------------------

/** A host that is in sync has a session and its turn in the rotation of probes; any other has a problem. */
interface CheckedHost {
  session?: HostSession;
  turn?: number;
  problem?: string;
}

/**
 * Logs in to a host, and asks whether it is in sync.
 *
 * @param sessions gets the host's session, whatever is found
 */
async function check(
  overlay: TestedOverlay,
  host: TestedHost,
  sessions: HostSession[],
): Promise<CheckedHost> {
  const { name } = host;
  try {
    const session = { host, ssh: await logIn(host) };
    sessions.push(session);
    let result = await ask(overlay, session);
    if (result.state === "differs") {
      const problem = await setUpAgain(overlay, session);
      if (problem !== undefined) return { problem };
      result = await ask(overlay, session);
    }
    if (result.state === "differs") return { problem: needsInstallation(name) };
    if (result.state === "failed") return { problem: result.problem };
    for (const warning of result.warnings) await pulumi.log.warn(warning, overlay.component);
    return { session, turn: result.turn };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    const problem =
      `${name} could not be asked whether its overlay is in sync: SSH to ${host.connection.host}: ${reason}. Everything else was done. ` +
      `If it is down on purpose, set hosts.${name}.down to true: up then leaves it alone.`;
    return { problem };
  }
}

/** An sshd that is called by many at once hangs up on some; one that is being restarted refuses for a moment. */
async function logIn({ connection }: TestedHost): Promise<SshSession> {
  try {
    return await SshSession.open(connection, LOGIN_LIMIT);
  } catch (error) {
    if (!/ECONNRE|closed the connection/.test((error as Error).message)) throw error;
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    return SshSession.open(connection, LOGIN_LIMIT);
  }
}

async function ask(overlay: TestedOverlay, { host, ssh }: HostSession): Promise<CheckResult> {
  const expected = {
    installation: host.report.installation,
    deviceSettings: host.device.settings,
    peersSettings: host.peers.settings,
  };
  const answer = await ssh.run(checkCommand(overlay.identity, expected), "", CHECK_LIMIT);
  return readCheck(host.name, answer);
}

/**
 * Runs both phases again, on a host whose settings are not the stack's although nothing changed there: a change was taken
 * back since nobody confirmed it, or somebody removed files.
 *
 * @returns why that does not bring it in sync
 */
async function setUpAgain(overlay: TestedOverlay, session: HostSession): Promise<string | undefined> {
  const { host } = session;
  const { name } = host;
  const device = await session.ssh.run(host.device.create, host.device.stdin, PHASE_LIMIT);
  if (device.status !== 0) return `${name}: ${device.stderr.trim().slice(-1_500)}`;
  const { mac, installation } = parseDeviceReport(name, device.stdout);
  if (mac !== host.report.mac || installation !== host.report.installation) return needsInstallation(name);
  session.ssh.close();
  session.ssh = await logIn(host); // A new session confirms the change.
  const peers = await session.ssh.run(host.peers.create, host.peers.stdin, PHASE_LIMIT);
  if (peers.status !== 0) return `${name}: ${peers.stderr.trim().slice(-1_500)}`;
  const text = `${name} had lost settings of the stack, or had others, and was set up again. Its journal says why: journalctl -t oci-vxlan`;
  await pulumi.log.warn(text, overlay.component);
  return undefined;
}

const needsInstallation = (host: string) =>
  `${host} was re-imaged, or lost its files, since pulumi up installed it: raise its "generation" by one, then run pulumi up again.`;

// --- Does traffic pass? -----------------------------------------------------------------------------------

/** Has every host probe its peers of this turn, and one peer of each send it some hundred kilobytes. */
async function probe(
  overlay: TestedOverlay,
  sessions: readonly HostSession[],
  turn: number,
): Promise<{ problems: string[]; verified: LastVerified | undefined }> {
  if (sessions.length < 2) {
    await pulumi.log.warn(
      "nothing was probed, since fewer than two hosts are up and in sync.",
      overlay.component,
    );
    return { problems: [], verified: undefined };
  }
  const names = sessions.map(({ host }) => host.name);
  const reports: ProbeReport[] = [];
  const failures: FailedProbe[] = [];
  const problems: string[] = [];
  let transfers = 0;
  await forEachHost(sessions, async (session) => {
    const { name } = session.host;
    const peers = choosePeers(names, name, turn);
    const probedHosts = sessions.map(({ host }) => host).filter((host) => peers.includes(host.name));
    const sender = sessions.find(({ host }) => host.name === transferPeer(names, name));
    try {
      const [report, transferred] = await Promise.all([
        probeFrom(overlay, session, probedHosts),
        sender && testsTcp(overlay.settings) ? transfer(overlay, session, sender.host) : undefined,
      ]);
      reports.push(report);
      failures.push(...report.failures);
      if (transferred === "passed") transfers++;
      // Where a banner does not pass, a transfer cannot.
      else if (transferred !== undefined && report.failures.length === 0) failures.push(transferred);
    } catch (error) {
      problems.push(`${name} could not probe its peers: ${(error as Error).message}.`);
    }
  });
  problems.push(...(await explainFailures(overlay, sessions, failures)));
  const verified = lastVerified(overlay.settings, reports, sessions.length, transfers, overlay.mtu);
  return { problems, verified };
}

async function forEachHost<T>(hosts: readonly T[], work: (host: T) => Promise<void>): Promise<void> {
  const queue = [...hosts];
  const worker = async () => {
    for (let host = queue.shift(); host !== undefined; host = queue.shift()) await work(host);
  };
  await Promise.all(Array.from({ length: CONCURRENT_HOSTS }, worker));
}
