import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { stringify } from "yaml";
import { run } from "../../../lab/system/commands.ts";
import { buildGoTool, NEBULA } from "../goTools.ts";
import { addressIn } from "../network.ts";
import type { Network } from "../network.ts";

const PORT = 4242;
const mtu = (nic: number) => nic - 100;

export const nebula: Network = {
  name: `nebula ${NEBULA.version.slice(1)} (encrypts)`,
  isUserspacePeer: true,
  start: async (lab) => {
    const programs = await buildGoTool(NEBULA, lab.lab.cache);
    const folder = lab.folder("nebula");
    const file = (name: string) => join(folder, name);
    const cert = join(programs, "nebula-cert");
    const authority = (crt: string, key: string) => [crt, file("ca.crt"), key, file("ca.key")];
    await run([cert, "ca", "-name", "bench", ...authority("-out-crt", "-out-key")]);
    const places = lab.hosts.map(
      ({ underlay }, index) => [addressIn(3, index), [`${underlay}:${PORT}`]] as const,
    );
    for (const [index, { name, underlay }] of lab.hosts.entries()) {
      const [crt, key] = [file(`${name}.crt`), file(`${name}.key`)];
      const own = ["-name", name, "-networks", `${addressIn(3, index)}/24`, "-out-crt", crt, "-out-key", key];
      await run([cert, "sign", ...authority("-ca-crt", "-ca-key"), ...own]);
      const any = [{ port: "any", proto: "any", host: "any" }];
      const config = {
        pki: { ca: file("ca.crt"), cert: crt, key },
        static_host_map: Object.fromEntries(places.filter((_, peer) => peer !== index)),
        lighthouse: { am_lighthouse: false, hosts: [] },
        listen: { host: underlay, port: PORT },
        tun: { dev: "bench-nebula", mtu: mtu(lab.mtu) },
        firewall: { outbound: any, inbound: any },
      };
      writeFileSync(file(`${name}.yml`), stringify(config), { mode: 0o600 });
      lab.start(name, [join(programs, "nebula"), "-config", file(`${name}.yml`)]);
    }
  },
  address: (_lab, index) => addressIn(3, index),
  mtu,
};
