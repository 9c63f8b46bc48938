import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { stripVTControlCharacters } from "node:util";
import { attempt, run, until } from "../system/commands.ts";
import { pulumiHome } from "../system/lab.ts";
import type { Lab } from "../system/lab.ts";
import { runningCloud, stopCloud } from "../cloud/daemonControl.ts";
import { SECURED } from "../network/securityListRules.ts";
import { dropNetwork, INSIDE_MTU, loadRules, namespacesOf, raiseNetwork } from "../network/network.ts";
import { deleteNamespace, namespaceExists, processesIn } from "../network/namespaces.ts";
import { rules } from "../network/existingHostRules.ts";
import type { Vnic } from "../network/existingHostRules.ts";
import {
  argumentsOfScript,
  killProcesses,
  processesByScript,
  processesByEnvironment,
  readPidFile,
  writePidFile,
  startedAt,
} from "../system/processes.ts";
import { silentProgress } from "../system/progress.ts";
import type { Progress } from "../system/progress.ts";
import { controlGroups, processesInCgroups, removeCgroups } from "./cgroups.ts";
import { DEFAULT_IMAGE, hostImage } from "./images.ts";
import type { ImageName } from "./images.ts";
import { makeHostKeys, pinHostKeys } from "./keys.ts";
import { labSeed, writeSeed } from "./seed.ts";
import type { Seed } from "./seed.ts";

/** A host as the lab boots it: its VNIC and nothing else, since everything else comes from the image. */
export interface HostSpec {
  /** The VNIC's address with the prefix length of its subnet. */
  address: string;
  mac: string;
  /** What the host's kernel calls its NIC. */
  nic: string;
  /** Default ubuntu-like. */
  image?: ImageName;
  /** Whether it is the cloud's, which keeps the rules in front of it. Default: it has none. */
  isInstance?: boolean;
  /** What cloud-init reads at the first boot. Default: the lab's login key and a host key of the lab's. */
  seed?: Seed;
  /** What tells the machine from every other, its predecessors of the same name included. Default its place. */
  identity?: string;
  /** Seconds that its boot takes longer. */
  bootDelay?: number;
}

/** The hosts of a lab by name. */
export type Inventory = Readonly<Record<string, HostSpec>>;

const SUPERVISOR = fileURLToPath(new URL("supervise.sh", import.meta.url));

/** Milliseconds that a host gets to turn itself off. */
const SHUTDOWN_LIMIT = 20_000;

/** Milliseconds until a booting host must answer on its SSH port. */
const BOOT_LIMIT = 60_000;

const hostsFolder = (lab: Lab) => join(lab.directory, "hosts");
const hostFolder = (lab: Lab, host: string) => join(hostsFolder(lab), host);
const pidFile = (lab: Lab, host: string) => join(hostFolder(lab, host), "supervisor.pid");
export const consoleLog = (lab: Lab, host: string) => join(hostFolder(lab, host), "console.log");

/** The last lines that a host, or what boots it, said on its console. */
export function lastWords(lab: Lab, host: string): string {
  const log = consoleLog(lab, host);
  const lines = existsSync(log) ? stripVTControlCharacters(readFileSync(log, "utf8")).split(/[\r\n]+/) : [];
  const last = lines.filter((line) => line.trim() !== "").slice(-3);
  return last.length > 0 ? last.map((line) => line.trim()).join(" / ") : "nothing";
}

/** An address without its prefix length. */
export const plain = (address: string) => address.replace(/\/.*$/, "");

/** The hosts that the lab has, running or not. */
export function hostsOf(lab: Lab): string[] {
  return existsSync(hostsFolder(lab)) ? readdirSync(hostsFolder(lab)).sort() : [];
}

export const isRunning = (lab: Lab, host: string) => readPidFile(pidFile(lab, host)) !== undefined;

/** A VNIC's interface in the router; derived from the host's name, so that no numbers have to be kept. */
export const portOf = (host: string, isInstance = false) =>
  `${isInstance ? SECURED : "v"}${createHash("sha256").update(host).digest("hex").slice(0, 10)}`;

const vnicOf = (host: string, spec: HostSpec): Vnic => ({ port: portOf(host), address: plain(spec.address) });

/**
 * Brings up the network and every host of the inventory that does not run, and waits until all answer on their
 * SSH port. Where everything runs, it changes nothing.
 */
