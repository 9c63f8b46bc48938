import { join } from "node:path";
import { attempt, until } from "../commands.ts";
import type { Lab } from "../lab.ts";
import { kill, recall, send } from "../processes.ts";

/** The process that is the lab's cloud. It outlives the command that started it; hosts outlive it in turn. */

/** Where the cloud keeps its state, its log, and what it is remembered by. */
export const cloudFolder = (lab: Lab) => join(lab.directory, "cloud");

export const cloudPid = (lab: Lab) => join(cloudFolder(lab), "daemon.pid");

export const cloudLog = (lab: Lab) => join(cloudFolder(lab), "daemon.log");

/** Holds the process id and the version of the cloud that is ready for requests. */
export const cloudReady = (lab: Lab) => join(cloudFolder(lab), "ready");

export const stateFile = (lab: Lab) => join(cloudFolder(lab), "state.json");

/** The running cloud's process id. */
export const runningCloud = (lab: Lab) => recall(cloudPid(lab));

/** Where the API listens, in the operator's namespace. */
export const ENDPOINT = { address: "127.0.0.1", port: 443 } as const;

/** Whether the API answers within a few seconds. A stopped daemon accepts connections, but makes no TLS handshake. */
export async function cloudAnswers(lab: Lab): Promise<boolean> {
  if (runningCloud(lab) === undefined) return false;
  const inside = ["nsenter", `--net=/run/netns/${lab.namespace("operator")}`];
  const connect = ["openssl", "s_client", "-connect", `${ENDPOINT.address}:${ENDPOINT.port}`];
  return (await attempt([...inside, "timeout", "5", ...connect])).exitCode === 0;
}

/** Ends the lab's cloud, if it runs. Its hosts go on. */
export async function stopCloud(lab: Lab): Promise<void> {
  const pid = runningCloud(lab);
  if (pid === undefined) return;
  send([pid], "SIGTERM");
  await until("the end of the cloud", 5_000, () => runningCloud(lab) === undefined, 20).catch(() =>
    kill([pid]),
  );
}
