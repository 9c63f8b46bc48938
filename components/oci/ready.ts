import { readHostText } from "../vxlan/hostText.ts";
import { printable } from "../vxlan/printable.ts";

/**
 * Phase ready of a provisioned host: waits until SSH answers and cloud-init has finished.
 *
 * @param bootTimeout seconds
 * @param instanceIdentity OCIDs of the instance and its boot volume; a change makes the phase run again
 */
export function readyPhase(bootTimeout: number, instanceIdentity: string): { create: string; stdin: string } {
  const script = readHostText(new URL("./ready.sh", import.meta.url));
  return {
    create: `timeout -k 5 ${bootTimeout + 10} sh -s # waits for cloud-init`,
    stdin: `# ${instanceIdentity}\nseconds=${bootTimeout}\n${script}`,
  };
}

/** Characters of the warning that are shown. */
const WARNING_LENGTH = 4_000;

/** The warning that phase ready printed, if any. Login scripts may print to standard error too. */
export function readyWarning(stderr: string | undefined): string | undefined {
  const warning = /^(this image lacks packages|cloud-init finished with recoverable errors)[^]*/m.exec(
    stderr ?? "",
  )?.[0];
  return warning === undefined ? undefined : printable(warning).trim().slice(0, WARNING_LENGTH);
}

/** Seconds for one TCP connect. */
const PER_DIAL = 3;
/** The provider pauses 0.1 s after the first dial and half as long again after each, up to 5 s (`command` 1.2.1). */
const LONGEST_PAUSE = 5;
const GROWING_PAUSES = 10;
const GROWING_SECONDS = 11.3;

/**
 * How often the provider dials; it counts dials and not time. As a rule the first succeeds, since a hook has waited for
 * a login. A host that refuses is waited for during `bootTimeout`.
 * One that does not answer at all is waited for up to 1.6 times as long and half a minute more.
 *
 * @param bootTimeout seconds
 */
export function dialLimits(bootTimeout: number): { dialErrorLimit: number; perDialTimeout: number } {
  const steadyAttempts = Math.max(0, Math.ceil((bootTimeout - GROWING_SECONDS) / LONGEST_PAUSE));
  return { dialErrorLimit: GROWING_PAUSES + steadyAttempts, perDialTimeout: PER_DIAL };
}