export async function upHosts(lab: Lab, inventory: Inventory, progress: Progress): Promise<void> {
  const hosts = Object.entries(inventory);
  for (const name of new Set(hosts.map(([, { image }]) => image ?? DEFAULT_IMAGE)))
    await hostImage(lab, name, progress);
  await makeHostKeys(
    lab,
    hosts.map(([host]) => host),
  );
  pinHostKeys(lab, Object.fromEntries(hosts.map(([host, { address }]) => [host, plain(address)])));
  await upNetwork(lab);
  await loadRules(lab, rules(hosts.map(([host, spec]) => vnicOf(host, spec))));
  await Promise.all(hosts.map(([host, spec]) => startHost(lab, host, spec)));
  await Promise.all(hosts.map(([host, { address }]) => awaitSsh(lab, host, plain(address))));
}

/** Raises the network where it is missing. Hosts that hung on an earlier one lost their VNICs with it. */
export async function upNetwork(lab: Lab): Promise<void> {
  if (!(await raiseNetwork(lab))) return;
  for (const host of hostsOf(lab)) await killHost(lab, host);
}

/** Boots a host that does not run; at its first boot it gets its seed. */
export async function startHost(lab: Lab, host: string, spec: HostSpec): Promise<void> {
  if (isRunning(lab, host)) return;
  await killLeftovers(lab, host);
  const image = await hostImage(lab, spec.image ?? DEFAULT_IMAGE, silentProgress);
  const folder = hostFolder(lab, host);
  const first = !existsSync(join(folder, "machine"));
  mkdirSync(join(folder, "written"), { recursive: true, mode: 0o755 });
  if (first) writeSeed(spec.seed ?? labSeed(lab, host), join(folder, "written"));
  writeFileSync(join(folder, "machine"), machineSettings(lab, host, spec, image), { mode: 0o600 });
  const log = openSync(consoleLog(lab, host), "a", 0o600);
  const supervisor = spawn("bash", [SUPERVISOR, folder], { detached: true, stdio: ["ignore", log, log] });
  if (supervisor.pid === undefined) throw new Error(`${host}: bash could not be started`);
  writePidFile(pidFile(lab, host), supervisor.pid);
  supervisor.unref();
}

/** What supervise.sh reads, as shell assignments. No value needs quoting: all are checked by their use. */
function machineSettings(lab: Lab, host: string, spec: HostSpec, image: string): string {
  const { address, mac, nic, isInstance, identity = `${lab.directory}/${host}`, bootDelay = 0 } = spec;
  const gateway = gatewayOf(address);
  const uuid = createHash("sha256").update(identity).digest("hex").slice(0, 32);
  return [
    `NAMESPACE=${lab.namespace(`h-${host}`)}`,
    `ROUTER=${lab.namespace("router")}`,
    `PORT=${portOf(host, isInstance)}`,
    `NIC=${nic}`,
    `MAC=${mac}`,
    `ADDRESS=${address}`,
    `GATEWAY=${gateway}`,
    `HOSTNAME=${host}`,
    `IMAGE='${image}'`,
    `MTU=${INSIDE_MTU}`,
    `UUID=${uuid}`,
    `DELAY=${bootDelay}`,
    "",
  ].join("\n");
}

/** Oracle reserves the second address of a subnet for its gateway. */
function gatewayOf(address: string): string {
  const [text = "", prefix = ""] = address.split("/");
  const value = text.split(".").reduce((sum, octet) => sum * 256 + Number(octet), 0);
  const size = 2 ** (32 - Number(prefix));
  const gateway = Math.floor(value / size) * size + 1;
  return [24, 16, 8, 0].map((shift) => Math.floor(gateway / 2 ** shift) % 256).join(".");
}

/**
 * Waits until a host's sshd says its banner, to the operator or to the host itself: what stands between the two
 * is the cloud's affair.
 *
 * @throws Error that names the host and its log
 */
export async function awaitSsh(
  lab: Lab,
  host: string,
  address: string,
  from: "operator" | "itself" = "operator",
): Promise<void> {
  try {
    await until(`an SSH banner from ${host} (${address})`, BOOT_LIMIT, async () => {
      if (!isRunning(lab, host))
        throw new Error(`${host} stopped while booting, and said last: ${lastWords(lab, host)}`);
      return speaksSsh(lab, host, address, from);
    });
  } catch (error) {
    throw new Error(`${(error as Error).message}: see npm run lab -- logs ${host}`, { cause: error });
  }
}

/** Whether a host's sshd sends its banner within three seconds. */
async function speaksSsh(
  lab: Lab,
  host: string,
  address: string,
  from: "operator" | "itself",
): Promise<boolean> {
  const probe = `exec 3<>/dev/tcp/${address}/22 && IFS= read -r -t 2 line <&3 && [[ $line == SSH-* ]]`;
  const namespace = `--net=/run/netns/${lab.namespace(from === "operator" ? "operator" : `h-${host}`)}`;
  return (await attempt(["nsenter", namespace, "timeout", "3", "bash", "-c", probe])).exitCode === 0;
}

