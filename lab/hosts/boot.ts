import { createHash } from "node:crypto";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { cidrOf, gatewayOf } from "../network/cidr.ts";
import { existingHostRules } from "../network/existingHostRules.ts";
import { createNetwork, INSIDE_MTU, loadRules } from "../network/network.ts";
import { portOf } from "../network/vnic.ts";
import type { Lab } from "../system/lab.ts";
import { silentProgress } from "../system/progress.ts";
import type { Progress } from "../system/progress.ts";
import { hostFolder, listHosts } from "./folders.ts";
import { DEFAULT_IMAGE, hostImage } from "./images.ts";
import { withoutPrefix } from "./inventory.ts";
import type { HostSpec, Inventory } from "./inventory.ts";
import { makeHostKeys, pinHostKeys } from "./keys.ts";
import { killHost, killProcessesOf } from "./power.ts";
import { labSeed, writeSeed } from "./seed.ts";
import { waitForSsh } from "./sshProbe.ts";
import { isRunning, startSupervisor } from "./supervisor.ts";

/**
 * Starts the network and every host of an inventory that does not run, and waits until all of them answer on their
 * SSH port. Changes nothing if everything runs.
 */
export async function startHosts(lab: Lab, inventory: Inventory, progress: Progress): Promise<void> {
  const hosts = Object.entries(inventory);
  for (const [, { image, release }] of hosts) await hostImage(lab, image ?? DEFAULT_IMAGE, progress, release);
  await makeHostKeys(
    lab,
    hosts.map(([host]) => host),
  );
  const addresses = hosts.map(([host, { address }]) => [host, withoutPrefix(address)] as const);
  pinHostKeys(lab, Object.fromEntries(addresses));
  await startNetwork(lab);
  const vnics = addresses.map(([host, address]) => ({ port: portOf(host), address }));
  await loadRules(lab, existingHostRules(vnics));
  await Promise.all(hosts.map(([host, spec]) => startHost(lab, host, spec)));
  await Promise.all(addresses.map(([host, address]) => waitForSsh(lab, host, address)));
}

/** Creates the network if it is missing, and ends hosts of an earlier network, which have lost their VNICs with it. */
export async function startNetwork(lab: Lab): Promise<void> {
  if (!(await createNetwork(lab))) return;
  for (const host of listHosts(lab)) await killHost(lab, host);
}

/** Boots a host that does not run. The first boot reads the seed. */
export async function startHost(lab: Lab, host: string, spec: HostSpec): Promise<void> {
  if (isRunning(lab, host)) return;
  await killProcessesOf(lab, host);
  const image = await hostImage(lab, spec.image ?? DEFAULT_IMAGE, silentProgress, spec.release);
  const folder = hostFolder(lab, host);
  const isFirstBoot = !existsSync(join(folder, "machine"));
  mkdirSync(join(folder, "written"), { recursive: true, mode: 0o755 });
  if (isFirstBoot) writeSeed(spec.seed ?? labSeed(lab, host), join(folder, "written"));
  writeFileSync(join(folder, "machine"), machineSettings(lab, host, spec, image), { mode: 0o600 });
  startSupervisor(lab, host);
}

/** The settings that supervise.sh reads, as shell assignments. None of the values needs quoting, except a path. */
function machineSettings(lab: Lab, host: string, spec: HostSpec, image: string): string {
  const { address, mac, nic, isInstance, identity = `${lab.directory}/${host}`, bootDelay = 0 } = spec;
  const uuid = createHash("sha256").update(identity).digest("hex").slice(0, 32);
  return [
    `NAMESPACE=${lab.namespace(`h-${host}`)}`,
    `ROUTER=${lab.namespace("router")}`,
    `PORT=${portOf(host, isInstance)}`,
    `NIC=${nic}`,
    `MAC=${mac}`,
    `ADDRESS=${address}`,
    `GATEWAY=${gatewayOf(cidrOf(address))}`,
    `HOSTNAME=${host}`,
    `IMAGE='${image}'`,
    `MTU=${INSIDE_MTU}`,
    `UUID=${uuid}`,
    `DELAY=${bootDelay}`,
    "",
  ].join("\n");
}
