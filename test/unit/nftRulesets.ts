import { readFileSync } from "node:fs";

/** A ruleset of somebody else's on host02 (NIC ens3), and which packets of a ping from host01 it refuses there. */
export interface NftCase {
  name: string;
  /** As `nft` takes it. */
  ruleset: string;
  refusedTraffic: "both" | "vxlan" | "overlay" | "neither";
  /** Whether that depends on a condition that cannot be judged. */
  isUncertain?: boolean;
  /** The place of the base chain, where it is another than usual. */
  chain?: string;
}

const input = (rules: string, policy: "accept" | "drop" = "accept", chains = "") => `table inet mine {
  ${chains}
  chain input {
    type filter hook input priority 0; policy ${policy};
    ct state established accept
    tcp dport 22 accept
    ${rules}
  }
}`;

export const NFT_CASES: readonly NftCase[] = [
  { name: "by its policy", ruleset: input("", "drop"), refusedTraffic: "both" },
  { name: "by its last rule", ruleset: input("reject with icmpx admin-prohibited"), refusedTraffic: "both" },
  { name: "and counts", ruleset: input("counter drop"), refusedTraffic: "both" },
  {
    name: "and logs",
    ruleset: input('log prefix "x y" level info counter reject with icmpx port-unreachable'),
    refusedTraffic: "both",
  },
  {
    name: "and logs at a limited rate",
    ruleset: input('limit rate 5/minute log prefix "no"', "drop"),
    refusedTraffic: "both",
  },
  {
    name: "and counts by name",
    ruleset: input("counter name c drop", "accept", "counter c { }"),
    refusedTraffic: "both",
  },
  {
    name: "in a chain that it leads to",
    ruleset: input("goto rest", "accept", "chain rest { drop; }"),
    refusedTraffic: "both",
  },
  {
    name: "behind a chain that returns",
    ruleset: input("jump some; drop", "accept", 'chain some { iifname "lo" accept; return; accept; }'),
    refusedTraffic: "both",
  },
  {
    name: "ahead of what it would accept",
    ruleset: input('drop; udp dport 4789 accept; iifname "vxlan0" accept'),
    refusedTraffic: "both",
  },
  {
    name: "but for a part of what comes out of the overlay",
    ruleset: input('iifname "vxlan0" tcp dport 22 accept', "drop"),
    refusedTraffic: "both",
  },
  { name: "all of UDP", ruleset: input("meta l4proto udp drop"), refusedTraffic: "vxlan" },
  { name: "all of UDP, by the IPv4 header", ruleset: input("ip protocol udp drop"), refusedTraffic: "vxlan" },
  {
    name: "all but UDP, and VXLAN at all interfaces but one",
    ruleset: input('iifname "vxlan0" meta l4proto udp accept; iifname "lo" udp dport 4789 accept', "drop"),
    refusedTraffic: "both",
  },
  { name: "from all interfaces but one", ruleset: input('iifname != "lo" drop'), refusedTraffic: "both" },
  {
    name: "in a chain for new connections from some interfaces",
    ruleset: input(
      'iifname { "lo", "ens3", "vxlan0" } jump rest',
      "accept",
      'chain rest { ct state new log prefix "no" reject; }',
    ),
    refusedTraffic: "both",
  },
  {
    name: "by a map from interfaces to chains",
    ruleset: input(
      'iifname vmap { "lo" : accept, "ens3" : jump world, "vxlan0" : drop }',
      "accept",
      "chain world { tcp dport 22 accept; drop; }",
    ),
    refusedTraffic: "both",
  },
  {
    name: "what a map from interfaces accepts for SSH alone",
    ruleset: input('tcp dport 22 iifname vmap { "ens3" : accept, "vxlan0" : accept }', "drop"),
    refusedTraffic: "both",
  },
  {
    name: "by a map from ports",
    ruleset: input("udp dport vmap { 53 : accept, 4700-4800 : drop }"),
    refusedTraffic: "vxlan",
  },
  {
    name: "by a map from interfaces and ports",
    ruleset: input('iifname . udp dport vmap { "ens3" . 53 : accept, "ens3" . 4789 : drop }'),
    refusedTraffic: "vxlan",
  },
  {
    name: "what is new, by a map from states",
    ruleset: input("ct state vmap { established : accept, related : accept, new : drop }"),
    refusedTraffic: "both",
  },
  {
    name: "what is neither established nor related",
    ruleset: input("ct state != { established, related } drop"),
    refusedTraffic: "both",
  },
  { name: "what is invalid or new", ruleset: input("ct state invalid,new drop"), refusedTraffic: "both" },
  {
    name: "what connection tracking has not seen",
    ruleset: input("ct state { new, untracked } drop"),
    refusedTraffic: "both",
  },
  {
    name: "what a chain for UDP does not see",
    ruleset: input("meta l4proto udp jump u", "drop", 'chain u { iifname "vxlan0" accept; }'),
    refusedTraffic: "both",
  },
  {
    name: "by the beginning of interfaces' names",
    ruleset: input('iifname { "ens*", "vx*" } drop'),
    refusedTraffic: "both",
  },
  {
    name: "in a range of ports",
    ruleset: input('iifname "ens3" udp dport { 53, 4700-4800 } drop'),
    refusedTraffic: "vxlan",
  },
  {
    name: "all networks but one",
    ruleset: input("ip saddr != { 172.16.0.0/12, 192.168.7.1-192.168.7.9 } drop"),
    refusedTraffic: "both",
  },
  {
    name: "what is for this host",
    ruleset: input("fib daddr type local meta pkttype host drop"),
    refusedTraffic: "both",
  },
  {
    name: "under the names of iptables",
    ruleset:
      "table inet filter { chain INPUT { type filter hook input priority 0; policy drop; tcp dport 22 accept; }; }",
    refusedTraffic: "both",
    chain: "inet filter INPUT",
  },
  {
    name: "in a table of IPv4",
    ruleset: "table ip mine { chain input { type filter hook input priority 0; policy drop; }; }",
    refusedTraffic: "both",
    chain: "ip mine input",
  },
  {
    name: "ahead of connection tracking",
    ruleset:
      "table ip mine { chain early { type filter hook prerouting priority -350; udp dport 4789 drop; }; }",
    refusedTraffic: "vxlan",
    chain: "ip mine early",
  },
  {
    name: "what is not in a set by name",
    ruleset: input("ip saddr @friends accept", "drop", "set friends { type ipv4_addr; }"),
    refusedTraffic: "both",
    isUncertain: true,
  },
  {
    name: "above a rate",
    ruleset: input("limit rate 10/second accept", "drop"),
    refusedTraffic: "both",
    isUncertain: true,
  },

  {
    name: "nothing that it does not know",
    ruleset: input("tcp dport 23 drop; counter accept", "drop"),
    refusedTraffic: "neither",
  },
  {
    name: "nothing of the overlay, in a chain that it leads to",
    ruleset: input(
      "jump known; drop",
      "drop",
      'chain known { udp dport 4789 accept; iifname { "lo", "vxlan0" } accept; }',
    ),
    refusedTraffic: "neither",
  },
  {
    name: "VXLAN and more, at other interfaces and ports",
    ruleset: input(
      'iifname "ens9" drop; iifname { "ens8", "ens9" } udp dport 4789 drop; udp dport != 4000-5000 drop; ' +
        'udp dport 4790-4800 drop; ct state invalid drop; iifname != { "ens3", "vxlan0" } reject',
    ),
    refusedTraffic: "neither",
  },
  {
    name: "what comes from elsewhere",
    ruleset: input('iifname "vxlan0" accept; ip saddr 10.0.0.0/8 udp dport 4789 accept', "drop"),
    refusedTraffic: "neither",
  },
  {
    name: "nothing at the interfaces in its map",
    ruleset: input(
      'iifname vmap { "lo" : accept, "ens3" : jump world, "vxlan0" : accept }',
      "drop",
      "chain world { udp dport 4000-5000 accept; }",
    ),
    refusedTraffic: "neither",
  },
  {
    name: "what is translated, and TCP and IPv6 of some kinds",
    ruleset: input(
      "ct status dnat drop; tcp flags syn drop; ip6 saddr != fd00::/8 drop; icmp type echo-reply drop",
    ),
    refusedTraffic: "neither",
  },
  {
    name: "what is on its way to another host",
    ruleset: "table inet mine { chain forward { type filter hook forward priority 0; policy drop; }; }",
    refusedTraffic: "neither",
  },
  {
    name: "IPv6",
    ruleset: "table ip6 mine { chain input { type filter hook input priority 0; policy drop; }; }",
    refusedTraffic: "neither",
  },
];

/** What nft 1.0.6 prints of each ruleset: `nft -j -t list table`. test/host/ruleset compares it with the host's nft. */
export function recordedTables(): Map<string, string> {
  const lines = readFileSync(new URL("nftRulesets.jsonl", import.meta.url), "utf8")
    .trim()
    .split("\n");
  return new Map(
    lines.map((line) => {
      const { name, ...table } = JSON.parse(line) as { name: string };
      return [name, JSON.stringify(table)];
    }),
  );
}
