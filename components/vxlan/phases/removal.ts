import { PROGRAM, asRoot } from "./phase.ts";
import type { OverlayIdentity } from "./phase.ts";

/** Seconds after which the remote side is ended: a hung host must not hang `pulumi up`. */
const TIME_LIMIT = 60;

/** The command by which a person takes an overlay off the host that it runs on. Needs root. */
export function removeOverlay({ overlay }: Pick<OverlayIdentity, "overlay">): string {
  return `${PROGRAM} remove ${overlay}`;
}

/**
 * Removes a phase's own files; a host that has none of them is done already. One that lost the program alone is not:
 * then the command fails, and what is left is not forgotten.
 */
export function removalCommand(command: string): string {
  const hint = `needs root, or sudo without a password, and ${PROGRAM}: where that is lost, raise the host's generation and run pulumi up first`;
  return `test ! -e ${PROGRAM} -a ! -e /etc/oci-vxlan || ${asRoot(TIME_LIMIT, command, hint)}`;
}

/** The texts in which `command` plugins say that they got no SSH session: the official one, and the lab's. */
const UNREACHED = /dial tcp|handshake failed|failed attempts/;

/**
 * What to do where a host's phase could not be undone because nobody answers. A host that is gone for good stays in
 * the state until it is taken out by hand.
 *
 * @param urn of the phase's resource, `…-device` or `…-peers`
 * @param error the failed delete's message
 * @returns undefined where it failed for another reason
 */
export function removalAdvice(stack: string, urn: string, error: string): string | undefined {
  if (!UNREACHED.test(error)) return undefined;
  const phase = urn.endsWith("-peers") ? "peers" : "device";
  const all = urn.slice(0, -phase.length);
  // The peers' resource depends on the device's. By the time that the device's delete fails, it is gone.
  const urns = phase === "peers" ? [urn, `${all}device`] : [urn];
  return (
    `${urn.split("::").pop()}: no SSH session with the host, so nothing was removed from it. If it is only down, start it and run this again. ` +
    "If its instance was replaced in this run, nothing is left to remove there: run pulumi up again, without --replace. " +
    "If it is gone for good, take it out of the state, then run this again:\n" +
    `  pulumi state delete --stack ${stack} --yes ${urns.map((each) => `'${each}'`).join(" ")}`
  );
}
