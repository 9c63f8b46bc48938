import { forEachHost } from "./concurrentHosts.ts";
import type { TestedHost, TestedOverlay } from "./hostProbes.ts";
import { retireOldKey } from "./loginKeyReplacement.ts";

/**
 * The second half of the replacement of login keys, at the end of `up`: removes the old key from each host whose phases
 * have the new one in the state.
 *
 * @returns the problems
 */
export async function retireOldKeys(
  { log, keptKeys }: Pick<TestedOverlay, "log" | "keptKeys">,
  hosts: readonly TestedHost[],
): Promise<string[]> {
  const problems: string[] = [];
  const replacedHosts: string[] = [];
  await forEachHost(hosts, async (host) => {
    if (!host.replacement) return;
    const problem = await retire(host);
    if (problem === undefined) replacedHosts.push(host.name);
    else problems.push(`${host.name}: ${problem}`);
  });
  for (const host of keptKeys) await log.warn(describeDown(host));
  if (replacedHosts.length > 0) {
    const isComplete = problems.length === 0 && keptKeys.length === 0;
    await log.info(describeReplaced(replacedHosts.sort(), isComplete));
  }
  return problems;
}

async function retire({
  name,
  connection,
  replacement,
  device,
  peers,
}: TestedHost): Promise<string | undefined> {
  if (!replacement) return undefined;
  const { oldKey, problem, everyUser } = replacement;
  if (problem !== undefined) return describeUnreplaced(name, `SSH to ${connection.host}: ${problem}`);
  // A resource that a run with --target leaves alone has the old key in the state, and its delete logs in with that.
  if ([device, peers].some(({ privateKey }) => privateKey !== connection.privateKey))
    return "the old login key was left there, since this run has left out resources of the host: run pulumi up without --target";
  const failure = await retireOldKey(connection, oldKey, everyUser);
  return failure === undefined
    ? undefined
    : `the new login key is there, and the old one could not be seen to be gone: ${failure}. Then run pulumi up again`;
}

const describeUnreplaced = (host: string, reason: string) =>
  `its login key was not replaced (${reason}). Everything else was done. Let SSH in there, and run pulumi up again with the ` +
  `old key still in the config. If it is down on purpose, set hosts.${host}.down to true: up then leaves it alone.`;

const describeDown = (host: string) =>
  `${host} is down, so nobody has looked whether it still takes the old login key. Keep the old key in the config until an up ` +
  "without down has replaced it there.";

const describeReplaced = (hosts: readonly string[], isComplete: boolean) =>
  `the new login key logs in to ${hosts.join(", ")}, and the old one does not.` +
  (isComplete ? " Take the old one out of the config: no host has it any more." : "");
