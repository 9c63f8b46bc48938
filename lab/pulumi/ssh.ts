import type { Lab } from "../system/lab.ts";
import { asOperator } from "./operator.ts";
import { knownHosts, knownInstances, loginKey } from "../hosts/keys.ts";

/** The argv that logs in to a host from the operator's network, with the lab's key and the host's pinned key. */
export function sshArgv(lab: Lab, address: string, command: readonly string[]): string[] {
  const options = [
    "BatchMode=yes",
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
    loginKey(lab),
    ...options.flatMap((option) => ["-o", option]),
    `opc@${address}`,
    ...command,
  ]);
}
