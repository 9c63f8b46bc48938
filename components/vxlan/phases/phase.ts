import { createHash } from "node:crypto";

/**
 * What runs on a host in each phase: one SSH session, one short constant command, and everything that varies
 * on its standard input. A failed command is printed whole by its provider, so nothing but the phase stands
 * in it.
 */

/** Which overlay on a host is meant, and whose it is. */
export interface OverlayIdentity {
  /** `<stack>.<name>`: names the overlay's files and unit on the host. */
  overlay: string;
  /** `<project>/<stack>/<name>`: a device that another owner set up is refused. */
  owner: string;
}

/**
 * The digest of a resource's URN. A host keeps it with what the resource put there, and the resource's delete carries it:
 * by the time that the delete runs, the files may be another resource's, as after a rename.
 *
 * @param urn of the phase's resource
 */
export function resourceDigest(urn: string): string {
  return createHash("sha256").update(urn).digest("hex").slice(0, 16);
}

/** Below /usr/local/sbin SELinux lets systemd run a program, as it does not below /usr/local/lib. */
export const PROGRAM = "/usr/local/sbin/oci-vxlan";

/** Seconds that it then has to undo a first installation, before it is killed. */
const GRACE = 20;

/**
 * Runs a command as root: directly, or by sudo where the login user is another. It ends in a hint for the person
 * who reads it in an error.
 */
export function asRoot(seconds: number, command: string, hint: string): string {
  // sudo drops this variable, by which the program knows who is logged in.
  const environment = 'env "SSH_CONNECTION=$SSH_CONNECTION"';
  return `$(test $(id -u) -eq 0 || echo sudo -n) ${environment} timeout -k ${GRACE} ${seconds} ${command} # ${hint}`;
}

/** What a phase is: the command, its standard input, and the settings that it leaves on the host. */
export interface Phase {
  create: string;
  delete: string;
  stdin: string;
  /** The text of the settings file, which is part of `stdin`. */
  settings: string;
}

/** The digest of a settings file, as the host computes it. */
export function digestOf(settings: string): string {
  return createHash("sha256").update(settings).digest("hex");
}

export function lines(...text: string[]): string {
  return `${text.join("\n")}\n`;
}
