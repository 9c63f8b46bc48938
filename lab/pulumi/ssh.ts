import type { Lab } from "../system/lab.ts";
import { asOperator } from "./operator.ts";
import { knownHosts, knownInstances, loginKey } from "../hosts/keys.ts";

/** The argv that logs in to a host as the operator would: by the lab's key, with the host's key pinned. */
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
