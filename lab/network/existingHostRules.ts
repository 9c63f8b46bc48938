import type { Vnic } from "./vnic.ts";

/**
 * The router's rules as nft reads them. Oracle's network forwards unicast and nothing else: multicast,
 * broadcast and GRE are dropped between VNICs, and a VNIC may send from its own address alone. The counters
 * are there to be looked at.
 */
export function existingHostRules(vnics: readonly Vnic[]): string {
  const own = vnics.map(({ port, address }) => `"${port}" . ${address}`);
  return `
table inet ocivx
delete table inet ocivx
table inet ocivx {
  counter spoofed { }
  counter multicast { }
  counter gre { }
  set own {
    type ifname . ipv4_addr
    ${own.length > 0 ? `elements = { ${own.join(", ")} }` : ""}
  }
  chain from_vnic {
    iifname . ip saddr != @own counter name spoofed drop
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
