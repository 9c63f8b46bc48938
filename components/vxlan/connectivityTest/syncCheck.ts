import { PROGRAM, asRoot, digestOf } from "../phases/phase.ts";
import type { OverlayIdentity } from "../phases/phase.ts";

/** Whether a host is in sync with the stack: what it is asked at the end of every `up`, and how its answer is read. */

/** Seconds that the command may take on the host: a repair may wait for firewalld, and for the lock. */
const TIME_LIMIT = 40;

/** Exit codes of `timeout`: when it ended the command, when it had to kill it, and when there is no such command. */
const TIMED_OUT = [124, 137];
const MISSING = 127;
/** The program's own, where the host has other settings than the stack. */
const DIFFERS = 3;

/** What a host should hold, as its phases reported and sent it. */
export interface ExpectedState {
  installation: string;
  deviceSettings: string;
  peersSettings: string;
}

/** How a host answered. */
export interface CheckAnswer {
  /** Exit code; undefined where a signal ended the command. */
  status: number | undefined;
  stdout: string;
  stderr: string;
}

/** A host's state: in sync, or in need of its phases, or wrong in a way that only a person can change. */
export type CheckResult =
  | { state: "in sync"; warnings: string[]; turn: number }
  | { state: "differs" }
  | { state: "failed"; problem: string };

/** Asks a host. What differs just now is repaired as its unit would, so that the reason is known where it cannot be. */
export function checkCommand({ overlay }: OverlayIdentity, expected: ExpectedState): string {
  const { installation, deviceSettings, peersSettings } = expected;
  const command = `${PROGRAM} check ${overlay} ${installation} ${digestOf(deviceSettings)} ${digestOf(peersSettings)}`;
  return asRoot(TIME_LIMIT, command, "is this host in sync with the stack?");
}

/** Reads a host's answer. */
export function readCheck(host: string, { status, stdout, stderr }: CheckAnswer): CheckResult {
  if (status === 0) {
    return { state: "in sync", warnings: warningsIn(host, stdout), turn: turnIn(stdout) };
  }
  if (status === DIFFERS || status === MISSING) return { state: "differs" };
  if (status === undefined || TIMED_OUT.includes(status)) {
    const problem =
      `${host} let us in and did not finish its check within ${TIME_LIMIT} s, so nobody knows whether its overlay is in sync. ` +
      `On the host: ps -ef | grep oci-vxlan, and sudo journalctl -t oci-vxlan.${lastLines(stderr)}`;
    return { state: "failed", problem };
  }
  const reason = stderr.trim().slice(-1_000);
  return {
    state: "failed",
    problem: `${host}: ${reason === "" ? `"${PROGRAM} check" ended with ${status} and gave no reason` : reason}`,
  };
}

const lastLines = (stderr: string) =>
  stderr.trim() === "" ? "" : ` It said last: ${stderr.trim().slice(-500)}`;

/** What a host in sync warns of: it cannot be repaired there, and traffic may suffer from it. */
function warningsIn(host: string, stdout: string): string[] {
  return stdout
    .split("\n")
    .flatMap((line) => /^oci-vxlan warning: (.*)$/.exec(line)?.[1] ?? []) // A login shell may print too.
    .map((warning) => `${host}: ${warning}`);
}

const turnIn = (stdout: string) => Number(/^oci-vxlan turn (\d+)$/m.exec(stdout)?.[1] ?? 0);
