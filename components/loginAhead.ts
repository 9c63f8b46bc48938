import * as pulumi from "@pulumi/pulumi";
import { openInputs, takesHooks } from "./hookInputs.ts";
import { bootPatience, logInAhead, logInPatiently } from "./hostLogin.ts";
import type { Connection } from "./remoteCommand.ts";

/**
 * Logins of the program's own ahead of a Command. The provider limits the time of a TCP connect and of nothing after it,
 * so it would wait for ever for a host that accepts TCP and never speaks.
 */

/** Seconds for a login to a host that boots, and to its jump host. */
const LOGIN_LIMIT = 8;

/**
 * Options of phase ready that wait for a host by logins of this program's own. Behind a jump host they are needed for
 * another reason too: the provider waits there until the host accepts connections, and then tries each login once only. A
 * host that boots accepts connections a moment before it lets users in.
 *
 * @param name of the hook, unique in the program
 * @param seconds to wait
 */
export function waitForLogin(name: string, host: string, seconds: number): pulumi.CustomResourceOptions {
  return hookBefore(name, async (connection) => {
    try {
      (await logInPatiently(connection, LOGIN_LIMIT, bootPatience(seconds))).close();
    } catch (error) {
      throw new Error(`${host}: no SSH login within ${seconds} s: ${(error as Error).message}`, {
        cause: error,
      });
    }
  });
}

/**
 * Options of a phase that runs only where the host speaks.
 *
 * @param name of the hook, unique in the program
 */
export function refuseSilentHost(name: string, host: string): pulumi.CustomResourceOptions {
  return hookBefore(name, async (connection) => (await logInAhead(host, connection))?.close());
}

function hookBefore(
  name: string,
  work: (connection: Connection) => Promise<void>,
): pulumi.CustomResourceOptions {
  if (!takesHooks()) return {};
  const hook = new pulumi.ResourceHook(name, async ({ newInputs }) =>
    work((await openInputs(newInputs))["connection"] as Connection),
  );
  return { hooks: { beforeCreate: [hook], beforeUpdate: [hook] } };
}
