import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { stringify } from "yaml";
import type { Lab } from "../system/lab.ts";
import { hostKey, loginKey, publicKey } from "./keys.ts";

/** The data that cloud-init reads at a host's first boot. */
export interface Seed {
  instanceId: string;
  hostname: string;
  /** Keys that may log in as the image's default user. */
  authorizedKeys: readonly string[];
  /** In any form that cloud-init reads: for example a `#cloud-config`, a script, or a compressed archive of both. */
  userData: string | Buffer;
}

/** The seed of an existing host: the lab's login key, and the host key that the lab keeps for this host. */
export function labSeed(lab: Lab, host: string): Seed {
  const userData = {
    ssh_deletekeys: true,
    ssh_keys: {
      ed25519_private: readFileSync(hostKey(lab, host), "utf8"),
      ed25519_public: publicKey(hostKey(lab, host)),
    },
  };
  return {
    instanceId: `lab-${host}`,
    hostname: host,
    authorizedKeys: [publicKey(loginKey(lab))],
    userData: `#cloud-config\n${stringify(userData)}`,
  };
}

/**
 * Writes a seed into a host's file system, for cloud-init's data source NoCloud. A real instance gets it from Oracle's
 * metadata service.
 */
export function writeSeed({ instanceId, hostname, authorizedKeys, userData }: Seed, rootfs: string): void {
  const folder = join(rootfs, "var/lib/cloud/seed/nocloud");
  mkdirSync(folder, { recursive: true });
  const metaData = { "instance-id": instanceId, "local-hostname": hostname, "public-keys": authorizedKeys };
  writeFileSync(join(folder, "meta-data"), stringify(metaData), { mode: 0o600 });
  writeFileSync(join(folder, "user-data"), userData, { mode: 0o600 });
}
