import type { Duplex } from "node:stream";
import type { KeyReplacement } from "./loginKeyReplacement.ts";
import type { Connection } from "./remoteCommand.ts";
import { ForwardingRefused, SshSession } from "./sshSession.ts";
import type { FailedProbe } from "./vxlan/connectivityTest/failedProbe.ts";
import {
  PROBE_COMMAND,
  PROBE_LIMIT,
  parseProbeReport,
  probeInput,
  probeProblem,
} from "./vxlan/connectivityTest/probe.ts";
import type { ProbeEffort, ProbeReport, ProbedHost } from "./vxlan/connectivityTest/probe.ts";
import { TRANSFER_BYTES, TRANSFER_COMMAND } from "./vxlan/connectivityTest/transfer.ts";
import type { OverlayIdentity } from "./vxlan/phases/phase.ts";
import type { ReportedHost } from "./vxlan/plan.ts";
import type { OverlaySettings } from "./vxlan/settings.ts";

/** Seconds to connect to the sender of a transfer, and for each step after that. */
const CONNECT_LIMIT = 5;
const TRANSFER_LIMIT = 10;

/** How often the first transfer to a host is tried at the end of `up`. */
const TRANSFER_ATTEMPTS = 2;

/** A phase of a host, as its resource has it. */
interface AppliedPhase {
  urn: string;
  /** The private key that the state has for it. */
  privateKey?: string;
  create: string;
  stdin: string;
  settings: string;
}

/** A host that the connectivity test logs in to. */
export interface TestedHost extends ProbedHost, ReportedHost {
  connection: Connection;
  device: AppliedPhase;
  peers: AppliedPhase;
  /** Undefined where its login key is not replaced. */
  replacement?: KeyReplacement & {
    /** Whether other users of the host may have the key, as on an instance. */
    everyUser: boolean;
  };
}

/** Logs remarks about a test that did not fail. */
interface TestLog {
  warn: (text: string) => Promise<void>;
  info: (text: string) => Promise<void>;
}

/** The overlay whose hosts are asked, at the end of `up` or by the program in status/. */
export interface AskedOverlay {
  identity: OverlayIdentity;
  settings: OverlaySettings;
  /** MTU of the devices in bytes. */
  mtu: number;
}

/** The overlay that is tested at the end of `up`. */
export interface TestedOverlay extends AskedOverlay {
  log: TestLog;
  /** Names of hosts that undo their last change, since no new SSH session could confirm it. */
  unconfirmedHosts: ReadonlySet<string>;
  /** Names of hosts that are down on purpose, and whose login key is to be replaced. */
  keptKeys: readonly string[];
}

/** A host that the program is logged in to. */
export interface HostSession {
  host: TestedHost;
  ssh: SshSession;
}

/**
 * Lets a host probe peers.
 *
 * @throws Error where it did not probe all of them
 */
export async function probeFrom(
  { settings, mtu }: AskedOverlay,
  { host, ssh }: HostSession,
  peers: readonly ProbedHost[],
  effort: ProbeEffort = {},
): Promise<ProbeReport> {
  const answer = await ssh.run(PROBE_COMMAND, probeInput(settings, peers, mtu, effort), PROBE_LIMIT + 10);
  if (answer.status !== 0) throw new Error(probeProblem(answer.status, answer.stderr));
  return parseProbeReport(host, peers, answer.stdout);
}

/**
 * Lets a peer send some hundred kilobytes to a host over the overlay. The program logs in to the peer through the host,
 * by the peer's overlay address, so nothing has to be installed on either.
 *
 * @returns `not forwarded` where the host's sshd forwards no connections
 */
export async function transfer(
  overlay: AskedOverlay,
  { host, ssh }: HostSession,
  peer: TestedHost,
  attempts = TRANSFER_ATTEMPTS,
): Promise<"passed" | "not forwarded" | FailedProbe> {
  const port = overlay.settings.verifyPort ?? peer.sshPort;
  const [address = ""] = peer.overlayAddresses;
  let answer = "";
  for (let attempt = 0; attempt < attempts; attempt++) {
    try {
      const bytes = await receiveFrom(peer.connection, await ssh.connectTo(address, port, CONNECT_LIMIT));
      if (bytes >= TRANSFER_BYTES) return "passed";
      answer = `only ${bytes} of ${TRANSFER_BYTES} bytes arrived`;
    } catch (error) {
      if (error instanceof ForwardingRefused) return "not forwarded";
      answer = (error as Error).message;
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
    answer,
  };
}

/** How many bytes of the transfer arrive through a stream to the sender. */
async function receiveFrom(sender: Connection, stream: Duplex): Promise<number> {
  const session = await SshSession.open(sender, TRANSFER_LIMIT, stream);
  try {
    return await session.countOutput(TRANSFER_COMMAND, TRANSFER_LIMIT);
  } finally {
    session.close();
  }
}
