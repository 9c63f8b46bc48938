import type { Vnic } from "./vnic.ts";

/**
 * The router's rules for existing hosts, as nft reads them. As in Oracle's network, only unicast passes between VNICs:
 * multicast, broadcast and GRE are dropped, and so is a packet whose source is not its VNIC's own address. The counters
 * are for the tests, and for a person who looks for a packet.
 */
export function existingHostRules(vnics: readonly Vnic[]): string {
  const ownAddresses = vnics.map(({ port, address }) => `"${port}" . ${address}`);
  return `
table inet ocivx
delete table inet ocivx
table inet ocivx {
  counter spoofed { }
  counter multicast { }
  counter gre { }
  set own_addresses {
    type ifname . ipv4_addr
    ${ownAddresses.length > 0 ? `elements = { ${ownAddresses.join(", ")} }` : ""}
  }
  chain from_vnic {
    iifname . ip saddr != @own_addresses counter name spoofed drop
    ip daddr { 224.0.0.0/4, 255.255.255.255 } counter name multicast drop
    meta l4proto gre counter name gre drop
  }
  chain prerouting {
    type filter hook prerouting priority raw; policy accept;
    iifname "v*" meta nfproto ipv6 drop
    iifname "v*" ip version 4 jump from_vnic
  }
}
`;
}
