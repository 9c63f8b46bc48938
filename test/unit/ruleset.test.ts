import { describe, expect, test } from "vitest";
import type { FailedProbe } from "../../components/vxlan/connectivityTest/failedProbe.ts";
import { diagnose } from "../../components/vxlan/diagnosis/diagnose.ts";
import { End } from "../../components/vxlan/diagnosis/end.ts";
import type { Finding } from "../../components/vxlan/diagnosis/end.ts";
import type { Evidence, Rule } from "../../components/vxlan/diagnosis/evidence.ts";
import { parseNftTable } from "../../components/vxlan/diagnosis/nftTable.ts";
import { refusingChains, rulesetFindings } from "../../components/vxlan/diagnosis/rulesetFindings.ts";
import { NFT_CASES, recordedTables } from "./nftRulesets.ts";

const SETTINGS = { device: "vxlan0", port: 4789, vni: 100, mtu: 8950, admitsAll: true };
const PROBE: FailedProbe = {
  from: "host01",
  to: "host02",
  fromUnderlay: "10.0.0.1",
  toUnderlay: "10.0.0.2",
  address: "192.168.0.2",
  probe: "icmp",
  size: 8922,
  answer: "silent",
};

interface Options {
  name?: "host01" | "host02";
  probe?: Partial<FailedProbe>;
  settings?: Partial<typeof SETTINGS>;
  rules?: Rule[];
}

/** The findings for a table on a host, by default on the host that was probed. */
function findingsIn(
  table: string,
  { name = "host02", probe, settings, rules = [] }: Options = {},
): Finding[] {
  const isTarget = name === "host02";
  const [ownNumber, peer] = isTarget ? [2, 1] : [1, 2];
  const evidence: Evidence = {
    values: {
      "nic.name": "ens3",
      [`address.192.168.0.${ownNumber}`]: "yes",
      [`peer.host0${peer}.route.192.168.0.${peer}`]: "vxlan0",
    },
    counters: {},
    rules,
    tables: [parseNftTable(table)],
  };
  const pair = { before: evidence, after: evidence };
  const end = new End(name, `10.0.0.${ownNumber}`, `host0${peer}`, `10.0.0.${peer}`, pair);
  const appliedSettings = { ...SETTINGS, ...settings };
  return rulesetFindings(end, appliedSettings, refusingChains(end, { ...PROBE, ...probe }, appliedSettings));
}

const commandsOf = (findings: readonly Finding[]) =>
  findings.flatMap(({ text }) =>
    text
      .split("\n")
      .slice(1)
      .map((line) => line.trim()),
  );

const RECORDED_TABLES = recordedTables();
const recordedTable = (name: string) => RECORDED_TABLES.get(name) ?? "";

describe("a ruleset of somebody else's that refuses", () => {
  test.each(NFT_CASES)(
    "$name",
    ({ name, refusedTraffic, isUncertain = false, chain = "inet mine input" }) => {
      const vxlan = `sudo nft insert rule ${chain} udp dport 4789 accept`;
      const overlay = `sudo nft insert rule ${chain} iifname "vxlan0" accept`;
      const commands = { both: [vxlan, overlay], vxlan: [vxlan], overlay: [overlay], neither: [] }[
        refusedTraffic
      ];
      const findings = findingsIn(recordedTable(name));
      expect(commandsOf(findings)).toEqual(commands);
      for (const { rank } of findings) expect(rank).toBe(isUncertain ? 1 : 0);
    },
  );

  test("is named by its table, chain and hook, and by what refuses which packets", () => {
    const [finding] = findingsIn(recordedTable("by its policy"));
    expect(finding?.text).toBe(
      "host02: table inet mine, chain input (hook input) refuses VXLAN (UDP port 4789) by its policy, and what arrives " +
        "by vxlan0 by its policy. Run this, and change the file that the ruleset is loaded from:\n" +
        "    sudo nft insert rule inet mine input udp dport 4789 accept\n" +
        '    sudo nft insert rule inet mine input iifname "vxlan0" accept',
    );
  });

  test("is given the same rules on the sender, although it admits answers: its peer probes it too", () => {
    const onSender = findingsIn(recordedTable("by its policy"), { name: "host01" });
    expect(commandsOf(onSender)).toEqual(commandsOf(findingsIn(recordedTable("by its policy"))));
  });

  test("admits what was probed, so nothing is missing of the overlay", () => {
    const probe = { probe: "tcp", port: 22 } as const;
    const table = recordedTable("but for a part of what comes out of the overlay");
    expect(commandsOf(findingsIn(table, { probe }))).toEqual([
      "sudo nft insert rule inet mine input udp dport 4789 accept",
    ]);
    expect(commandsOf(findingsIn(table, { probe: { ...probe, port: 2222 } }))).toHaveLength(2);
  });

  test("IPv6 is given the rules in its own table", () => {
    const probe = { address: "fd00::2" };
    expect(commandsOf(findingsIn(recordedTable("IPv6"), { probe }))).toEqual([
      'sudo nft insert rule ip6 mine input iifname "vxlan0" accept',
    ]);
  });

  test("is asked for ICMP alone where administrators decide what else may pass", () => {
    expect(
      commandsOf(findingsIn(recordedTable("by its policy"), { settings: { admitsAll: false } })),
    ).toEqual([
      "sudo nft insert rule inet mine input udp dport 4789 accept",
      'sudo nft insert rule inet mine input iifname "vxlan0" meta l4proto icmp accept',
    ]);
  });
});

