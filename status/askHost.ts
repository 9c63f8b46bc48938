import { JumpHostError, logInTwice } from "../components/hostLogin.ts";
import type { HostSession, TestedHost } from "../components/hostProbes.ts";
import type { Answer } from "../components/sshSession.ts";
import {
  STATUS_COMMAND,
  parseHostStatus,
  statusInput,
} from "../components/vxlan/connectivityTest/hostStatus.ts";
import type { HostStatus } from "../components/vxlan/connectivityTest/hostStatus.ts";
import {
  PROBE_LIMIT,
  parseProbeReport,
  probeInput,
  probeProblem,
} from "../components/vxlan/connectivityTest/probe.ts";
import type { ProbeReport } from "../components/vxlan/connectivityTest/probe.ts";
import { ECHOES } from "./pathReports.ts";
import type { StackOverlay } from "./stackHosts.ts";

/** Seconds for a login. */
const LOGIN_LIMIT = 8;

/** A host that was asked: a session and its answers, or the reason why there is none. */
export interface AskedHost {
  session?: HostSession;
  status?: HostStatus;
  report?: ProbeReport;
  problem?: string;
}

/** Peers that a host is to probe, and the names of those to which it tests TCP too. */
interface ProbedPeers {
  peers: readonly TestedHost[];
  tcpPeers: readonly string[];
}

/**
 * Logs in to a host, asks how it is, and lets it probe its peers. This is the one place where a host is asked about
 * itself.
 */
export async function askHost(
  overlay: StackOverlay,
  host: TestedHost,
  probedPeers: ProbedPeers,
  sessions: HostSession[],
): Promise<AskedHost> {
  const { name, connection } = host;
  let session: HostSession;
  try {
    session = { host, ssh: await logInTwice(connection, LOGIN_LIMIT) };
    sessions.push(session);
  } catch (error) {
    const hint = error instanceof JumpHostError ? "" : ` Start ${name}, or let SSH through to it.`;
    return { problem: `${name}: no SSH session to ${connection.host}: ${(error as Error).message}.${hint}` };
  }
  try {
    const answer = await session.ssh.run(
      STATUS_COMMAND,
      inputFor(overlay, host, probedPeers),
      PROBE_LIMIT + 10,
    );
    return { session, status: statusIn(overlay, answer), ...probesIn(host, probedPeers, answer) };
  } catch (error) {
    return { session, problem: `${name} did not say how its overlay is: ${(error as Error).message}.` };
  }
}

function inputFor(overlay: StackOverlay, host: TestedHost, { peers, tcpPeers }: ProbedPeers): string {
  const { identity, settings, mtu } = overlay;
  const question = statusInput({
    overlay: identity.overlay,
    device: settings.device,
    installation: host.report.installation,
    deviceSettings: host.device.settings,
    peersSettings: host.peers.settings === "" ? undefined : host.peers.settings,
  });
  if (peers.length === 0) return question;
  return question + probeInput(settings, peers, mtu, { tries: "one", echoes: ECHOES, tcpPeers });
}

function statusIn({ identity }: StackOverlay, { stdout, stderr }: Answer): HostStatus {
  try {
    return parseHostStatus(identity.overlay, stdout);
  } catch (error) {
    throw stderr.trim() === "" ? error : new Error(stderr.trim().slice(-500), { cause: error });
  }
}

function probesIn(
  host: TestedHost,
  { peers }: ProbedPeers,
  answer: Answer,
): Pick<AskedHost, "report" | "problem"> {
  if (peers.length === 0) return {};
  try {
    if (answer.status !== 0) throw new Error(probeProblem(answer.status, answer.stderr));
    return { report: parseProbeReport(host, peers, answer.stdout) };
  } catch (error) {
    return { problem: `${host.name} could not probe its peers: ${(error as Error).message}.` };
  }
}
