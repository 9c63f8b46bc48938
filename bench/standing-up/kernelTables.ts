import type { Lab } from "../../lab/system/lab.ts";
import { DEVICE } from "../fleet.ts";
import type { FleetHost } from "../fleet.ts";
import { onEach, runAsRoot } from "./benchLab.ts";

/** What every contender must leave in the kernels of all hosts. */

/** Device, addresses, FDB and neighbour entries, whom the peer filter admits, and whether iptables lets the rest in. */
const READ = `
ip -d -o link show dev ${DEVICE} | sed -E 's/^[0-9]+: //; s/ qlen [0-9]+//'
ip -o address show dev ${DEVICE} scope global | sed -E 's/^[0-9]+: //; s/ valid_lft.*//'
{ bridge fdb show dev ${DEVICE}; ip neigh show dev ${DEVICE} nud permanent; } | sort
nft -s list ruleset ip | tr '\\n' ' ' | grep -o 'elements = {[^}]*}' | tr -d ' \\t' | sed 's/^elements=//'
ping -c 1 -W 1 PEER >/dev/null && echo 'ICMP passes'
timeout 2 bash -c 'read -r banner </dev/tcp/PEER/22; echo "TCP passes, \${banner%%-*}"'
`;

/** Reads the tables of a fleet as lines, a name in place of each MAC, since every contender draws its own. */
export async function kernelTables(lab: Lab, hosts: readonly FleetHost[]): Promise<string[]> {
  const macs = await onEach(hosts, ({ name }) =>
    runAsRoot(lab, name, `cat /sys/class/net/${DEVICE}/address`),
  );
  const texts = await onEach(hosts, (host) => {
    const peer = hosts[(hosts.indexOf(host) + 1) % hosts.length] as FleetHost;
    return runAsRoot(lab, host.name, READ.replaceAll("PEER", peer.overlay));
  });
  return hosts.flatMap(({ name }, index) =>
    normalize(texts[index] ?? "", hosts, macs).map((line) => `${name}: ${line}`),
  );
}

/** Puts names in place of MACs, and sorts: the order of entries says nothing. */
export function normalize(text: string, hosts: readonly FleetHost[], macs: readonly string[]): string[] {
  let named = text;
  for (const [index, { name }] of hosts.entries())
    named = named.replaceAll(macs[index] ?? "", `(MAC of ${name})`);
  const lines = named.split("\n").map((line) => (line.startsWith("{") ? sortElements(line) : line.trim()));
  return lines.filter((line) => line !== "").sort();
}

const sortElements = (set: string) => `admits ${set.slice(1, -1).split(",").sort().join(" ")}`;

/** @throws Error that names the first line that differs */
export function refuseDifference(expected: readonly string[], actual: readonly string[]): void {
  const missing = expected.find((line) => !actual.includes(line));
  const excess = actual.find((line) => !expected.includes(line));
  if (missing === undefined && excess === undefined) return;
  throw new Error(
    `kernel tables differ: ${missing ?? "nothing"} is missing, ${excess ?? "nothing"} is in excess`,
  );
}

/** @throws Error that names a host where the device is left */
export async function refuseLeftovers(lab: Lab, hosts: readonly FleetHost[]): Promise<void> {
  await onEach(hosts, async ({ name }) => {
    const left = await runAsRoot(
      lab,
      name,
      `ip -o link show type vxlan; nft list tables | grep vxlan || true`,
    );
    if (left !== "") throw new Error(`${name} still has ${left.split("\n")[0]}`);
  });
}