/** A table as nft lists it, with one base chain. */
const table = (name: string, hook: string, rules: object[][], policy = "accept") =>
  JSON.stringify({
    nftables: [
      { metainfo: { version: "1.0.6" } },
      { table: { family: "inet", name, handle: 1 } },
      { chain: { family: "inet", table: name, name: "c", type: "filter", hook, prio: 0, policy } },
      ...rules.map((expr, index) => ({
        rule: { family: "inet", table: name, chain: "c", handle: index + 2, expr },
      })),
    ],
  });
const match = (left: object, right: unknown) => ({ match: { op: "==", left, right } });

test("a rule about the overlay alone is removed instead", () => {
  const rule: Rule = {
    tool: "nft",
    family: "inet",
    table: "mine",
    chain: "c",
    hook: "input",
    handle: "2",
    text: "udp dport 4789 drop",
  };
  const dropVxlan = [match({ payload: { protocol: "udp", field: "dport" } }, 4789), { drop: null }];
  const [finding] = findingsIn(table("mine", "input", [dropVxlan]), { rules: [rule] });
  expect(finding?.text).toContain("refuses VXLAN (UDP port 4789) by the rule `udp dport 4789 drop`. ");
  expect(commandsOf([finding!])).toEqual(["sudo nft delete rule inet mine c handle 2"]);
});

test("packets that leave are looked for where they leave", () => {
  const rules = [[match({ meta: { key: "oifname" } }, "vxlan0"), { drop: null }]];
  const findings = findingsIn(table("mine", "output", rules));
  expect(findings[0]?.text).toContain(
    "chain c (hook output) refuses what leaves by vxlan0 by the rule with handle 2. ",
  );
  expect(commandsOf(findings)).toEqual(['sudo nft insert rule inet mine c oifname "vxlan0" accept']);
});

test("firewalld's table is changed by firewalld", () => {
  const findings = findingsIn(
    table("firewalld", "input", [[{ reject: { type: "icmpx", expr: "admin-prohibited" } }]]),
  );
  expect(findings[0]?.text).toContain("Run this, and again with --permanent:");
  expect(commandsOf(findings)).toEqual([
    "sudo firewall-cmd --add-port=4789/udp",
    "sudo firewall-cmd --zone=trusted --change-interface=vxlan0",
  ]);
});

test("what may have decided before leaves a doubt", () => {
  for (const statement of [
    { queue: { num: 1 } },
    { xt: null },
    { vmap: { key: { meta: { key: "mark" } }, data: "@marks" } },
  ]) {
    const findings = findingsIn(table("mine", "input", [[statement]], "drop"));
    expect(findings.map(({ rank }) => rank)).toEqual([1]);
  }
});

test("the chain takes the place of findings about its rules, and of guesses about the path", () => {
  const rules: Rule[] = [
    { tool: "nft", family: "inet", table: "mine", chain: "input", hook: "input", text: "policy drop" },
  ];
  const evidence = (ownNumber: number, peer: number, tables: string[]): Evidence => ({
    values: {
      "nic.name": "ens3",
      "device.state": "up",
      "device.vni": "100",
      "device.port": "4789",
      "device.local": `10.0.0.${ownNumber}`,
      [`address.192.168.0.${ownNumber}`]: "yes",
      [`peer.host0${peer}.route.192.168.0.${peer}`]: "vxlan0",
    },
    counters: {},
    rules: tables.length > 0 ? rules : [],
    tables: tables.map(parseNftTable),
  });
  const pair = (of: Evidence) => ({ before: of, after: of });
  const texts = diagnose(
    PROBE,
    pair(evidence(1, 2, [])),
    pair(evidence(2, 1, [recordedTable("by its policy")])),
    SETTINGS,
  );
  expect(texts).toEqual([
    expect.stringContaining("host02: table inet mine, chain input (hook input) refuses"),
  ]);
});

test("what is no table is refused", () => {
  expect(() => parseNftTable('{"nftables": []}')).toThrow("nft listed no table");
  expect(() => parseNftTable('{"nftables": [')).toThrow();
});
