import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { run } from "../commands.ts";
import type { Lab } from "../lab.ts";

/** The lab's SSH keys, made once: one for the login user, one for each host. All below a root-only directory. */

/** The folder that all of them are in. */
export const keysFolder = (lab: Lab) => join(lab.directory, "keys");

/** The private key that logs in to every host. */
export const loginKey = (lab: Lab) => join(keysFolder(lab), "opc_ed25519");

/** A host's private key; its public half is in `.pub` beside it. */
export const hostKey = (lab: Lab, host: string) => join(keysFolder(lab), `${host}_host_ed25519`);

export const knownHosts = (lab: Lab) => join(keysFolder(lab), "known_hosts");

/** Makes the keys that are missing, and the file that pins the hosts' keys to their addresses. */
export async function makeKeys(lab: Lab, addresses: Readonly<Record<string, string>>): Promise<void> {
  const missing = [loginKey(lab), ...Object.keys(addresses).map((host) => hostKey(lab, host))].filter(
    (key) => !existsSync(`${key}.pub`),
  );
  await Promise.all(
    missing.map((key) => {
      rmSync(key, { force: true });
      return run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "oci-vxlan lab", "-f", key]);
    }),
  );
  const pinned = Object.entries(addresses).map(
    ([host, address]) => `${address} ${publicKey(hostKey(lab, host))}`,
  );
  writeFileSync(knownHosts(lab), `${pinned.join("\n")}\n`, { mode: 0o600 });
}

export function publicKey(key: string): string {
  return readFileSync(`${key}.pub`, "utf8").trim();
}
