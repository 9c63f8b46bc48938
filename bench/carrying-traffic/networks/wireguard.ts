import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { run, until } from "../../../lab/system/commands.ts";
import { buildGoTool, WIREGUARD_GO } from "../goTools.ts";
import { addressIn } from "../network.ts";
import type { Network } from "../network.ts";

const PORT = "51820";
/** A name of its own for each host: the control sockets of all of them are in one folder. */
const deviceOf = (index: number) => `bench-wg${index + 1}`;
const mtu = (nic: number) => nic - 80;

/** WireGuard in userspace, as where the kernel has none. */
export const wireguardGo: Network = {
  name: "wireguard-go 2026-05-22 (encrypts)",
  isUserspacePeer: true,
  start: async (lab) => {
    const program = join(await buildGoTool(WIREGUARD_GO, lab.lab.cache), "wireguard");
    const folder = lab.folder("wireguard");
    const keys: string[] = [];
    for (const { name } of lab.hosts) {
      const key = await run(["wg", "genkey"]);
      writeFileSync(join(folder, name), key, { mode: 0o600 });
      keys.push(await run(["wg", "pubkey"], { input: key }));
    }
    for (const [index, { name }] of lab.hosts.entries()) {
      const device = deviceOf(index);
      lab.start(name, [program, "--foreground", device]);
      await until(`${device} on ${name}`, 10_000, () =>
        lab.runIn(name, ["wg", "show", device]).then(
          () => true,
          () => false,
        ),
      );
      const peers = lab.hosts.flatMap(({ underlay }, peer) =>
        peer === index
          ? []
          : [
              "peer",
              keys[peer] ?? "",
              "allowed-ips",
              `${addressIn(2, peer)}/32`,
              "endpoint",
              `${underlay}:${PORT}`,
            ],
      );
      await lab.runIn(name, [
        ...["wg", "set", device, "listen-port", PORT, "private-key", join(folder, name)],
        ...peers,
      ]);
      await lab.runIn(name, ["ip", "address", "add", `${addressIn(2, index)}/24`, "dev", device]);
      await lab.runIn(name, ["ip", "link", "set", "dev", device, "mtu", `${mtu(lab.mtu)}`, "up"]);
    }
  },
  address: (_lab, index) => addressIn(2, index),
  mtu,
};