/**
 * Why commands cannot be run on a host by SSH, found out within seconds; undefined where they can. A host whose
 * init hangs may still send its SSH banner, so systemd is asked as well.
 */
export async function unreachability(lab: Lab, host: string, address: string): Promise<string | undefined> {
  if (!isRunning(lab, host)) return `${host} does not run`;
  const asksInit = ["timeout", "5", "systemctl", "is-system-running"];
  const [speaks, init] = await Promise.all([
    speaksSsh(lab, host, address, "operator"),
    attempt(["timeout", "8", "nsenter", ...insideOf(lab, host), ...asksInit]),
  ]);
  if (!speaks) return `${host} does not answer SSH`;
  // A degraded or still booting system ends with 1, and answers all the same.
  return [124, 137, 255].includes(init.exitCode) ? `systemd on ${host} does not answer` : undefined;
}

/** Reboots a host from inside, as its administrator would, and waits until it answers again. */
export async function rebootHost(
  lab: Lab,
  host: string,
  { address, isInstance }: Pick<HostSpec, "address" | "isInstance">,
): Promise<void> {
  await restartHost(lab, host);
  await awaitSsh(lab, host, plain(address), isInstance ? "itself" : "operator");
}

/** Lets a host's own system restart it, and returns when it boots again. */
export async function restartHost(lab: Lab, host: string): Promise<void> {
  const before = initOf(lab, host);
  await inHost(lab, host, ["systemctl", "reboot"]);
  await until(`the reboot of ${host}`, BOOT_LIMIT, () => {
    const now = initOf(lab, host);
    return now !== undefined && now !== before;
  });
}

/** Lets a host's own system turn it off; where it does not in time, its power is cut. */
export async function shutDownHost(lab: Lab, host: string): Promise<void> {
  await inHost(lab, host, ["systemctl", "poweroff"]).catch(() => undefined);
  const running = () => isRunning(lab, host);
  await until(`the end of ${host}`, SHUTDOWN_LIMIT, () => !running()).catch(() => undefined);
  await killHost(lab, host);
}

/** The host's init as this machine sees it: the child of systemd-nspawn. */
function initOf(lab: Lab, host: string): number | undefined {
  let pid = readPidFile(pidFile(lab, host));
  for (let depth = 0; pid !== undefined && depth < 2; depth++) pid = childOf(pid);
  return pid;
}

function childOf(pid: number): number | undefined {
  try {
    const [first] = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ");
    return first ? Number(first) : undefined;
  } catch {
    return undefined;
  }
}

/** nsenter's arguments for a command as root inside a host, past its sshd. */
export function insideOf(lab: Lab, host: string): string[] {
  const init = initOf(lab, host);
  if (init === undefined) throw new Error(`${host} does not run: start it with npm run lab`);
  return ["--target", String(init), "--all", "--"];
}

/** Runs a command as root inside a host, past its sshd. */
export async function inHost(lab: Lab, host: string, argv: readonly string[], input = ""): Promise<string> {
  return run(["nsenter", ...insideOf(lab, host), ...argv], { input });
}

/** Cuts a host's power: nothing inside gets a chance to end well. Its supervisor sees that and ends too. */
export async function killHost(lab: Lab, host: string): Promise<void> {
  const running = () => isRunning(lab, host);
  if (namespaceExists(lab.namespace(`h-${host}`))) {
    await killLeftovers(lab, host);
    await until(`the end of ${host}`, 5_000, () => !running(), 20).catch(() => undefined);
  }
  // With it goes whatever it waits for.
  await killProcesses(supervisorsOf(lab, host).flatMap((pid) => [-pid, pid]));
  await killLeftovers(lab, host);
}

/** The processes that keep a host running: the remembered one, and any whose pid file is gone. */
function supervisorsOf(lab: Lab, host: string): number[] {
  const remembered = readPidFile(pidFile(lab, host));
  const others = processesByScript([SUPERVISOR, hostFolder(lab, host)]);
  return [...new Set([...(remembered === undefined ? [] : [remembered]), ...others])];
}

/**
 * Ends all that runs in a host's network namespace or control groups, which is the host and nothing else, and both. A
 * host that has just begun to boot starts processes while others are ended, so it looks again until there are none.
 */
async function killLeftovers(lab: Lab, host: string): Promise<void> {
  const namespace = lab.namespace(`h-${host}`);
  await until(
    `the end of all processes of ${host}`,
    60_000,
    async () => {
      const pids = [...new Set([...(await processesIn(namespace)), ...processesInCgroups(namespace)])];
      await killProcesses(pids);
      return pids.length === 0;
    },
    10,
  );
  await deleteNamespace(namespace);
  await removeCgroups(namespace);
}

