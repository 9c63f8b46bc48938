import { createReadStream, existsSync } from "node:fs";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { runningCloud, startCloud } from "../cloud/daemonControl.ts";
import { instancesOf, pinInstances } from "../cloud/instances.ts";
import { down } from "./down.ts";
import { HELP } from "../setup/help.mjs";
import { prepareEngine } from "../pulumi/engine/engine.ts";
import { fault } from "./fault.ts";
import { waitForSsh } from "../hosts/sshProbe.ts";
import { consoleLog, listHosts } from "../hosts/folders.ts";
import { runInHost } from "../hosts/exec.ts";
import { isRunning } from "../hosts/supervisor.ts";
import { memoryOf, startedAt } from "../system/processes.ts";
import { withoutPrefix } from "../hosts/inventory.ts";
import { rebootHost } from "../hosts/power.ts";
import { statusOf } from "../hosts/status.ts";
import { startHosts } from "../hosts/boot.ts";
import { hostImage, IMAGES } from "../hosts/images.ts";
import type { ImageName } from "../hosts/images.ts";
import { sshArgv } from "../pulumi/ssh.ts";
import { openLab, ROOT } from "../system/lab.ts";
import type { Lab } from "../system/lab.ts";
import { exclusively } from "./lock.ts";
import { inventoryOf } from "./existingHosts.ts";
import { runInForeground } from "../pulumi/operator.ts";
import { columns, proofTable, proveAll } from "./connectivityTest.ts";
import { LabPulumi } from "../pulumi/stack.ts";
import { terminalProgress, Stopwatch } from "../system/progress.ts";
import { requireDiskSpace } from "../system/diskSpace.ts";

/** The verbs of `npm run lab`; help.mjs describes them. */

/** Everything that a verb works on. */
interface Work {
  lab: Lab;
  stack: string;
}

/** Boots what does not run and makes Pulumi ready to work on the stack. */
async function ready({ lab, stack }: Work, stopwatch = new Stopwatch()): Promise<LabPulumi> {
  requireDiskSpace(lab.directory, 200, "a running lab");
  const engine = await stopwatch.step("engine", () => prepareEngine(lab, terminalProgress));
  terminalProgress.line(engine.describe);
  const inventory = inventoryOf(stack);
  if (inventory) await stopwatch.step("hosts", () => startHosts(lab, inventory, terminalProgress));
  else await stopwatch.step("cloud", () => startCloud(lab, terminalProgress));
  const pulumi = new LabPulumi(lab, engine, stack);
  await stopwatch.step("stack", () => pulumi.prepare());
  return pulumi;
}

async function up(work: Work): Promise<number> {
  const { lab } = work;
  const stopwatch = new Stopwatch();
  const pulumi = await ready(work, stopwatch);
  const exitCode = await stopwatch.step("pulumi up", () =>
    pulumi.inForeground(["up", "--yes", "--skip-preview"]),
  );
  if (exitCode !== 0) return exitCode;
  const proofs = await stopwatch.step("proof", async () => {
    const mesh = await proveAll(lab, pulumi.hosts());
    process.stdout.write(`\n${proofTable(mesh)}\n\n`);
    return mesh.proofs;
  });
  process.stdout.write(`${stopwatch.toString()}\n`);
  return proofs.length > 0 && proofs.every(({ failure }) => failure === undefined) ? 0 : 1;
}

/** A host of the lab as the operator reaches it. */
interface Target {
  host: string;
  address: string;
  isInstance: boolean;
}

/** The hosts that the stack's lab has, or would have. */
function targets({ lab, stack }: Work): Target[] {
  return [
    ...Object.entries(inventoryOf(stack) ?? {}).map(([host, { address }]) => ({
      host,
      address: withoutPrefix(address),
      isInstance: false,
    })),
    ...instancesOf(lab).map(({ host, privateIp }) => ({ host, address: privateIp, isInstance: true })),
  ];
}

function targetOf(work: Work, name: string | undefined): Target {
  const all = targets(work);
  const found = all.find(({ host }) => host === name);
  if (found) return found;
  throw new Error(
    all.length === 0
      ? "there are no hosts: start them with npm run lab."
      : `name a host: ${all.map(({ host }) => host).join(", ")}.`,
  );
}

async function logs({ lab }: Work, host: string): Promise<number> {
  await pipeline(createReadStream(consoleLog(lab, host)), process.stdout, { end: false });
  if (isRunning(lab, host))
    process.stdout.write(`${await runInHost(lab, host, ["journalctl", "--boot", "--no-pager"])}\n`);
  return 0;
}

