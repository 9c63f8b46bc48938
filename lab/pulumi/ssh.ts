import type { Lab } from "../system/lab.ts";
import { asOperator } from "./operator.ts";
import { knownHosts, knownInstances, loginKey } from "../hosts/keys.ts";

/**
 * The argv that logs in to a host from the operator's network, with the host's pinned key.
 *
 * @param key file of the private key; default: the lab's
 */
export function sshArgv(
  lab: Lab,
  address: string,
  command: readonly string[],
  key = loginKey(lab),
): string[] {
  const options = [
    "BatchMode=yes",
    "IdentitiesOnly=yes",
    "StrictHostKeyChecking=yes",
    `UserKnownHostsFile="${knownHosts(lab)}" "${knownInstances(lab)}"`,
    "LogLevel=ERROR",
    "ConnectTimeout=10",
  ];
  return asOperator(lab, [
    "ssh",
    "-F",
    "none",
    "-i",
    key,
    ...options.flatMap((option) => ["-o", option]),
    `opc@${address}`,
    ...command,
  ]);
}
