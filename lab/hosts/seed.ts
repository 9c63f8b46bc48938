import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { stringify } from "yaml";
import type { Lab } from "../lab.ts";
import { hostKey, loginKey, publicKey } from "./keys.ts";

/**
 * Writes what cloud-init reads at a host's first boot into its file system: the login key and the host's own
 * key. A real instance asks Oracle's metadata service for them; the NoCloud source reads files.
 */
export function writeSeed(lab: Lab, host: string, rootfs: string): void {
  const folder = join(rootfs, "var/lib/cloud/seed/nocloud");
  mkdirSync(folder, { recursive: true });
  const metaData = {
    "instance-id": `lab-${host}`,
    "local-hostname": host,
    "public-keys": [publicKey(loginKey(lab))],
  };
  const userData = {
    ssh_deletekeys: true,
    ssh_genkeytypes: [],
    ssh_keys: {
      ed25519_private: readFileSync(hostKey(lab, host), "utf8"),
      ed25519_public: publicKey(hostKey(lab, host)),
    },
  };
  writeFileSync(join(folder, "meta-data"), stringify(metaData), { mode: 0o600 });
  writeFileSync(join(folder, "user-data"), `#cloud-config\n${stringify(userData)}`, { mode: 0o600 });
}
