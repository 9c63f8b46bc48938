/** The router's rules, as nft reads them, that drop every packet from and to these interfaces. */
export const partitionRules = (ports: readonly string[]): string => `
table inet ocivx_partition
delete table inet ocivx_partition
table inet ocivx_partition {
  set partitioned {
    type ifname
    ${ports.length > 0 ? `elements = { ${ports.map((port) => `"${port}"`).join(", ")} }` : ""}
  }
  chain from_host {
    type filter hook prerouting priority -500; policy accept;
    iifname @partitioned drop
  }
  chain to_host {
    type filter hook forward priority -500; policy accept;
    oifname @partitioned drop
  }
}
`;
