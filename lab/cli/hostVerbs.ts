import { createReadStream } from "node:fs";
import { pipeline } from "node:stream/promises";
import { runningCloud } from "../cloud/daemonControl.ts";
import { instancesOf, pinInstances } from "../cloud/instances.ts";
import type { InstanceView } from "../cloud/instances.ts";
import { runInHost } from "../hosts/exec.ts";
import { consoleLog, listHosts } from "../hosts/folders.ts";
import { withoutPrefix } from "../hosts/inventory.ts";
import { rebootHost } from "../hosts/power.ts";
import { waitForSsh } from "../hosts/sshProbe.ts";
import { statusOf } from "../hosts/status.ts";
import { isRunning } from "../hosts/supervisor.ts";
import { runInForeground } from "../pulumi/operator.ts";
import { sshArgv } from "../pulumi/ssh.ts";
import type { Lab } from "../system/lab.ts";
import { memoryOf, startedAt } from "../system/processes.ts";
import type { Context, Verb } from "./context.ts";
import { existingHostsOf } from "./existingHosts.ts";
import { formatColumns } from "./table.ts";

/** The verbs for single hosts, and the list of hosts. */

/** A host that a verb may name. */
interface Target {
  host: string;
  /** Its address inside the cloud's network. */
  address: string;
  /** Its instance in the cloud; undefined for a host that exists before the stack. */
  instance?: InstanceView;
}

/** The hosts of the stack's lab, including existing hosts that were not booted yet. */
function targets({ lab, stack }: Context): Target[] {
  const existingHosts = Object.entries(existingHostsOf(stack) ?? {});
  return [
    ...existingHosts.map(([host, { address }]) => ({ host, address: withoutPrefix(address) })),
    ...instancesOf(lab).map((instance) => ({
      host: instance.host,
      address: instance.privateIp,
      instance,
    })),
  ];
}

/** @throws Error that lists the hosts, unless the name is one of them */
function targetNamed(context: Context, name: string | undefined): Target {
  const hosts = targets(context);
  const target = hosts.find(({ host }) => host === name);
  if (target) return target;
  throw new Error(
    hosts.length === 0
      ? "there are no hosts: start them with npm run lab."
      : `name a host: ${hosts.map(({ host }) => host).join(", ")}.`,
  );
}

export const logs: Verb = async (context, [name]) => {
  const { lab } = context;
  const { host } = targetNamed(context, name);
  await pipeline(createReadStream(consoleLog(lab, host)), process.stdout, { end: false });
  if (isRunning(lab, host))
    process.stdout.write(`${await runInHost(lab, host, ["journalctl", "--boot", "--no-pager"])}\n`);
  return 0;
};

export const ssh: Verb = async (context, [name, ...command]) => {
  const { lab } = context;
  const { host, address, instance } = targetNamed(context, name);
  if (!isRunning(lab, host)) throw new Error(`${host} does not run: start it with npm run lab.`);
  await waitForSsh(lab, host, address, instance ? "itself" : "operator");
  if (!instance) return runInForeground(sshArgv(lab, address, command));
  const { publicIp } = instance;
  if (publicIp === undefined)
    throw new Error(`${host} has no public address, so it cannot be reached from outside the cloud.`);
  pinInstances(lab);
  return runInForeground(sshArgv(lab, publicIp, command));
};

export const reboot: Verb = async (context, [name]) => {
  const { host, address, instance } = targetNamed(context, name);
  await rebootHost(context.lab, host, { address, isInstance: instance !== undefined });
  return 0;
};

export const ps: Verb = async (context) => {
  const { lab } = context;
  const presentHosts = listHosts(lab);
  const rows = await Promise.all(
    targets(context)
      .filter(({ host, instance }) => presentHosts.includes(host) || instance)
      .sort((a, b) => a.host.localeCompare(b.host))
      .map((target) => hostRow(lab, target)),
  );
  rows.push(...cloudRows(lab));
  const header = ["host", "address", "public", "state", "since", "memory"];
  process.stdout.write(rows.length === 0 ? "nothing runs\n" : `${formatColumns([header, ...rows])}\n`);
  return 0;
};

async function hostRow(lab: Lab, { host, address, instance }: Target): Promise<string[]> {
  const { megabytes, startTime, ...status } = await statusOf(lab, host);
  const powerState = status.isRunning ? "running" : "stopped";
  return [
    host,
    address,
    instance?.publicIp ?? "",
    instance && instance.state !== "RUNNING" ? instance.state.toLowerCase() : powerState,
    formatTime(startTime),
    status.isRunning ? `${megabytes.toFixed(0)} MB` : "",
  ];
}

function cloudRows(lab: Lab): string[][] {
  const cloud = runningCloud(lab);
  if (cloud === undefined) return [];
  const memory = `${(memoryOf([cloud]) / 1024).toFixed(0)} MB`;
  return [["(the cloud)", "", "", "running", formatTime(startedAt(cloud)), memory]];
}

/** Local date and time, for example 2026-11-25 18:30. */
const formatTime = (time: Date | undefined) => time?.toLocaleString("sv").slice(0, 16) ?? "";
