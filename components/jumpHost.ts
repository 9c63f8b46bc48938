import * as pulumi from "@pulumi/pulumi";
import { openInputs } from "./hookInputs.ts";
import { bootPatience, logIn, logInPatiently } from "./hostLogin.ts";
import type { Connection } from "./remoteCommand.ts";
import { hasNoSession } from "./vxlan/phases/removal.ts";

/** Seconds for a login to each of the two hosts. */
const LOGIN_LIMIT = 8;

/**
 * Options of phase ready that wait for a host behind a jump host by sessions of this program's own. The provider waits
 * until such a host accepts connections, and then tries each login once only: a host that boots accepts connections a
 * moment before it lets users in.
 *
 * @param name of the hook, unique in the program
 * @param seconds to wait
 */
export function waitBehindJumpHost(
  name: string,
  host: string,
  seconds: number,
): pulumi.CustomResourceOptions {
  // The SDK's mocks take no hooks.
  if (!("registerResourceHook" in (pulumi.runtime.getMonitor() ?? {}))) return {};
  const wait = new pulumi.ResourceHook(name, async ({ newInputs }) => {
    const connection = (await openInputs(newInputs))["connection"] as Connection;
    try {
      (await logInPatiently(connection, LOGIN_LIMIT, bootPatience(seconds))).close();
    } catch (error) {
      throw new Error(`${host}: no SSH login within ${seconds} s: ${(error as Error).message}`, {
        cause: error,
      });
    }
  });
  return { hooks: { beforeCreate: [wait], beforeUpdate: [wait] } };
}

/**
 * Advice for a Command on a host behind a jump host that got no SSH session. The provider's error does not always say
 * which of the two hosts is the cause, so this program logs in once more and looks.
 *
 * @returns undefined where there is no jump host, or the login succeeds
 */
export async function jumpHostAdvice(failure: pulumi.ErrorHookArgs): Promise<string | undefined> {
  if (!hasNoSession(failure.errors[0] ?? "")) return undefined;
  const { connection } = await openInputs(failure.newInputs ?? failure.oldInputs);
  const { proxy } = (connection ?? {}) as Partial<Connection>;
  if (!proxy) return undefined;
  try {
    (await logIn(connection as Connection, LOGIN_LIMIT)).close();
    return undefined;
  } catch (error) {
    return `${failure.name}: ${(error as Error).message}.`;
  }
}
