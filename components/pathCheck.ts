import * as pulumi from "@pulumi/pulumi";
import { openInputs, takesHooks } from "./hookInputs.ts";
import { logInAhead } from "./hostLogin.ts";
import type { Connection } from "./remoteCommand.ts";
import {
  PATH_COMMAND,
  PATH_LIMIT,
  describePaths,
  measuredPeers,
  parsePaths,
  pathInput,
} from "./vxlan/connectivityTest/pathMtu.ts";
import type { Path } from "./vxlan/connectivityTest/pathMtu.ts";
import type { Mesh } from "./vxlan/plan.ts";

/**
 * Options of a host's phase peers: before it, the host measures what the underlay carries to its peers. A path that
 * carries less than the overlay needs fails the phase, so that nothing is changed by it.
 *
 * @param name of the hook, unique in the program
 * @param cidrs of the overlay
 */
export function checkPathsBefore(
  name: string,
  host: string,
  mesh: pulumi.Output<Mesh>,
  cidrs: readonly string[],
): pulumi.CustomResourceOptions {
  if (!takesHooks()) return {};
  const check = new pulumi.ResourceHook(name, async ({ newInputs }) => {
    const { connection } = await openInputs(newInputs);
    const { fleet } = (await openInputs({ fleet: mesh })) as { fleet: Mesh };
    const paths = await smallPaths(connection as Connection, host, fleet);
    if (paths.length > 0) throw new Error(describePaths(paths, fleet.mtu, cidrs));
  });
  return { hooks: { beforeCreate: [check], beforeUpdate: [check] } };
}

/**
 * The paths that carry too little. A host that does not answer has none: the phase says why it does not.
 *
 * @throws Error where it accepts TCP and does not speak, for which the phase would wait without a limit
 */
async function smallPaths(connection: Connection, host: string, mesh: Mesh): Promise<Path[]> {
  const from = mesh.members.find(({ name }) => name === host);
  const peers = measuredPeers(mesh, host);
  const session = await logInAhead(host, connection);
  if (!session) return [];
  try {
    const { stdout } = await session.run(PATH_COMMAND, pathInput(peers, mesh.mtu), PATH_LIMIT + 10);
    return from ? parsePaths(from, peers, stdout) : [];
  } catch {
    return [];
  } finally {
    session.close();
  }
}
