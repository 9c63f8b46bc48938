import { VxlanOverlay } from "../components/index.ts";
import type { VxlanHostArgs } from "../components/index.ts";
import { loadSettings } from "./load.ts";

/** The program of every stack: an environment is its config file and nothing else. */

const { environment, privateKey, privateKeyPassphrase, hostKeys } = loadSettings();

const hosts = Object.fromEntries(
  Object.entries(environment.hosts).map(([name, { existing, ...host }]): [string, VxlanHostArgs] => [
    name,
    {
      ...host,
      underlayAddress: existing.underlayAddress,
      ssh: {
        host: existing.sshAddress ?? existing.underlayAddress,
        port: existing.port ?? environment.ssh.port ?? 22,
        user: existing.user ?? environment.ssh.user ?? "opc",
        privateKey,
        ...(privateKeyPassphrase ? { privateKeyPassphrase } : {}),
        hostKey: hostKeys[name] ?? "",
      },
    },
  ]),
);

const overlay = new VxlanOverlay("overlay", { ...environment.overlay, hosts });

/** MAC of the VXLAN device on each host. */
export const macs = overlay.macs;
/** MTU of the VXLAN device in bytes. */
export const mtu = overlay.mtu;
/** What was last seen to pass between all hosts, and when. */
export const lastVerified = overlay.lastVerified;
