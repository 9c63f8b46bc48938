import * as pulumi from "@pulumi/pulumi";
import { ForwardingRefused, SshSession } from "./sshSession.ts";
import type { Connection } from "./sshSession.ts";
import type { DeviceReport } from "./vxlan/phases/device.ts";
import type { OverlayIdentity } from "./vxlan/phases/phase.ts";
import {
  PROBE_COMMAND,
  PROBE_LIMIT,
  TRANSFER_BYTES,
  parseProbeReport,
  probeInput,
} from "./vxlan/connectivityTest/probe.ts";
import type { FailedProbe } from "./vxlan/connectivityTest/failedProbe.ts";
import type { ProbeReport, ProbedHost, VerifySettings } from "./vxlan/connectivityTest/probe.ts";
import type { OverlaySettings } from "./vxlan/settings.ts";

/** What the connectivity test does by a host's SSH session, beside asking whether the host is in sync. */

/** Seconds for the connection of a transfer, and for each step behind it. */
const CONNECT_LIMIT = 5;
const TRANSFER_LIMIT = 10;

/** One phase as it last ran on a host. */
interface AppliedPhase {
  create: string;
  stdin: string;
  settings: string;
}

/** A host that the test logs in to. */
export interface TestedHost extends ProbedHost {
  connection: Connection;
  report: DeviceReport;
  device: AppliedPhase;
  peers: AppliedPhase;
}

/** What is tested, apart from the hosts. */
export interface TestedOverlay {
  /** That warnings are logged for. */
  component: pulumi.Resource;
  identity: OverlayIdentity;
  settings: OverlaySettings;
  verify: VerifySettings;
  /** MTU of the devices in bytes. */
  mtu: number;
  /** Names of hosts that take their last change back, since no new SSH session could confirm it. */
  unconfirmedHosts: ReadonlySet<string>;
}

/** A host that let us in. */
export interface HostSession {
  host: TestedHost;
  ssh: SshSession;
}

/**
 * Has a host probe peers.
 *
 * @param tries whether what does not answer is probed again
 * @throws Error where it did not probe all of them
 */
export async function probeFrom(
  { settings, verify, mtu }: TestedOverlay,
  { host, ssh }: HostSession,
  peers: readonly ProbedHost[],
  tries: "many" | "one" = "many",
): Promise<ProbeReport> {
  const answer = await ssh.run(
    PROBE_COMMAND,
    probeInput(settings, verify, peers, mtu, tries),
    PROBE_LIMIT + 10,
  );
  if (answer.status !== 0)
    throw new Error(answer.stderr.trim().slice(-500) || `its probes ended with ${answer.status}`);
  return parseProbeReport(host, peers, answer.stdout);
}

/**
 * Has a peer send some hundred kilobytes to a host over the overlay: the program logs in to the peer through the host, by
 * the peer's overlay address, which needs nothing installed on either.
 *
 * @returns undefined where the host's sshd forwards nothing
 */
export async function transfer(
  overlay: TestedOverlay,
  { host, ssh }: HostSession,
  peer: TestedHost,
): Promise<"passed" | FailedProbe | undefined> {
  const port = overlay.verify.verifyPort ?? peer.sshPort;
  const [address = ""] = peer.overlayAddresses;
  let reason = "";
  for (let attempt = 0; attempt < 2; attempt++) {
    let through: SshSession | undefined;
    try {
      const stream = await ssh.connectTo(address, port, CONNECT_LIMIT);
      through = await SshSession.open(peer.connection, TRANSFER_LIMIT, stream);
      const { stdout } = await through.run(`head -c ${TRANSFER_BYTES} /dev/zero`, "", TRANSFER_LIMIT);
      if (stdout.length >= TRANSFER_BYTES) return "passed";
      reason = `only ${stdout.length} of ${TRANSFER_BYTES} bytes arrived`;
    } catch (error) {
      if (error instanceof ForwardingRefused) {
        const text = `${host.name}: its sshd forwards no connections (AllowTcpForwarding), so no larger transfer to it was tested.`;
        await pulumi.log.info(text, overlay.component);
        return undefined;
      }
      reason = (error as Error).message;
    } finally {
      through?.close();
    }
  }
  return {
    from: host.name,
    to: peer.name,
    fromUnderlay: host.underlayAddress,
    toUnderlay: peer.underlayAddress,
    address,
    probe: "transfer",
    port,
    answer: reason,
  };
}
