import { PROGRAM, digestOf, timedOut } from "../phases/phase.ts";
import type { OverlayIdentity } from "../phases/phase.ts";
import { PROGRAM_MISSING, sentVerb } from "../phases/sentVerb.ts";
import type { CommandWithInput } from "../phases/sentVerb.ts";

/** Seconds after which the command is ended on the host: a repair may wait for firewalld and for the lock. */
const TIME_LIMIT = 40;

/** Exit code of the program, where the host has other settings than the stack. */
const DIFFERS = 3;

/** What is on a host that is in sync. */
interface ExpectedState {
  installation: string;
  deviceSettings: string;
  peersSettings: string;
}

/** How the command ended on the host. */
interface CheckAnswer {
  /** Exit code; undefined where a signal ended the command. */
  status: number | undefined;
  stdout: string;
  stderr: string;
}

/**
 * Whether a host is in sync with the stack. Where it `differs`, its phases have to run again; where it `failed`, a
 * person has to do something.
 */
export type CheckResult =
  | { state: "in sync"; warnings: string[]; turn: number }
  | { state: "differs" }
  | { state: "failed"; problem: string };

/**
 * The command that checks a host. It repairs drift first, as the host's unit does, so it reports only what stays wrong.
 */
export function checkCommand({ overlay }: OverlayIdentity, expected: ExpectedState): CommandWithInput {
  const { installation, deviceSettings, peersSettings } = expected;
  const args = ["check", overlay, installation, digestOf(deviceSettings), digestOf(peersSettings)];
  return sentVerb("check.sh", args, TIME_LIMIT, "is this host in sync with the stack?");
}

/** Reads the host's answer. */
export function readCheck(host: string, { status, stdout, stderr }: CheckAnswer): CheckResult {
  if (status === 0) {
    return { state: "in sync", warnings: warningsIn(host, stdout), turn: turnIn(stdout) };
  }
  if (status === DIFFERS || status === PROGRAM_MISSING) return { state: "differs" };
  if (timedOut(status)) {
    const problem =
      `${host} accepted the login and did not finish its check within ${TIME_LIMIT} s, so nobody knows whether its overlay is in sync. ` +
      `On the host: ps -ef | grep oci-vxlan, and sudo journalctl -t oci-vxlan.${lastLines(stderr)}`;
    return { state: "failed", problem };
  }
  const reason = stderr.trim().slice(-1_000);
  return {
    state: "failed",
    problem: `${host}: ${reason === "" ? `the check by ${PROGRAM} ended with ${status} and gave no reason` : reason}`,
  };
}

const lastLines = (stderr: string) =>
  stderr.trim() === "" ? "" : ` Its last output: ${stderr.trim().slice(-500)}`;

/** What to do about a host with another installation id than the stack knows. */
export const needsInstallation = (host: string) =>
  `${host} was re-imaged, or lost its files, since pulumi up installed it: raise its "generation" by one, then run pulumi up again.`;

/** Warnings of a host in sync: it cannot repair their cause, and traffic may suffer. */
function warningsIn(host: string, stdout: string): string[] {
  return stdout
    .split("\n")
    .flatMap((line) => /^oci-vxlan warning: (.*)$/.exec(line)?.[1] ?? []) // A login shell may print too.
    .map((warning) => `${host}: ${warning}`);
}

const turnIn = (stdout: string) => Number(/^oci-vxlan turn (\d+)$/m.exec(stdout)?.[1] ?? 0);
