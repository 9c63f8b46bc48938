import * as pulumi from "@pulumi/pulumi";
import { openInputs } from "./hookInputs.ts";
import type { Connection } from "./remoteCommand.ts";
import { logInPatiently } from "./hostLogin.ts";
import type { Answer, SshSession } from "./sshSession.ts";
import { DELIVERY_LINE, delivery } from "./vxlan/phases/install.ts";
import { resourceDigest } from "./vxlan/phases/phase.ts";
import { printable } from "./vxlan/printable.ts";

/** Seconds for one login, and for the delivery. */
const LOGIN_LIMIT = 8;
const DELIVERY_LIMIT = 60;

/** How a host that may still boot is waited for: a refusing one for 10 s, a silent one for 80. */
const PATIENCE = { attempts: 10, pause: 1_000 };

/** For a host that is down on purpose. */
const ONE_ATTEMPT = { attempts: 1, pause: 0 };

/**
 * A hook that delivers the host's program before phase device runs. It goes over a session of this program's own, since
 * what a Command sends is kept in the state twice.
 *
 * @param name of the hook, unique in the program
 * @param isDown whether the host is down on purpose, so that nothing but its first installation would be delivered
 */
export function deliverProgramBefore(name: string, host: string, isDown: boolean): pulumi.ResourceHook {
  return new pulumi.ResourceHook(name, async ({ urn, newInputs }) => {
    const connection = (await openInputs(newInputs))["connection"] as Connection;
    try {
      const session = await logInPatiently(connection, LOGIN_LIMIT, isDown ? ONE_ATTEMPT : PATIENCE);
      try {
        await deliverProgram(session, resourceDigest(urn));
      } finally {
        session.close();
      }
    } catch (error) {
      const hint = isDown
        ? " It is set to down, and was never set up: take it out of the config until it is up for the first time."
        : "";
      throw new Error(
        `${host}: its program could not be delivered by SSH to ${connection.host}:${connection.port}, so nothing was changed there: ` +
          `${(error as Error).message}.${hint}`,
        { cause: error },
      );
    }
  });
}

/**
 * Delivers the host's program, which phase device then installs.
 *
 * @param resource digest of the phase's resource
 * @throws Error that says what the host answered
 */
export async function deliverProgram(session: SshSession, resource: string): Promise<void> {
  const { command, input } = delivery(resource);
  const answer = await session.run(command, input, DELIVERY_LIMIT);
  if (answer.status !== 0) throw new Error(refusalIn(answer));
  if (answer.stdout.includes(DELIVERY_LINE)) return;
  throw new Error(
    `the login ran something else than what was sent, and printed ${JSON.stringify(printable(answer.stdout).slice(0, 200))}. ` +
      'Take command="…" from this key in authorized_keys and ForceCommand from sshd\'s settings, and make sure that nothing ' +
      "replaces sh, sudo or bash for this user",
  );
}

function refusalIn({ status, stderr }: Answer): string {
  const text = stderr.trim().slice(-1_000);
  if (/^sudo: /m.test(text))
    return `${text}: the login user needs root, or sudo without a password and without a terminal`;
  return text === "" ? `the delivery ended with ${status ?? "a signal"}` : text;
}
