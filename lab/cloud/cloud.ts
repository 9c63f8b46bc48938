import { spawn } from "node:child_process";
import { existsSync, mkdirSync, openSync, readFileSync, statSync, truncateSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { until } from "../commands.ts";
import { upNetwork } from "../hosts/hosts.ts";
import { hostImage } from "../hosts/images.ts";
import { makeLoginKey } from "../hosts/keys.ts";
import { ROOT } from "../lab.ts";
import type { Lab } from "../lab.ts";
import { remember } from "../processes.ts";
import type { Report } from "../report.ts";
import { ensureAccess } from "./access.ts";
import { applyCuts } from "./faults.ts";
import { bootableImages } from "./model/image.ts";
import { cloudFolder, cloudLog, cloudPid, cloudReady, runningCloud, stopCloud } from "./process.ts";

export { stopCloud } from "./process.ts";

const DAEMON = fileURLToPath(new URL("daemon.ts", import.meta.url));

/** Bytes of log from which a new daemon begins a new one. */
const LOG_LIMIT = 4_000_000;

/** Milliseconds until the daemon must take requests. */
const START_LIMIT = 20_000;

/**
 * Brings up the network and the cloud's API where they do not run: what the cloud knew before, it knows again,
 * and instances that lost their power get it back. Whatever has to be installed or built is, before.
 */
export async function startCloud(lab: Lab, report: Report): Promise<void> {
  await ensureAccess(lab);
  await makeLoginKey(lab);
  for (const image of bootableImages()) await hostImage(lab, image, report);
  await upNetwork(lab);
  await applyCuts(lab);
  if (isAtWork(lab)) return;
  await stopCloud(lab);

  mkdirSync(cloudFolder(lab), { recursive: true, mode: 0o700 });
  if (existsSync(cloudLog(lab)) && statSync(cloudLog(lab)).size > LOG_LIMIT) truncateSync(cloudLog(lab));
  const log = openSync(cloudLog(lab), "a", 0o600);
  const namespace = `--net=/run/netns/${lab.namespace("operator")}`;
  const daemon = spawn("nsenter", [namespace, process.execPath, DAEMON, lab.name], {
    cwd: ROOT,
    detached: true,
    stdio: ["ignore", log, log],
    // Nothing of the caller's environment is for the hosts, which inherit this one.
    env: { PATH: process.env["PATH"] ?? "", NODE_COMPILE_CACHE: join(lab.cache, "node") },
  });
  if (daemon.pid === undefined)
    throw new Error("the cloud's daemon could not be started: nsenter is missing.");
  remember(cloudPid(lab), daemon.pid);
  daemon.unref();
  await until("the cloud's API", START_LIMIT, () => {
    if (runningCloud(lab) === undefined)
      throw new Error(`the cloud's daemon ended at once: see ${cloudLog(lab)}.`);
    return isReady(lab);
  });
}

function isReady(lab: Lab): boolean {
  const pid = runningCloud(lab);
  return (
    pid !== undefined && existsSync(cloudReady(lab)) && readFileSync(cloudReady(lab), "utf8") === String(pid)
  );
}

/** Whether the daemon takes requests, from the operator's namespace as it is now. */
function isAtWork(lab: Lab): boolean {
  const pid = runningCloud(lab);
  const namespaceOf = (path: string) => statSync(path).ino;
  return (
    isReady(lab) &&
    namespaceOf(`/proc/${pid}/ns/net`) === namespaceOf(`/run/netns/${lab.namespace("operator")}`)
  );
}