/** Removes a host: its processes and everything it has written. */
export async function removeHost(lab: Lab, host: string): Promise<void> {
  await killHost(lab, host);
  rmSync(hostFolder(lab, host), { recursive: true, force: true });
}

/**
 * Removes the whole lab but its caches: cloud, hosts, namespaces, control groups, mounts, keys, state. No step that
 * fails keeps another from being done. The files of a host that cannot be ended stay: the next `down` finds it by them.
 *
 * @throws AggregateError that names everything that is left; a step that failed and left nothing is no error
 */
export async function removeLab(lab: Lab): Promise<void> {
  const failures: Error[] = [];
  const step = (work: Promise<unknown>) => work.catch((error: unknown) => failures.push(error as Error));
  await step(stopCloud(lab));
  // Pulumi and a cloud whose pid file is gone go before the hosts: either could start one again.
  await step(killProcesses(processesByEnvironment("PULUMI_HOME", pulumiHome(lab))));
  await step(processesIn(lab.namespace("operator")).then(killProcesses));
  await Promise.all(everyHostOf(lab).map((host) => step(killHost(lab, host))));
  await step(dropNetwork(lab));
  await step(unmountBelow(lab.directory));
  if (everyHostOf(lab).every((host) => processesOf(lab, host).length === 0))
    await step(rm(lab.directory, { recursive: true, force: true }));
  const left = remainsOf(lab);
  if (left.length === 0) return;
  const causes = failures.map(({ message }) => message);
  throw new AggregateError(
    failures,
    `the lab is not all gone. Left: ${left.join(", ")}. ${causes.join("; ")}`.trim(),
  );
}

/** The hosts that have left any trace, also where their files or their namespaces are gone. */
function everyHostOf(lab: Lab): string[] {
  const prefix = lab.namespace("h-");
  const named = [...namespacesOf(lab), ...controlGroups(prefix)].filter((name) => name.startsWith(prefix));
  const supervised = argumentsOfScript(SUPERVISOR, hostsFolder(lab));
  return [
    ...new Set([...hostsOf(lab), ...named.map((name) => name.slice(prefix.length)), ...supervised]),
  ].sort();
}

const processesOf = (lab: Lab, host: string) => [
  ...supervisorsOf(lab, host),
  ...processesInCgroups(lab.namespace(`h-${host}`)),
];

/** What is left of a lab, in words. */
function remainsOf(lab: Lab): string[] {
  const cloud = runningCloud(lab);
  const hosts = everyHostOf(lab).filter((host) => processesOf(lab, host).length > 0);
  return [
    ...(cloud === undefined ? [] : [`the cloud (process ${cloud})`]),
    ...hosts.map((host) => `${host} (processes ${processesOf(lab, host).join(" ")})`),
    ...namespacesOf(lab).map((name) => `network namespace ${name}`),
    ...controlGroups(lab.namespace("h-")).map((name) => `control group ${name}`),
    ...(existsSync(lab.directory) ? [lab.directory] : []),
  ];
}

/** Unmounts everything below a folder, such as a small disk that somebody gave the lab. */
async function unmountBelow(folder: string): Promise<void> {
  const mounted = readFileSync("/proc/self/mountinfo", "utf8")
    .split("\n")
    .map((line) => line.split(" ")[4] ?? "")
    .filter((place) => place === folder || place.startsWith(`${folder}/`));
  for (const place of mounted.reverse()) await run(["umount", "--lazy", place]);
}

/** What `ps` shows of a host. */
export interface HostStatus {
  host: string;
  running: boolean;
  /** Memory of all its processes in megabytes, shared pages counted once (PSS). */
  megabytes: number;
  /** When its system was booted. */
  since?: Date;
}

export async function statusOf(lab: Lab, host: string): Promise<HostStatus> {
  const namespace = lab.namespace(`h-${host}`);
  const running = isRunning(lab, host);
  if (!running) return { host, running, megabytes: 0 };
  const pids = await processesIn(namespace);
  const init = initOf(lab, host);
  const since = init === undefined ? undefined : startedAt(init);
  return { host, running, megabytes: memoryOf(pids) / 1024, ...(since ? { since } : {}) };
}

/** Kilobytes that processes take, shared pages counted once (PSS). */
export function memoryOf(pids: readonly number[]): number {
  const kilobytes = pids.map((pid) => {
    try {
      return Number(/^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, "utf8"))?.[1] ?? 0);
    } catch {
      return 0; // It ended meanwhile.
    }
  });
  return kilobytes.reduce((sum, each) => sum + each, 0);
}
