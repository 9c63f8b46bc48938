import { createHash } from "node:crypto";

/**
 * What every phase on a host has in common: one SSH session, one short command that never varies, and everything that
 * varies on its standard input. The provider prints a failed command in full, so nothing but the phase stands in it.
 */
export interface Phase {
  create: string;
  delete: string;
  stdin: string;
  /** The text of the settings file that the phase leaves on the host. It is part of `stdin`. */
  settings: string;
}

/** Which overlay on a host is meant, and who owns it. */
export interface OverlayIdentity {
  /** `<stack>.<name>`: names the overlay's files and unit on the host. */
  overlay: string;
  /** `<project>/<stack>/<name>`: the host refuses to change a device of another owner. */
  owner: string;
}

/** SELinux lets systemd run a program below /usr/local/sbin, but not below /usr/local/lib. */
export const PROGRAM = "/usr/local/sbin/oci-vxlan";

/** Seconds to undo a first installation after the time limit, before the command is killed. */
const GRACE = 20;

/**
 * Runs a command as root: directly, or by sudo where the login user is not root. The login shell may be any, csh and fish
 * included, so all that it reads is one quoted word of sh.
 *
 * @param seconds after which the command is ended, so that a hung host does not hang `pulumi up`
 * @param command without single quotes
 * @param hint for the person who reads the command in an error
 */
export function asRoot(seconds: number, command: string, hint: string): string {
  // sudo drops this variable, which tells the program where the login comes from.
  const environment = 'env "SSH_CONNECTION=$SSH_CONNECTION"';
  const prefix = "$(test $(id -u) -eq 0 || echo sudo -n)";
  return `sh -c '${prefix} ${environment} timeout -k ${GRACE} ${seconds} ${command}' # ${hint}`;
}

/** Whether the time limit of `asRoot` ended the command: exit codes of `timeout`, or a signal that ended that too. */
export const timedOut = (status: number | undefined) =>
  status === undefined || status === 124 || status === 137;

/**
 * The digest of a resource's URN. A host keeps it with the files of that resource, and the resource's delete carries
 * it. So the delete of a renamed resource leaves files alone that the new resource has written by then.
 */
export function resourceDigest(urn: string): string {
  return createHash("sha256").update(urn).digest("hex").slice(0, 16);
}

/** The digest of a settings file, as the host computes it. */
export function digestOf(settings: string): string {
  return createHash("sha256").update(settings).digest("hex");
}

/** Joins lines to a text that ends in a newline. */
export function lines(...text: string[]): string {
  return `${text.join("\n")}\n`;
}
