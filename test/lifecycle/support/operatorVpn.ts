import type { Inventory } from "../../../lab/hosts/inventory.ts";
import { withoutPrefix } from "../../../lab/hosts/inventory.ts";
import { inNetwork } from "../../../lab/network/network.ts";
import type { TestStack } from "./testStack.ts";

/**
 * The operator's way to private hosts: a tunnel to a machine beside the VCN that translates the operator's packets to
 * its own address, as the end of a VPN in a cloud does. The machine is no host of the stack.
 */

const ADDRESS = "10.196.217.2/30";
const OPERATOR = "198.51.100.10";

export const VPN_HOST: Inventory = {
  vpn: { address: ADDRESS, mac: "02:00:17:00:01:01", nic: "ens3" },
};

/** Where the operator comes from, as private hosts see it. */
export const VPN_CIDR = `${withoutPrefix(ADDRESS)}/32`;

/** Routes a network of private hosts into the tunnel. */
export async function connectVpn(stack: TestStack, network: string): Promise<void> {
  const tunnel = (remote: string, nic: string, address: string) =>
    `ip link add vpn type vxlan id 7 dstport 4799 remote ${remote} dev ${nic}; ` +
    `ip address add ${address}/30 dev vpn; ip link set vpn mtu 1400 up`;
  await stack.on(
    "vpn",
    `${tunnel(OPERATOR, "ens3", "172.31.0.2")}; sysctl -q net.ipv4.ip_forward=1; ` +
      "iptables -I INPUT -p udp --dport 4799 -j ACCEPT; iptables -I FORWARD -j ACCEPT; " +
      "iptables -t nat -A POSTROUTING -s 172.31.0.1 -o ens3 -j MASQUERADE",
  );
  await inNetwork(
    stack.lab.namespace("operator"),
    `${tunnel(withoutPrefix(ADDRESS), "eth0", "172.31.0.1")}; ip route add ${network} via 172.31.0.2`,
  );
}
