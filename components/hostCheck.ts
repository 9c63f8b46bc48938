import type { HostSession, TestedHost, TestedOverlay } from "./hostProbes.ts";
import { deliverProgram } from "./programDelivery.ts";
import { JumpHostError, logInTwice } from "./hostLogin.ts";
import { checkCommand, needsInstallation, readCheck } from "./vxlan/connectivityTest/syncCheck.ts";
import type { CheckResult } from "./vxlan/connectivityTest/syncCheck.ts";
import { parseDeviceReport } from "./vxlan/phases/device.ts";
import { resourceDigest } from "./vxlan/phases/phase.ts";

/** Seconds for a login, for a phase that has to run again, and for the check. */
const LOGIN_LIMIT = 15;
const PHASE_LIMIT = 110;
const CHECK_LIMIT = 65;

/** A host that is in sync has a session, and its turn in the rotation of probes. Any other host has a problem. */
interface CheckedHost {
  session?: HostSession;
  turn?: number;
  problem?: string;
}

/**
 * Logs in to a host, and checks that it is in sync. A host with other settings than the stack, for example after an
 * interrupted run, gets them again.
 *
 * @param sessions gets the host's session, whatever the result
 */
export async function checkHost(
  overlay: TestedOverlay,
  host: TestedHost,
  sessions: HostSession[],
): Promise<CheckedHost> {
  const { name } = host;
  try {
    const session = { host, ssh: await logInTwice(host.connection, LOGIN_LIMIT) };
    sessions.push(session);
    let result = await checkSync(overlay, session);
    if (result.state === "differs") {
      const problem = await setUpAgain(overlay, session);
      if (problem !== undefined) return { problem };
      result = await checkSync(overlay, session);
    }
    if (result.state === "differs") return { problem: needsInstallation(name) };
    if (result.state === "failed") return { problem: result.problem };
    for (const warning of result.warnings) await overlay.log.warn(warning);
    return { session, turn: result.turn };
  } catch (error) {
    const problem =
      `${name} could not be asked whether its overlay is in sync: SSH to ${host.connection.host}: ${(error as Error).message}. ` +
      `Everything else was done.${error instanceof JumpHostError ? "" : downHint(name)}`;
    return { problem };
  }
}

async function checkSync(overlay: TestedOverlay, { host, ssh }: HostSession): Promise<CheckResult> {
  const expected = {
    installation: host.report.installation,
    deviceSettings: host.device.settings,
    peersSettings: host.peers.settings,
  };
  const { command, input } = checkCommand(overlay.identity, expected);
  const answer = await ssh.run(command, input, CHECK_LIMIT);
  return readCheck(host.name, answer);
}

/**
 * Runs both phases again, on a host whose settings differ although its resources did not change. Nobody may have
 * confirmed a change, so that the host undid it, or somebody removed files.
 *
 * @returns the problem, where the phases cannot bring the host in sync
 */
async function setUpAgain(overlay: TestedOverlay, session: HostSession): Promise<string | undefined> {
  const { host } = session;
  const { name } = host;
  await deliverProgram(session.ssh, resourceDigest(host.device.urn));
  const device = await session.ssh.run(host.device.create, host.device.stdin, PHASE_LIMIT);
  if (device.status !== 0) return `${name}: ${device.stderr.trim().slice(-1_500)}`;
  const { mac, installation } = parseDeviceReport(name, device.stdout);
  if (mac !== host.report.mac || installation !== host.report.installation) return needsInstallation(name);
  session.ssh.close();
  session.ssh = await logInTwice(host.connection, LOGIN_LIMIT); // A new session confirms the change.
  const peers = await session.ssh.run(host.peers.create, host.peers.stdin, PHASE_LIMIT);
  if (peers.status !== 0) return `${name}: ${peers.stderr.trim().slice(-1_500)}`;
  const text = `${name} had lost settings of the stack, or had others, and was set up again. Its journal says why: journalctl -t oci-vxlan`;
  await overlay.log.warn(text);
  return undefined;
}

const downHint = (host: string) =>
  ` If it is down on purpose, set hosts.${host}.down to true: up then leaves it alone.`;
