import type { HostSession, TestedOverlay } from "./hostProbes.ts";
import { sentVerb } from "./vxlan/phases/sentVerb.ts";

/** Seconds after which the command is ended on the host: it may wait for another run of the host's program. */
const TIME_LIMIT = 40;

/**
 * Has hosts compute the checksums of what they send into the overlay, since their NICs send wrong ones. A host keeps the
 * setting in a file, so its device has it after a reboot too.
 *
 * @param senders hosts that sent wrong checksums, each with a peer that discarded what they sent
 * @returns a problem for each host where that failed
 */
export async function switchOffloadsOff(
  overlay: TestedOverlay,
  sessions: readonly HostSession[],
  senders: ReadonlyMap<string, string>,
): Promise<string[]> {
  const results = sessions.map(async (session) => {
    const { name } = session.host;
    const receiver = senders.get(name);
    if (receiver === undefined) return [];
    const problem = await switchOffloadOff(overlay, session);
    if (problem !== undefined) return [`${name}: its checksum offload is to be switched off: ${problem}`];
    const text =
      `${name} sends TCP with wrong checksums: ICMP that fills the MTU passes, TCP does not, and ${receiver} has discarded its packets ` +
      `(InCsumErrors). The NIC of ${name} cannot compute checksums inside VXLAN. From now on the host computes them itself: ` +
      `tx-checksum-ip-generic of ${overlay.settings.device} is off there, and stays off. Everything is tested again.`;
    await overlay.log.warn(text);
    return [];
  });
  return (await Promise.all(results)).flat();
}

/** @returns why it failed; undefined where it did not */
async function switchOffloadOff(
  { identity }: TestedOverlay,
  { ssh }: HostSession,
): Promise<string | undefined> {
  const args = ["switch-offload-off", identity.overlay];
  const { command, input } = sentVerb(
    "switch-offload-off.sh",
    args,
    TIME_LIMIT,
    "its checksums are wrong inside VXLAN",
  );
  try {
    const { status, stderr } = await ssh.run(command, input, TIME_LIMIT + 10);
    if (status === 0) return undefined;
    return stderr.trim().slice(-1_000) || `the command ended with ${status}`;
  } catch (error) {
    return (error as Error).message;
  }
}
