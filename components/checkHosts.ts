import type * as command from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import { askOverSsh } from "./overSsh.ts";
import { ANSWER_LIMIT, checkCommand, problemFromCheck, warningsFromCheck } from "./vxlan/check.ts";
import type { OverlayIdentity } from "./vxlan/phases.ts";

/** What a host is asked with. */
export interface CheckedHost {
  connection: pulumi.Input<command.types.input.remote.ConnectionArgs>;
  /** As its device phase reported it. */
  installation: pulumi.Input<string>;
  /** As its peers phase sent them. */
  peers: pulumi.Input<string>;
}

/** Hosts that are asked at the same time: each has its own few seconds to answer in. */
const ASKED_AT_A_TIME = 32;

/**
 * An environment variable that keeps hosts from being asked where it is "no": nothing tells a program whether it runs
 * for `up`, or for `destroy` or `refresh` with `--run-program`.
 */
const SWITCH = "OCI_VXLAN_ASK";

/**
 * Asks every host whether it is kept true, once all phases have passed: no phase runs where nothing changed. A host that
 * does not answer is warned about and no more, as there is nothing left to do on it; what a host warns of is passed on.
 * A preview asks nobody.
 *
 * @param overlay that warnings are logged for
 * @param after what has to be known first
 * @throws pulumi.RunError with all hosts that are paused, were re-imaged, have other peers than they were given, or
 *   cannot be kept true
 */
export function checkHosts(
  overlay: pulumi.Resource,
  identity: OverlayIdentity,
  hosts: Record<string, CheckedHost>,
  after: pulumi.Input<unknown>[],
): void {
  if (pulumi.runtime.isDryRun() || process.env[SWITCH] === "no") return;
  pulumi.all([pulumi.output(hosts), pulumi.all(after)]).apply(async ([known]) => {
    const names = Object.keys(known);
    const problems: string[] = [];
    for (let first = 0; first < names.length; first += ASKED_AT_A_TIME) {
      const group = names.slice(first, first + ASKED_AT_A_TIME);
      const answers = group.map((host) =>
        ask(overlay, identity, host, known[host] as pulumi.Unwrap<CheckedHost>),
      );
      problems.push(...(await Promise.all(answers)).filter((problem) => problem !== undefined));
    }
    if (problems.length === 0) return;
    const refusal = new pulumi.RunError(
      `${problems.join("\n")}\nUntil then the hosts that the config no longer names are not removed either. ` +
        `With ${SWITCH}=no in the environment nobody is asked, as "destroy --run-program" may need.`,
    );
    // The program's last line is long past, and from there on Pulumi prints an error's stack.
    refusal.stack = refusal.message;
    throw refusal;
  });
}

/** Why a host is not kept true; undefined where it is, or does not answer. */
async function ask(
  overlay: pulumi.Resource,
  identity: OverlayIdentity,
  host: string,
  { connection, installation, peers }: pulumi.Unwrap<CheckedHost>,
): Promise<string | undefined> {
  try {
    const question = checkCommand(identity, installation, peers);
    const answer = await askOverSsh(connection, question, ANSWER_LIMIT);
    const problem = problemFromCheck(host, answer);
    const warnings = problem === undefined ? warningsFromCheck(host, answer.stdout) : [];
    for (const warning of warnings) await pulumi.log.warn(warning, overlay);
    return problem;
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    const text = `${host} could not be asked whether its overlay is kept true: ${why}. All that had to be done there is done.`;
    await pulumi.log.warn(text, overlay);
    return undefined;
  }
}
