import { isIPv6 } from "node:net";
import { execa } from "execa";
import { runInHost, nsenterArgs } from "../hosts/exec.ts";
import type { Lab } from "../system/lab.ts";

/** A host's end of an overlay, as its kernel has it. */
export interface Vtep {
  host: string;
  device: string;
  mac: string;
  underlay: string;
  overlay: string;
  mtu: number;
}

/** What was measured from one host to another over the overlay. */
export interface Proof {
  from: string;
  to: string;
  /** Bytes of ICMP payload that came back unfragmented. */
  icmp: number;
  /** Bytes that arrived by TCP with the right checksum, and the milliseconds they took. */
  tcp: number;
  milliseconds: number;
  /** Why it does not pass; undefined when it does. */
  failure?: string;
}

const TRANSFER = 1 << 20;

interface Link {
  ifname: string;
  address: string;
  mtu: number;
  linkinfo: { info_data: { local?: string } };
}

/** A host's VTEPs: one for each address family of each of its overlay devices. */
export async function vtepsOf(lab: Lab, host: string): Promise<Vtep[]> {
  const links = JSON.parse(
    await runInHost(lab, host, ["ip", "-d", "-j", "link", "show", "type", "vxlan"]),
  ) as Link[];
  const vteps = links.map(async ({ ifname, address, mtu, linkinfo }): Promise<Vtep[]> => {
    const shown = await runInHost(lab, host, [
      "ip",
      "-o",
      "address",
      "show",
      "dev",
      ifname,
      "scope",
      "global",
    ]);
    const first = [/ inet ([0-9.]+)/, / inet6 ([0-9a-f:]+)/].flatMap(
      (pattern) => pattern.exec(shown)?.[1] ?? [],
    );
    const underlay = linkinfo.info_data.local ?? "";
    return first.map((overlay) => ({ host, device: ifname, mac: address, underlay, overlay, mtu }));
  });
  return (await Promise.all(vteps)).flat();
}

/**
 * Proves that traffic passes from one host to another: an ICMP payload as large as the MTU allows, which may
 * not be fragmented, and a TCP transfer of 1 MiB to a port that nothing but the overlay's own rule opens.
 */
export async function prove(lab: Lab, from: Vtep, to: Vtep): Promise<Proof> {
  const proof = { from: from.host, to: to.host, icmp: 0, tcp: 0, milliseconds: 0 };
  const payload = from.mtu - (isIPv6(to.overlay) ? 48 : 28); // IP and ICMP headers
  // As `up` probes: sent again meanwhile, since an underlay may lose one packet.
  const ping = [
    "ping",
    "-n",
    "-c",
    "1",
    "-w",
    "3",
    "-i",
    "0.5",
    "-M",
    "do",
    "-s",
    String(payload),
    to.overlay,
  ];
  try {
    await runInHost(lab, from.host, ping);
  } catch (error) {
    return { ...proof, failure: `no ICMP echo of ${payload} bytes from ${to.overlay}: ${saidIn(error)}` };
  }
  const started = performance.now();
  try {
    await transfer(lab, from, to);
  } catch (error) {
    return { ...proof, icmp: payload, failure: `TCP to ${to.overlay}: ${(error as Error).message}` };
  }
  return { ...proof, icmp: payload, tcp: TRANSFER, milliseconds: performance.now() - started };
}

/** Everything that was found and measured of some hosts' overlays. */
export interface MeshProof {
  vteps: Vtep[];
  proofs: Proof[];
}

/**
 * Proves every ordered pair of hosts, one after the other: side by side they would share the machine and the
 * blame. A host that does not run, or has no end of an overlay that another has, fails in each of its pairs.
 */
export async function proveAll(lab: Lab, hosts: readonly string[]): Promise<MeshProof> {
  const vteps = (await Promise.all(hosts.map((host) => vtepsOf(lab, host).catch(() => [])))).flat();
  const networks = new Set(vteps.map(networkOf));
  if (networks.size === 0) networks.add("overlay");
  const proofs: Proof[] = [];
  for (const network of networks) {
    const end = (host: string) => vteps.find((vtep) => vtep.host === host && networkOf(vtep) === network);
    for (const [from, to] of hosts.flatMap((a) => hosts.filter((b) => b !== a).map((b) => [a, b] as const))) {
      const [source, target] = [end(from), end(to)];
      const missing = source ? to : from;
      proofs.push(
        source && target
          ? await prove(lab, source, target)
          : { from, to, icmp: 0, tcp: 0, milliseconds: 0, failure: `${missing} has no ${network} device` },
      );
    }
  }
  return { vteps, proofs };
}

/** What two VTEPs have in common that can reach each other. */
const networkOf = ({ device, overlay }: Vtep) => `${device} ${isIPv6(overlay) ? "IPv6" : "IPv4"}`;

const RECEIVE = `
import hashlib, socket, sys
family = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
server = socket.create_server((sys.argv[1], 0), family=family)
server.settimeout(5)
print(server.getsockname()[1], flush=True)
peer, _ = server.accept()
peer.settimeout(5)
digest, size = hashlib.sha256(), 0
while chunk := peer.recv(65536):
    digest.update(chunk)
    size += len(chunk)
print(size, digest.hexdigest())
`;

const SEND = `
import hashlib, os, socket, sys
data = os.urandom(int(sys.argv[3]))
with socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=4) as peer:
    peer.settimeout(5)
    peer.sendall(data)
print(len(data), hashlib.sha256(data).hexdigest())
`;

/** Sends random bytes and compares what was sent with what arrived. */
async function transfer(lab: Lab, from: Vtep, to: Vtep): Promise<void> {
  const receiver = execa("nsenter", [...nsenterArgs(lab, to.host), "python3", "-c", RECEIVE, to.overlay], {
    timeout: 12_000,
    reject: false,
  });
  try {
    const port = await new Promise<string>((resolve, reject) => {
      receiver.stdout.once("data", (text: Buffer) => resolve(text.toString().trim()));
      receiver.stdout.once("end", () => reject(new Error(`${to.host} cannot listen on ${to.overlay}`)));
    });
    const sent = await runInHost(lab, from.host, ["python3", "-c", SEND, to.overlay, port, String(TRANSFER)]);
    const received = (await receiver).stdout.split("\n").at(-1);
    if (received !== sent) throw new Error(`sent ${sent}, received ${received}`);
  } catch (error) {
    receiver.kill("SIGKILL");
    throw new Error(saidIn(error), { cause: error });
  }
}

/** The last that a failed command said. */
const saidIn = (error: unknown) => (error as Error).message.trim().split("\n").at(-1);

/** The table that `up` ends with. */
export function proofTable({ vteps, proofs }: MeshProof): string {
  const hosts = vteps.map((v) => [v.host, v.underlay, `${v.overlay} (${v.device}, MTU ${v.mtu})`, v.mac]);
  const pairs = proofs.map((p) => [
    `${p.from} -> ${p.to}`,
    p.failure === undefined ? "passes" : "FAILS",
    p.failure ??
      `ICMP ${p.icmp} bytes unfragmented, TCP ${p.tcp / 1024} KiB in ${p.milliseconds.toFixed(0)} ms, checksums equal`,
  ]);
  return `${columns([["host", "underlay", "overlay", "MAC"], ...hosts])}\n\n${columns(pairs)}`;
}

/** Rows as text, each column as wide as its widest cell. */
export function columns(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}
