import { JumpHostError, logInTwice } from "../components/hostLogin.ts";
import type { HostSession, TestedHost } from "../components/hostProbes.ts";
import { parseHostStatus, statusCommand } from "../components/vxlan/connectivityTest/hostStatus.ts";
import type { HostStatus } from "../components/vxlan/connectivityTest/hostStatus.ts";
import type { StackOverlay } from "./stackHosts.ts";

/** Seconds for a login, and for the host's answer. */
const LOGIN_LIMIT = 8;
const ANSWER_LIMIT = 20;

/** A host that was asked: a session and an answer, or the reason why there is none. */
export interface AskedHost {
  session?: HostSession;
  status?: HostStatus;
  problem?: string;
}

/** Logs in to a host, and asks how it is. This is the one place where a host is asked about itself. */
export async function askHost(
  { identity, settings }: StackOverlay,
  host: TestedHost,
  sessions: HostSession[],
): Promise<AskedHost> {
  const { name, connection, report, device, peers } = host;
  let session: HostSession;
  try {
    session = { host, ssh: await logInTwice(connection, LOGIN_LIMIT) };
    sessions.push(session);
  } catch (error) {
    const hint = error instanceof JumpHostError ? "" : ` Start ${name}, or let SSH through to it.`;
    return { problem: `${name}: no SSH session to ${connection.host}: ${(error as Error).message}.${hint}` };
  }
  try {
    const { overlay } = identity;
    const { command, input } = statusCommand({
      overlay,
      device: settings.device,
      installation: report.installation,
      deviceSettings: device.settings,
      peersSettings: peers.settings === "" ? undefined : peers.settings,
    });
    const answer = await session.ssh.run(command, input, ANSWER_LIMIT);
    if (answer.status !== 0 && answer.stderr.trim() !== "") throw new Error(answer.stderr.trim().slice(-500));
    return { session, status: parseHostStatus(overlay, answer.stdout) };
  } catch (error) {
    return { session, problem: `${name} did not say how its overlay is: ${(error as Error).message}.` };
  }
}
