import type * as pulumi from "@pulumi/pulumi";
import { openInputs } from "./hookInputs.ts";
import { logIn } from "./hostLogin.ts";
import type { Connection } from "./remoteCommand.ts";
import { hasNoSession } from "./vxlan/phases/removal.ts";

/** Seconds for a login to each of the two hosts. */
const LOGIN_LIMIT = 8;

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
