import { PROGRAM, asRoot } from "./phase.ts";
import type { OverlayIdentity } from "./phase.ts";

/** Seconds after which the command is ended on the host. */
const TIME_LIMIT = 60;

/** The command by which a person removes an overlay from a host. It needs root. */
export function removeOverlay({ overlay }: Pick<OverlayIdentity, "overlay">): string {
  return `${PROGRAM} remove ${overlay}`;
}

/**
 * The `delete` of a phase. It succeeds on a host with neither the program nor files of an overlay. Where the program
 * alone is missing it fails, so that the files that are left stay in Pulumi's state.
 */
export function removalCommand(command: string): string {
  const hint = `needs root, or sudo without a password, and ${PROGRAM}: where that is lost, raise the host's generation and run pulumi up first`;
  return `test ! -e ${PROGRAM} -a ! -e /etc/oci-vxlan || ${asRoot(TIME_LIMIT, command, hint)}`;
}

/** How the official `command` plugin, and the lab's, report that they got no SSH session. */
const NO_SESSION = /dial tcp|handshake failed|failed attempts/;

/** Whether an error of a Command says that there was no SSH session with the host. */
export const hasNoSession = (error: string) => NO_SESSION.test(error);

/**
 * Advice for a delete that failed because the host does not answer. A host that is gone for good stays in the state
 * until somebody deletes it there.
 *
 * @param urn of the phase's resource, `…-device` or `…-peers`
 * @param error message of the failed delete
 * @returns undefined where the delete failed for another reason
 */
export function removalAdvice(stack: string, urn: string, error: string): string | undefined {
  if (!hasNoSession(error)) return undefined;
  // All that depends on phase device: phase peers, and on destroy the reports, where the other hosts are gone by then.
  const deviceUrn = urn.replace(/peers$/, "device");
  return (
    `${urn.split("::").pop()}: no SSH session with the host, so nothing was removed from it. If it is only down, start it and run this again. ` +
    "If its instance was replaced in this run, nothing is left to remove there: run pulumi up again, without --replace. " +
    "If it is gone for good, take it out of the state, then run this again:\n" +
    `  pulumi state delete --stack ${stack} --yes --target-dependents '${deviceUrn}'`
  );
}

/** How the official `command` plugin, and the lab's, report that a session ended before its command. */
const LOST_SESSION =
  /without exit status|ETIMEDOUT|ECONNRESET|: EOF$|connection (timed out|reset by peer|was closed)|broken pipe/m;

/**
 * Advice for a phase whose SSH session was lost.
 *
 * @param error message of the failed operation
 * @returns undefined where it failed for another reason
 */
export function lostSessionAdvice(urn: string, error: string): string | undefined {
  if (hasNoSession(error) || !LOST_SESSION.test(error)) return undefined;
  return (
    `${urn.split("::").pop()}: the SSH session was lost before the phase had ended: the host rebooted, or its network was cut. ` +
    "Once it answers again, run pulumi up again, which goes on from here."
  );
}
