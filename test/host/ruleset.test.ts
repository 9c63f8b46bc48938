import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { NamespaceHost } from "./namespace.ts";
import { OVERLAY, device, install, ownerOf, settingsOf } from "./overlay.ts";

let host: NamespaceHost;
beforeEach(async () => {
  host = await NamespaceHost.make();
});
afterEach(() => host.remove());

describe("a ruleset of somebody's own that drops", () => {
  const ruleset = (rules = "", policy = "drop", last = "") => `nft -f - <<'END'
    table inet mine {
      chain input {
        type filter hook input priority 0; policy ${policy};
        ct state established accept
        tcp dport 22 accept
        ${rules}
        ${last}
      }
    }
END`;

  test.each([
    ["by its policy", ruleset()],
    ["by its last rule", ruleset("", "accept", "reject with icmpx admin-prohibited")],
    ["and counts", ruleset("", "accept", "counter drop")],
    [
      "and logs",
      ruleset("", "accept", 'log prefix "x y" level info counter reject with icmpx port-unreachable'),
    ],
    [
      "in a chain that it leads to",
      `nft 'table inet mine { chain rest { drop; }; chain input { type filter hook input priority 0; tcp dport 22 accept; goto rest; }; }'`,
    ],
    [
      "ahead of what it would accept",
      `nft 'table inet mine { chain input { type filter hook input priority 0; tcp dport 22 accept; drop; udp dport 4789 accept; iifname "vxlan0" accept; }; }'`,
    ],
    [
      "and knows a part of what comes out of the overlay",
      `nft 'table inet mine { chain input { type filter hook input priority 0; policy drop; iifname "vxlan0" tcp dport 22 accept; }; }'`,
    ],
    ["all of UDP", ruleset("", "accept", "meta l4proto udp drop")],
    [
      "and lets UDP through, but none of the overlay's TCP, and VXLAN at another interface",
      ruleset('iifname "vxlan0" meta l4proto udp accept; iifname "lo" udp dport 4789 accept'),
    ],
    ["from any interface but one", ruleset("", "accept", 'iifname != "lo" drop')],
    [
      "in a chain for new connections from some interfaces",
      `nft 'table inet mine { chain rest { ct state new log prefix "no" reject; }; chain input { type filter hook input priority 0; iifname { "lo", "eth0", "vxlan0" } jump rest; }; }'`,
    ],
    [
      "by a map from interfaces to chains",
      `nft 'table inet mine { chain world { tcp dport 22 accept; drop; }; chain input { type filter hook input priority 0; iifname vmap { "lo" : accept, "eth0" : jump world, "vxlan0" : drop }; }; }'`,
    ],
    [
      "what a map from interfaces accepts for SSH alone",
      ruleset('tcp dport 22 iifname vmap { "eth0" : accept, "vxlan0" : accept }'),
    ],
    [
      "what is new, by a map from states",
      ruleset("", "accept", "ct state vmap { established : accept, related : accept, new : drop }"),
    ],
    [
      "what is neither established nor related",
      ruleset("", "accept", "ct state != { established, related } drop"),
    ],
    ["what is invalid or new", ruleset("", "accept", "ct state invalid,new drop")],
    [
      "and counts by name",
      `nft 'table inet mine { counter c { }; chain input { type filter hook input priority 0; counter name c drop; }; }'`,
    ],
    [
      "TCP that a chain for UDP does not see",
      `nft 'table inet mine { chain u { iifname "vxlan0" accept; }; chain input { type filter hook input priority 0; policy drop; meta l4proto udp jump u; }; }'`,
    ],
    ["by the beginning of interfaces' names", ruleset("", "accept", 'iifname { "eth*", "vx*" } drop')],
    ["what connection tracking has not seen", ruleset("", "accept", "ct state { new, untracked } drop")],
    [
      "under the names of iptables",
      `nft 'table inet filter { chain INPUT { type filter hook input priority 0; policy drop; tcp dport 22 accept; }; }'`,
    ],
  ])(
    "%s is not guessed at: the rules to add are printed, and nothing stays of the attempt",
    async (_, text) => {
      await host.on(text);
      const before = await host.on("nft list ruleset");
      const { exitCode, stderr } = await host.program(["device", OVERLAY], settingsOf());
      expect(exitCode).toBe(1);
      expect(stderr).toMatch(/nft insert rule inet (mine input|filter INPUT) udp dport 4789 accept\n/);
      expect(stderr).toMatch(/nft insert rule inet (mine input|filter INPUT) iifname "vxlan0" accept\n/);
      expect(await host.on("nft list ruleset")).toBe(before);
      expect(await host.on("ls /etc/oci-vxlan 2>/dev/null || true")).toBe("");
      // What was printed is what helps.
      await host.installProgram();
      await host.on((stderr.match(/^ {2}nft .*$/gm) ?? []).join("\n"));
      await install(host);
    },
  );

  test.each([
    [
      "accepts what it does not know",
      `nft 'table inet mine { chain input { type filter hook input priority 0; policy drop; tcp dport 23 drop; counter accept; }; }'`,
    ],
    [
      "knows the overlay in a chain that it leads to",
      `nft 'table inet mine { chain known { udp dport 4789 accept; iifname { "lo", "vxlan0" } accept; }; chain input { type filter hook input priority 0; policy drop; jump known; drop; }; }'`,
    ],
    [
      "drops VXLAN and more at other interfaces and ports",
      `nft 'table inet mine { chain input { type filter hook input priority 0; iifname "ens9" drop; iifname { "ens8", "ens9" } udp dport 4789 drop; udp dport != 4000-5000 drop; udp dport 4790-4800 drop; ct state invalid drop; iifname != { "eth0", "vxlan0" } reject; }; }'`,
    ],
    [
      "accepts VXLAN in a range of ports, or from some addresses",
      `nft 'table inet mine { chain a { type filter hook input priority 0; policy drop; iifname "vxlan0" accept; udp dport 4000-5000 accept; }; chain b { type filter hook input priority 1; policy drop; iifname != "eth0" accept; ip saddr 10.0.0.0/8 udp dport 4789 accept; }; }'`,
    ],
    [
      "accepts both in a map from interfaces",
      `nft 'table inet mine { chain world { udp dport 4789 accept; }; chain input { type filter hook input priority 0; policy drop; iifname vmap { "lo" : accept, "eth0" : jump world, "vxlan0" : accept }; }; }'`,
    ],
    [
      "drops on another hook",
      `nft 'table inet mine { chain forward { type filter hook forward priority 0; policy drop; }; }'`,
    ],
  ])("is not asked for rules where it %s", async (_, text) => {
    await host.on(text);
    await device(host);
  });

  test("is asked for one rule where the other is there", async () => {
    await host.on(
      `nft 'table inet mine { chain input { type filter hook input priority 0; iifname "eth0" udp dport { 53, 4700-4800 } drop; }; }'`,
    );
    const { exitCode, stderr } = await host.program(["device", OVERLAY], settingsOf());
    expect(exitCode).toBe(1);
    expect(stderr.match(/^ {2}nft .*$/gm)).toEqual([
      "  nft insert rule inet mine input udp dport 4789 accept",
    ]);
  });

  test("is not asked for rules that the settings do not need", async () => {
    await host.on(ruleset("udp dport { 53, 4789 } accept"));
    await device(host, { settings: { overlayIngress: "none" } });
  });

  test("is the administrator's with hostFirewall leave", async () => {
    await host.on(ruleset());
    await device(host, { settings: { hostFirewall: "leave" } });
  });

  test("does not trouble an overlay that was set up before it: what is there stays", async () => {
    await install(host);
    await host.on(ruleset());
    const { exitCode } = await host.program(["device", OVERLAY], settingsOf());
    expect(exitCode).toBe(1);
    expect(await host.on("ip -o link show type vxlan")).toContain("vxlan0");
    expect(ownerOf(OVERLAY)).toBe(
      await host.on("awk '$1 == \"owner\" { print $2 }' /etc/oci-vxlan/lab.overlay/device"),
    );
  });
});
