import { copyFileSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { run } from "../../../lab/system/commands.ts";
import type { FleetHost } from "../../fleet.ts";
import { addressIn } from "../network.ts";
import type { Network } from "../network.ts";
import type { TrafficLab } from "../trafficLab.ts";

/** Debian's build carries Ethernet frames of 1,518 bytes at most. */
const mtu = (nic: number) => Math.min(nic - 100, 1_400);

/** Writes a host's config and key pair; its public key lands in its own file below hosts/. */
async function configure(lab: TrafficLab, { name, underlay }: FleetHost, index: number): Promise<void> {
  const folder = lab.folder("tinc", name);
  mkdirSync(join(folder, "hosts"), { mode: 0o700 });
  const connections = lab.hosts.slice(0, index).map((peer) => `ConnectTo = ${peer.name}`);
  const settings = [`Name = ${name}`, "Interface = bench-tinc", "AddressFamily = ipv4", ...connections];
  writeFileSync(join(folder, "tinc.conf"), `${settings.join("\n")}\n`);
  const address = addressIn(4, index);
  writeFileSync(
    join(folder, "tinc-up"),
    `#!/bin/sh\nip address add ${address}/24 dev "$INTERFACE"\nip link set dev "$INTERFACE" mtu ${mtu(lab.mtu)} up\n`,
    { mode: 0o700 },
  );
  writeFileSync(join(folder, "hosts", name), `Address = ${underlay}\nSubnet = ${address}/32\n`);
  await run(["tincd", "--config", folder, "--generate-keys=2048"]);
}

export const tinc: Network = {
  name: "tinc 1.0.36 (encrypts)",
  isUserspacePeer: true,
  start: async (lab) => {
    for (const [index, host] of lab.hosts.entries()) await configure(lab, host, index);
    for (const { name } of lab.hosts) {
      const folder = lab.folder("tinc", name);
      for (const peer of lab.hosts.filter((each) => each.name !== name))
        copyFileSync(
          join(lab.folder("tinc", peer.name), "hosts", peer.name),
          join(folder, "hosts", peer.name),
        );
      lab.start(name, ["tincd", "--config", folder, "--no-detach", `--pidfile=${join(folder, "pid")}`]);
    }
  },
  address: (_lab, index) => addressIn(4, index),
  mtu,
};
