import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { knownInstances, writePins } from "../hosts/keys.ts";
import type { Lab } from "../system/lab.ts";
import type { Instance, LifecycleState } from "./model/resources.ts";
import { loadState } from "./model/store.ts";
import { stateFile } from "./daemonFiles.ts";

/** An instance as the lab's commands show it. */
export interface InstanceView {
  id: string;
  /** The name of the lab's host behind it. */
  host: string;
  state: LifecycleState;
  privateIp: string;
  publicIp?: string;
}

/** The instances in the cloud's saved state, by the names of their hosts. The cloud need not run. */
export function instancesOf(lab: Lab): InstanceView[] {
  const { instances, machines, vnicAttachments, vnics } = loadState(stateFile(lab));
  const views = Object.entries(machines).flatMap(([id, { host }]) => {
    const instance = instances[id];
    const attachment = Object.values(vnicAttachments).find(({ instanceId }) => instanceId === id);
    const vnic = vnics[attachment?.vnicId ?? ""];
    if (instance === undefined || vnic === undefined) return [];
    const { privateIp, publicIp } = vnic;
    return [{ id, host, state: instance.lifecycleState, privateIp, publicIp }];
  });
  return views.sort((a, b) => a.host.localeCompare(b.host));
}

/** Writes a known_hosts file: the instances' host keys by the addresses where the operator reaches them. */
export function pinInstances(lab: Lab): void {
  const { instances } = loadState(stateFile(lab));
  const pins = instancesOf(lab).flatMap(({ id, host, privateIp, publicIp }) => {
    const instance = instances[id];
    const key = instance && (issuedKey(instance) ?? ownKey(lab, host));
    return key === undefined ? [] : [`${publicIp ?? privateIp} ${key}`];
  });
  writePins(knownInstances(lab), pins);
}

/** The host key in an instance's user data, which the stack issues. */
function issuedKey({ metadata }: Instance): string | undefined {
  const userData = Buffer.from(metadata["user_data"] ?? "", "base64").toString("utf8");
  if (!userData.startsWith("#cloud-config")) return undefined;
  try {
    const { ssh_keys: keys } = parse(userData) as { ssh_keys?: Record<string, string> };
    return (keys?.["ed25519_public"] ?? keys?.["ecdsa_public"])?.trim();
  } catch {
    return undefined; // Not YAML. cloud-init reports that on the host.
  }
}

/** The host key that an instance generated, read from its disk. */
function ownKey(lab: Lab, host: string): string | undefined {
  const file = join(lab.directory, "hosts", host, "written/etc/ssh/ssh_host_ed25519_key.pub");
  return existsSync(file) ? readFileSync(file, "utf8").trim() : undefined;
}
