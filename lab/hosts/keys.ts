import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { run } from "../system/commands.ts";
import type { Lab } from "../system/lab.ts";

/** The lab's SSH keys, created once: one for the login user, one for each host. Only root can read their folder. */

export const keysFolder = (lab: Lab) => join(lab.directory, "keys");

/** The private key that logs in to every host. */
export const loginKey = (lab: Lab) => join(keysFolder(lab), "opc_ed25519");

/** An existing host's private key; the public key is in `.pub` beside it. Instances have keys of their own. */
export const hostKey = (lab: Lab, host: string) => join(keysFolder(lab), `${host}_host_ed25519`);

/** The known_hosts file of existing hosts. */
export const knownHosts = (lab: Lab) => join(keysFolder(lab), "known_hosts");

/** The known_hosts file of instances. */
export const knownInstances = (lab: Lab) => join(keysFolder(lab), "known_instances");

/** Creates the login key if it is missing. */
export const makeLoginKey = (lab: Lab) => makeKeys([loginKey(lab)]);

/** Creates the login key and hosts' keys where they are missing. */
export const makeHostKeys = (lab: Lab, hosts: readonly string[]) =>
  makeKeys([loginKey(lab), ...hosts.map((host) => hostKey(lab, host))]);

export async function makeKeys(keys: readonly string[]): Promise<void> {
  const missingKeys = keys.filter((key) => !existsSync(`${key}.pub`));
  await Promise.all(
    missingKeys.map((key) => {
      rmSync(key, { force: true });
      return run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "oci-vxlan lab", "-f", key]);
    }),
  );
}

/** Writes the known_hosts file of existing hosts, whose addresses are given by name. */
export function pinHostKeys(lab: Lab, addresses: Readonly<Record<string, string>>): void {
  const pins = Object.entries(addresses).map(
    ([host, address]) => `${address} ${publicKey(hostKey(lab, host))}`,
  );
  writePins(knownHosts(lab), pins);
}

/** Writes a known_hosts file. Each pin is an address and a public key. */
export function writePins(file: string, pins: readonly string[]): void {
  writeFileSync(file, pins.map((pin) => `${pin}\n`).join(""), { mode: 0o600 });
}

export function publicKey(key: string): string {
  return readFileSync(`${key}.pub`, "utf8").trim();
}
