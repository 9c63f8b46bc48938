import * as pulumi from "@pulumi/pulumi";
import { openInputs, takesHooks } from "./hookInputs.ts";
import { logInAhead } from "./hostLogin.ts";
import type { Connection, Login } from "./remoteCommand.ts";

type Endpoint = Pick<Login, "host" | "port">;

/** Where SSH reaches a host. It is kept beside the host's report, for the run in which the host leaves. */
export interface SshPath extends Endpoint {
  jumpHost?: Endpoint;
}

export const sshPathOf = ({ host, port, proxy }: Connection): SshPath => ({
  host,
  port,
  jumpHost: proxy && { host: proxy.host, port: proxy.port },
});

/** The fields of a kept host that are used here. Earlier releases kept no path, and an instance has none. */
interface KeptHost {
  report?: { host?: string };
  ssh?: SshPath;
}

/**
 * Options of the resource that keeps the hosts' reports: they fail its update where a host leaves that accepts TCP and
 * never speaks. The provider would wait for it without a limit in the deletes at the end of the run. These have no hook
 * of their own, since the engine runs no plain `destroy` of resources with one.
 *
 * @param name of the hook, unique in the program
 * @param connections to the hosts that stay
 */
export function refuseSilentLeavers(
  name: string,
  connections: pulumi.Output<Connection[]>,
): pulumi.CustomResourceOptions {
  if (!takesHooks()) return {};
  const hook = new pulumi.ResourceHook(name, async ({ urn, oldInputs, newInputs }) => {
    const [before, after] = [await keptHosts(oldInputs), await keptHosts(newInputs)];
    const stayingConnections = (await openInputs({ connections }))["connections"] as Connection[];
    const problems = await Promise.all(
      Object.entries(before)
        .filter(([host]) => !(host in after))
        .map(([host, { ssh }]) => problemWith(host, ssh, stayingConnections, urn)),
    );
    const texts = problems.filter((text) => text !== undefined);
    if (texts.length > 0) throw new Error(texts.join("\n"));
  });
  return { hooks: { beforeUpdate: [hook] } };
}

async function keptHosts(inputs: Record<string, unknown> | undefined): Promise<Record<string, KeptHost>> {
  const { input } = (await openInputs(inputs)) as { input?: KeptHost[] };
  const hosts = Array.isArray(input) ? input : [];
  return Object.fromEntries(hosts.flatMap((host) => (host.report?.host ? [[host.report.host, host]] : [])));
}

/** A silent host is detected before the login, so the keys of another host behind the same jump host will do. */
async function problemWith(
  host: string,
  path: SshPath | undefined,
  stayingConnections: readonly Connection[],
  reportsUrn: string,
): Promise<string | undefined> {
  const jumpHostOf = ({ jumpHost }: SshPath) => JSON.stringify(jumpHost ?? null);
  const connection =
    path && stayingConnections.find((each) => jumpHostOf(sshPathOf(each)) === jumpHostOf(path));
  if (!connection) return undefined;
  try {
    (await logInAhead(host, { ...connection, host: path.host, port: path.port }))?.close();
    return undefined;
  } catch (error) {
    const device = reportsUrn.replace(
      /pulumi:index:Stash::(.*)-reports$/,
      `command:remote:Command::$1-${host}-device`,
    );
    return (
      `${(error as Error).message} It leaves the overlay, and only by SSH the overlay leaves it. If it is gone for good, take it out of ` +
      "the state, then run pulumi up again, which tells every host its peers again:\n" +
      `  pulumi state delete --stack ${pulumi.getStack()} --yes --target-dependents '${device}'`
    );
  }
}
