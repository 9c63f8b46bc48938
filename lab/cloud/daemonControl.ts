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
import { applyPartitions, readFaults } from "./faults.ts";
import { cloudFolder, cloudLog, cloudPid, cloudReady, ENDPOINT } from "./daemonFiles.ts";
import { instancesOf } from "./instances.ts";
import { bootableImages } from "./model/image.ts";

/**
 * Starts and stops the daemon, the process of the lab's cloud. It goes on when the command that started it ends, and the
 * hosts go on when the daemon ends.
 */

const DAEMON = fileURLToPath(new URL("daemon.ts", import.meta.url));

/** The process id of the running daemon. */
export const runningCloud = (lab: Lab) => readPidFile(cloudPid(lab));

/** Whether the API answers within a few seconds. A stopped daemon accepts connections, but makes no TLS handshake. */
export async function cloudAnswers(lab: Lab): Promise<boolean> {
  if (runningCloud(lab) === undefined) return false;
  const inside = ["nsenter", `--net=/run/netns/${lab.namespace("operator")}`];
  const connect = ["openssl", "s_client", "-connect", `${ENDPOINT.address}:${ENDPOINT.port}`];
  return (await attempt([...inside, "timeout", "5", ...connect])).exitCode === 0;
}

/** A new daemon empties a log that is longer than this many bytes. */
const LOG_LIMIT = 4_000_000;

/** Milliseconds within which the daemon has to take requests. */
const START_LIMIT = 30_000;

/**
 * Starts the network and the cloud where they do not run. The cloud starts from its saved state, and turns on the
 * instances that lost their power. Builds first what they need: host images, keys, certificates.
 */
export async function startCloud(lab: Lab, progress: Progress): Promise<void> {
  await ensureAccess(lab);
  await makeLoginKey(lab);
  for (const image of bootableImages()) await hostImage(lab, image, progress);
  await startNetwork(lab);
  await applyPartitions(lab);
  const version = sourceVersion();
  if (isCurrent(lab, version)) return;
  await stopCloud(lab);
  spawnDaemon(lab, version);
  await until("the cloud's API", START_LIMIT, () => {
    if (runningCloud(lab) === undefined)
      throw new Error(`the cloud's daemon ended at once: see ${cloudLog(lab)}.`);
    return isReady(lab, version);
  });
  await awaitInstances(lab, progress);
}

function spawnDaemon(lab: Lab, version: string): void {
  mkdirSync(cloudFolder(lab), { recursive: true, mode: 0o700 });
  if (existsSync(cloudLog(lab)) && statSync(cloudLog(lab)).size > LOG_LIMIT) truncateSync(cloudLog(lab));
  const log = openSync(cloudLog(lab), "a", 0o600);
  const namespace = `--net=/run/netns/${lab.namespace("operator")}`;
  // V8 lets its young generation grow to tens of MB where nothing tells it not to, and a lab needs many daemons.
  const daemon = spawn(
    "nsenter",
    [namespace, process.execPath, "--max-semi-space-size=1", DAEMON, lab.name, version],
    {
      cwd: ROOT,
      detached: true,
      stdio: ["ignore", log, log],
      // The hosts inherit this environment, so it holds nothing else of the caller's.
      env: { PATH: process.env["PATH"] ?? "", NODE_COMPILE_CACHE: join(lab.cache, "node") },
    },
  );
  if (daemon.pid === undefined)
    throw new Error("the cloud's daemon could not be started: nsenter is missing.");
  writePidFile(cloudPid(lab), daemon.pid);
  daemon.unref();
}

/** Waits until the instances that got their power back take SSH connections again. */
async function awaitInstances(lab: Lab, progress: Progress): Promise<void> {
  if (readFaults(lab).bootDelay > 0) return;
  const runningInstances = instancesOf(lab).filter(({ state }) => state === "RUNNING");
  await Promise.all(
    runningInstances.map(({ host, privateIp }) =>
      waitForSsh(lab, host, privateIp, "itself").catch((error: unknown) =>
        progress.line((error as Error).message),
      ),
    ),
  );
}

/** A hash of the daemon's source. A daemon of another version is replaced. */
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

/** Whether a daemon of this version takes requests in the present namespace of the operator, not in an earlier one. */
function isCurrent(lab: Lab, version: string): boolean {
  const pid = runningCloud(lab);
  const namespaceOf = (path: string) => statSync(path).ino;
  return (
    isReady(lab, version) &&
    namespaceOf(`/proc/${pid}/ns/net`) === namespaceOf(`/run/netns/${lab.namespace("operator")}`)
  );
}

/** Stops the daemon, if it runs. Its hosts go on. */
export async function stopCloud(lab: Lab): Promise<void> {
  const pid = runningCloud(lab);
  if (pid === undefined) return;
  signalProcesses([pid], "SIGTERM");
  await until("the end of the cloud", 5_000, () => runningCloud(lab) === undefined, 20).catch(() =>
    killProcesses([pid]),
  );
}