async function ssh({ lab }: Work, target: Target, command: readonly string[]): Promise<number> {
  const { host, address, isInstance } = target;
  if (!isRunning(lab, host)) throw new Error(`${host} does not run: start it with npm run lab.`);
  await waitForSsh(lab, host, address, isInstance ? "itself" : "operator");
  if (!isInstance) return runInForeground(sshArgv(lab, address, command));
  const { publicIp } = instancesOf(lab).find((instance) => instance.host === host) ?? {};
  if (publicIp === undefined)
    throw new Error(`${host} has no public address, so no way leads to it from outside the cloud.`);
  pinInstances(lab);
  return runInForeground(sshArgv(lab, publicIp, command));
}

/** A time of this day or before, as a person reads it. */
const clock = (time: Date | undefined) => time?.toLocaleString("sv").slice(0, 16) ?? "";

async function ps(work: Work): Promise<number> {
  const { lab } = work;
  const instances = new Map(instancesOf(lab).map((instance) => [instance.host, instance]));
  const there = targets(work)
    .filter(({ host }) => listHosts(lab).includes(host) || instances.has(host))
    .sort((a, b) => a.host.localeCompare(b.host));
  const rows = await Promise.all(
    there.map(async ({ host, address }) => {
      const { running, megabytes, since } = await statusOf(lab, host);
      const { publicIp = "", state } = instances.get(host) ?? {};
      return [
        host,
        address,
        publicIp,
        state !== undefined && state !== "RUNNING" ? state.toLowerCase() : running ? "running" : "stopped",
        since ? clock(since) : "",
        running ? `${megabytes.toFixed(0)} MB` : "",
      ];
    }),
  );
  const cloud = runningCloud(lab);
  if (cloud !== undefined)
    rows.push([
      "(the cloud)",
      "",
      "",
      "running",
      clock(startedAt(cloud)),
      `${(memoryOf([cloud]) / 1024).toFixed(0)} MB`,
    ]);
  process.stdout.write(
    rows.length === 0
      ? "nothing runs\n"
      : `${columns([["host", "address", "public", "state", "since", "memory"], ...rows])}\n`,
  );
  return 0;
}

async function dispatch(work: Work, verb: string, args: readonly string[]): Promise<number> {
  const { lab } = work;
  switch (verb) {
    case "up":
      return up(work);
    case "preview":
    case "refresh":
    case "destroy": {
      const flags = verb === "preview" ? [] : ["--yes", "--skip-preview"];
      return (await ready(work)).inForeground([verb, ...flags, ...args]);
    }
    case "pulumi":
      return (await ready(work)).inForeground(args);
    case "reboot": {
      const { host, ...spec } = targetOf(work, args[0]);
      await rebootHost(lab, host, spec);
      return 0;
    }
    case "down":
      return down(lab, work.stack);
    case "prepare":
      await prepareEngine(lab, terminalProgress);
      for (const name of Object.keys(IMAGES)) await hostImage(lab, name as ImageName, terminalProgress);
      return 0;
    default:
      process.stderr.write(`lab: there is no "${verb}"\n\n${HELP}`);
      return 2;
  }
}

/** Verbs that may run beside the others: they look, or ask for what shall happen to a run that is under way. */
async function look(work: Work, verb: string, args: readonly string[]): Promise<number | undefined> {
  switch (verb) {
    case "ssh":
      return ssh(work, targetOf(work, args[0]), args.slice(1));
    case "logs":
      return logs(work, targetOf(work, args[0]).host);
    case "ps":
      return ps(work);
    case "fault":
      process.stdout.write(`${(await fault(work.lab, args)).join("\n")}\n`);
      return 0;
    default:
      return undefined;
  }
}

/** The lab of this name; where it is no name for one, it says so and returns undefined. */
function opened(name: string): Lab | undefined {
  try {
    return openLab(name);
  } catch (error) {
    process.stderr.write(`lab: ${(error as Error).message}\n`);
    return undefined;
  }
}

async function main(argv: readonly string[]): Promise<number> {
  let [verb = "up", ...args] = argv;
  let stack = "lab";
  if (verb === "--stack") {
    [stack = "", verb = "up", ...args] = args;
  }
  if (!existsSync(join(ROOT, "stacks", `Pulumi.${stack}.yaml`)))
    throw new Error(`there is no stack ${stack}: stacks/Pulumi.${stack}.yaml does not exist.`);
  const lab = opened(process.env["LAB_NAME"] ?? stack);
  if (lab === undefined) return 2;
  const work = { lab, stack };
  const seen = await look(work, verb, args);
  if (seen !== undefined) return seen;
  // `down` is what makes room again.
  return exclusively(lab, () => dispatch(work, verb, args), verb === "down" ? "go on" : "fail");
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`lab: ${(error as Error).message}\n`);
  if (process.env["LAB_DEBUG"]) process.stderr.write(`${(error as Error).stack ?? ""}\n`);
  process.exitCode = 1;
}
