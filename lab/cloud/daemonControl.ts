import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, openSync, readdirSync, readFileSync, statSync, truncateSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { attempt, until } from "../system/commands.ts";
import { waitForSsh } from "../hosts/sshProbe.ts";
import { startNetwork } from "../hosts/boot.ts";
import { hostImage } from "../hosts/images.ts";
import { makeLoginKey } from "../hosts/keys.ts";
import { ROOT } from "../system/lab.ts";
import type { Lab } from "../system/lab.ts";
import { killProcesses, readPidFile, writePidFile, signalProcesses } from "../system/processes.ts";
import type { Progress } from "../system/progress.ts";
import { ensureAccess } from "./access.ts";
import { applyCuts, readFaults } from "./faults.ts";
import { instancesOf } from "./instances.ts";
import { bootableImages } from "./model/image.ts";

/** The process that is the lab's cloud. It outlives the command that started it; hosts outlive it in turn. */

const DAEMON = fileURLToPath(new URL("daemon.ts", import.meta.url));

/** Where the cloud keeps its state, its log, and what it is remembered by. */
export const cloudFolder = (lab: Lab) => join(lab.directory, "cloud");

export const cloudPid = (lab: Lab) => join(cloudFolder(lab), "daemon.pid");

export const cloudLog = (lab: Lab) => join(cloudFolder(lab), "daemon.log");

/** Holds the process id and the version of the cloud that is ready for requests. */
export const cloudReady = (lab: Lab) => join(cloudFolder(lab), "ready");

export const stateFile = (lab: Lab) => join(cloudFolder(lab), "state.json");

/** The running cloud's process id. */
export const runningCloud = (lab: Lab) => readPidFile(cloudPid(lab));

/** Where the API listens, in the operator's namespace. */
export const ENDPOINT = { address: "127.0.0.1", port: 443 } as const;

/** Whether the API answers within a few seconds. A stopped daemon accepts connections, but makes no TLS handshake. */
export async function cloudAnswers(lab: Lab): Promise<boolean> {
  if (runningCloud(lab) === undefined) return false;
  const inside = ["nsenter", `--net=/run/netns/${lab.namespace("operator")}`];
  const connect = ["openssl", "s_client", "-connect", `${ENDPOINT.address}:${ENDPOINT.port}`];
  return (await attempt([...inside, "timeout", "5", ...connect])).exitCode === 0;
}

/** Bytes of log from which a new daemon begins a new one. */
const LOG_LIMIT = 4_000_000;

/** Milliseconds until the daemon must take requests. */
const START_LIMIT = 30_000;

/**
 * Brings up the network and the cloud's API where they do not run: what the cloud knew before, it knows again,
 * and instances that lost their power get it back. Whatever has to be installed or built is, before.
 */
export async function startCloud(lab: Lab, progress: Progress): Promise<void> {
  await ensureAccess(lab);
  await makeLoginKey(lab);
  for (const image of bootableImages()) await hostImage(lab, image, progress);
  await startNetwork(lab);
  await applyCuts(lab);
  const version = sourceVersion();
  if (isAtWork(lab, version)) return;
  await stopCloud(lab);

  mkdirSync(cloudFolder(lab), { recursive: true, mode: 0o700 });
  if (existsSync(cloudLog(lab)) && statSync(cloudLog(lab)).size > LOG_LIMIT) truncateSync(cloudLog(lab));
  const log = openSync(cloudLog(lab), "a", 0o600);
  const namespace = `--net=/run/netns/${lab.namespace("operator")}`;
  const daemon = spawn("nsenter", [namespace, process.execPath, DAEMON, lab.name, version], {
    cwd: ROOT,
    detached: true,
    stdio: ["ignore", log, log],
    // Nothing of the caller's environment is for the hosts, which inherit this one.
    env: { PATH: process.env["PATH"] ?? "", NODE_COMPILE_CACHE: join(lab.cache, "node") },
  });
  if (daemon.pid === undefined)
    throw new Error("the cloud's daemon could not be started: nsenter is missing.");
  writePidFile(cloudPid(lab), daemon.pid);
  daemon.unref();
  await until("the cloud's API", START_LIMIT, () => {
    if (runningCloud(lab) === undefined)
      throw new Error(`the cloud's daemon ended at once: see ${cloudLog(lab)}.`);
    return isReady(lab, version);
  });
  await awaitInstances(lab, progress);
}

/** Instances that got their power back are hosts again before anybody asks them for something. */
async function awaitInstances(lab: Lab, progress: Progress): Promise<void> {
  if (readFaults(lab).bootDelay > 0) return;
  const running = instancesOf(lab).filter(({ state }) => state === "RUNNING");
  await Promise.all(
    running.map(({ host, privateIp }) =>
      waitForSsh(lab, host, privateIp, "itself").catch((error: unknown) =>
        progress.line((error as Error).message),
      ),
    ),
  );
}

/** What the daemon was made from: another one takes over when that changes. */
function sourceVersion(): string {
  const hash = createHash("sha256");
  for (const folder of ["cloud", "hosts", "network"]) {
    const files = readdirSync(join(ROOT, "lab", folder), { recursive: true, withFileTypes: true });
    for (const file of files.filter((entry) => entry.isFile()))
      hash.update(readFileSync(join(file.parentPath, file.name)));
  }
  return hash.digest("hex").slice(0, 12);
}

function isReady(lab: Lab, version: string): boolean {
  const pid = runningCloud(lab);
  return (
    pid !== undefined &&
    existsSync(cloudReady(lab)) &&
    readFileSync(cloudReady(lab), "utf8") === `${pid} ${version}`
  );
}

/** Whether the daemon of this version takes requests, from the operator's namespace as it is now. */
function isAtWork(lab: Lab, version: string): boolean {
  const pid = runningCloud(lab);
  const namespaceOf = (path: string) => statSync(path).ino;
  return (
    isReady(lab, version) &&
    namespaceOf(`/proc/${pid}/ns/net`) === namespaceOf(`/run/netns/${lab.namespace("operator")}`)
  );
}

/** Ends the lab's cloud, if it runs. Its hosts go on. */
export async function stopCloud(lab: Lab): Promise<void> {
  const pid = runningCloud(lab);
  if (pid === undefined) return;
  signalProcesses([pid], "SIGTERM");
  await until("the end of the cloud", 5_000, () => runningCloud(lab) === undefined, 20).catch(() =>
    killProcesses([pid]),
  );
}
