import { join } from "node:path";
import { run } from "../../../lab/system/commands.ts";
import type { FleetHost } from "../../fleet.ts";
import { addressIn } from "../network.ts";
import type { Network } from "../network.ts";

const mtu = (nic: number) => nic - 100;

interface Identity {
  certificate: string;
  key: string;
  fingerprint: string;
}

async function createIdentity(folder: string, { name }: FleetHost): Promise<Identity> {
  const [certificate, key] = [join(folder, `${name}.crt`), join(folder, `${name}.key`)];
  const curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"];
  await run([
    ...["openssl", "req", "-x509", "-nodes", "-days", "30", "-subj", `/CN=${name}`, ...curve],
    ...["-keyout", key, "-out", certificate],
  ]);
  const text = await run(["openssl", "x509", "-in", certificate, "-noout", "-fingerprint", "-sha256"]);
  return { certificate, key, fingerprint: text.trim().replace(/^.*=/, "") };
}

/** OpenVPN between two hosts, by TLS with pinned certificates: it has no mesh, so each pair has a tunnel of its own. */
export const openvpn: Network = {
  name: "OpenVPN 2.6 (encrypts)",
  isUserspacePeer: true,
  start: async (lab) => {
    const folder = lab.folder("openvpn");
    const identities: Identity[] = [];
    for (const host of lab.hosts) identities.push(await createIdentity(folder, host));
    for (const [index, { name, underlay }] of lab.hosts.entries()) {
      const other = index ^ 1;
      const [own, peer] = [identities[index], identities[other]];
      const remote = lab.hosts[other]?.underlay;
      if (!own || !peer || !remote) continue;
      lab.start(name, [
        ...["openvpn", "--dev", "bench-openvpn", "--dev-type", "tun", "--proto", "udp", "--port", "1194"],
        ...["--local", underlay, "--remote", remote, "--ifconfig", addressIn(5, index), addressIn(5, other)],
        ...[index < other ? "--tls-server" : "--tls-client", ...(index < other ? ["--dh", "none"] : [])],
        ...["--cert", own.certificate, "--key", own.key, "--peer-fingerprint", peer.fingerprint],
        ...["--tun-mtu", `${mtu(lab.mtu)}`, "--data-ciphers", "AES-256-GCM"],
      ]);
    }
  },
  address: (_lab, index) => addressIn(5, index),
  mtu,
};
