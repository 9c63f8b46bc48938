import type { TestStack } from "./testStack.ts";

/** Reads the state of a host as text, for a comparison with a later reading. */

const shell = (stack: TestStack, host: string, ...commands: string[]) => stack.on(host, commands.join("; "));

/**
 * Reads the VXLAN devices with their indexes and addresses, their FDB and permanent neighbour entries, and the iptables
 * rules. Link-local addresses are left out: the kernel adds them by itself and probes each for a second.
 */
export const kernelTables = (stack: TestStack, host: string) =>
  shell(
    stack,
    host,
    "ip -d -o link show type vxlan | sed 's/ qlen.*//'",
    "ip -o address show type vxlan scope global",
    "for d in $(ip -o link show type vxlan | awk -F': ' '{print $2}'); do bridge fdb show dev $d; ip neigh show dev $d nud permanent; done | sort",
    "iptables -S",
  );

/** Reads device vxlan0 without its index, so that a device that was created again with the same settings is equal. */
export const vxlan0State = (stack: TestStack, host: string) =>
  shell(
    stack,
    host,
    "{ ip -d -o link show vxlan0; ip -o address show vxlan0 scope global; } | sed 's/^[0-9]*: //' && " +
      "{ bridge fdb show dev vxlan0; ip neigh show dev vxlan0 nud permanent; } | sort",
  );

/** Reads the peer filter and the host's own firewall, of iptables or firewalld. */
export const firewallState = (stack: TestStack, host: string) =>
  shell(
    stack,
    host,
    "nft -s list table ip oci-vxlan",
    "iptables -S",
    "ip6tables -S",
    "if command -v firewall-cmd >/dev/null; then firewall-cmd --list-all; firewall-cmd --zone=trusted --list-all; fi",
  );

/** Lists everything that an installation could leave on a host: files, units, rules, links. */
export const installationTraces = (stack: TestStack, host: string) =>
  shell(
    stack,
    host,
    "find /etc /usr/local /var/lib /opt /root /home -xdev ! -path '/var/lib/systemd/*' ! -path '/var/lib/cloud/*' ! -path '/var/lib/NetworkManager/*' | sort",
    "systemctl list-unit-files --no-legend | awk '{print $1, $2}' | sort",
    "systemctl list-units --all --no-legend --plain | grep -i vxlan || true",
    "iptables -S; ip6tables -S; nft list tables",
    "if systemctl -q is-active firewalld; then firewall-cmd --list-all-zones; fi",
    "ip -o link show | awk -F'[:@]' '{print $2}'",
    "ls /run | grep -v motd.dynamic | sort",
  );

/** Lists the product's files on a host with the times at which they were last written. */
export const fileTimes = (stack: TestStack, host: string) =>
  shell(
    stack,
    host,
    "find /etc/oci-vxlan /var/lib/oci-vxlan /usr/local/lib/oci-vxlan /usr/local/sbin/oci-vxlan /etc/systemd/system -xdev -printf '%p %T@ %C@\\n' | sort",
  );

/** Reads something of several hosts at once. */
export async function readEach<Host extends string, State>(
  hosts: readonly Host[],
  readHost: (host: Host) => Promise<State>,
): Promise<Record<Host, State>> {
  const entries = await Promise.all(hosts.map(async (host) => [host, await readHost(host)] as const));
  return Object.fromEntries(entries) as Record<Host, State>;
}
