import { attempt, until } from "../system/commands.ts";
import type { Lab } from "../system/lab.ts";
import { nsenterArgs } from "./exec.ts";
import { lastLogLines } from "./folders.ts";
import { isRunning } from "./supervisor.ts";

/** Milliseconds within which a booting host must answer on its SSH port. */
export const BOOT_LIMIT = 60_000;

/** Where a probe comes from. Security Lists may refuse the operator what the host itself may do. */
type Origin = "operator" | "itself";

/**
 * Waits until a host's sshd sends its banner.
 *
 * @throws Error that names the host and its log
 */
export async function waitForSsh(
  lab: Lab,
  host: string,
  address: string,
  from: Origin = "operator",
): Promise<void> {
  try {
    await until(`an SSH banner from ${host} (${address})`, BOOT_LIMIT, async () => {
      if (!isRunning(lab, host))
        throw new Error(
          `${host} stopped while booting, and its console ends with: ${lastLogLines(lab, host)}`,
        );
      return hasSshBanner(lab, host, address, from);
    });
  } catch (error) {
    throw new Error(`${(error as Error).message}: see npm run lab -- logs ${host}`, { cause: error });
  }
}

/**
 * Whether a host's sshd sends its banner within three seconds. Bash takes a socket on its standard input, which is what
 * Node gives it, for a login over the network and reads ~/.bashrc; the caller's may do anything, or wait for a lock.
 */
async function hasSshBanner(lab: Lab, host: string, address: string, from: Origin): Promise<boolean> {
  const probe = `exec 3<>/dev/tcp/${address}/22 && IFS= read -r -t 2 line <&3 && [[ $line == SSH-* ]]`;
  const namespace = `--net=/run/netns/${lab.namespace(from === "operator" ? "operator" : `h-${host}`)}`;
  return (
    (await attempt(["nsenter", namespace, "timeout", "3", "bash", "--norc", "-c", probe])).exitCode === 0
  );
}

/**
 * The reason why commands cannot be run on a host by SSH; undefined if they can. Takes at most eight seconds. It also
 * asks systemd, because sshd of a host whose init hangs may still send its banner.
 */
export async function unreachability(lab: Lab, host: string, address: string): Promise<string | undefined> {
  if (!isRunning(lab, host)) return `${host} does not run`;
  const askSystemd = ["timeout", "5", "systemctl", "is-system-running"];
  const [hasBanner, systemd] = await Promise.all([
    hasSshBanner(lab, host, address, "operator"),
    attempt(["timeout", "8", "nsenter", ...nsenterArgs(lab, host), ...askSystemd]),
  ]);
  if (!hasBanner) return `${host} does not answer SSH`;
  // Exit code 1 is an answer too: the system is degraded or still boots.
  return [124, 137, 255].includes(systemd.exitCode) ? `systemd on ${host} does not answer` : undefined;
}
