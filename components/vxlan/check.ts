import { createHash } from "node:crypto";
import { PROGRAM, asRoot } from "./phases.ts";
import type { OverlayIdentity } from "./phases.ts";

/**
 * The question that `up` asks every host in the end: is it kept true? Pulumi runs nothing on a host where nothing
 * changed, and would call a fleet whole in which one host is paused.
 */

/** Seconds that the command may take on the host, and seconds in which the host must have answered. */
const TIME_LIMIT = 13;
export const ANSWER_LIMIT = 15;

/** Exit codes of `timeout`: when it ended the command, when it had to kill it, and when there is no such command. */
const TIMED_OUT = [124, 137];
const MISSING = 127;

/**
 * Asks a host. What is not right there just now is mended as its unit would, so that what cannot be mended is said.
 *
 * @param installation as the host's device phase reported it
 * @param peers as the host's peers phase sent them
 */
export function checkCommand({ overlay }: OverlayIdentity, installation: string, peers: string): string {
  const digest = createHash("sha256").update(peers).digest("hex");
  const command = `${PROGRAM} check ${overlay} ${installation} ${digest}`;
  return asRoot(TIME_LIMIT, command, "is the overlay kept true here?");
}

/**
 * Why a host is not kept true, and what to do; undefined where it is.
 *
 * @param status exit code of the command; undefined where a signal ended it
 * @throws Error when that was no answer
 */
export function problemFromCheck(
  host: string,
  { status, stderr }: { status: number | undefined; stderr: string },
): string | undefined {
  if (status === 0) return undefined;
  if (status === undefined || TIMED_OUT.includes(status)) throw new Error(`no answer within ${TIME_LIMIT} s`);
  if (status === MISSING) {
    return `${host} was re-imaged, or lost its files, since pulumi up installed it: raise its "generation" by one, then run pulumi up again.`;
  }
  const said = stderr.trim().slice(-1_000);
  return `${host}: ${said === "" ? `"${PROGRAM} check" ended with ${status} and said nothing` : said}`;
}

/** What a host that is kept true warns of: it cannot be mended there, and traffic may suffer from it. */
export function warningsFromCheck(host: string, stdout: string): string[] {
  return stdout
    .split("\n")
    .flatMap((line) => /^oci-vxlan warning: (.*)$/.exec(line)?.[1] ?? []) // A login shell may have its say too.
    .map((warning) => `${host}: ${warning}`);
}
