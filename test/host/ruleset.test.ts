import { beforeAll, describe, expect, test } from "vitest";
import type { FailedProbe } from "../../components/vxlan/connectivityTest/failedProbe.ts";
import { diagnose } from "../../components/vxlan/diagnosis/diagnose.ts";
import { parseNftTable } from "../../components/vxlan/diagnosis/nftTable.ts";
import { NFT_CASES, recordedTables } from "../unit/nftRulesets.ts";
import { collectEvidence } from "./evidence.ts";
import { HOST, PEER, device, host, install, remove, useHostForAllTests } from "./overlay.ts";

/** Rulesets of nftables that somebody else has loaded on the host. */

useHostForAllTests();
beforeAll(() => install());

const SETTINGS = { device: "vxlan0", port: 4789, vni: 100, mtu: 8950, admitsAll: true };
/** The peer has probed this host. */
const FAILED_PROBE: FailedProbe = {
  from: PEER.name,
  to: "host01",
  fromUnderlay: PEER.underlayAddress,
  toUnderlay: HOST.underlayAddress,
  address: "192.168.0.1",
  probe: "icmp",
  size: 8922,
  answer: "silent",
};

/** The commands that the diagnosis prints for this host's ruleset. */
async function commands(): Promise<string[]> {
  const evidence = await collectEvidence();
  const pair = { before: evidence, after: evidence };
  const texts = diagnose(FAILED_PROBE, { before: NOTHING, after: NOTHING }, pair, SETTINGS);
  return texts.flatMap((text) => text.match(/^ {4}sudo nft .*$/gm) ?? []);
}
const NOTHING = { values: {}, counters: {}, rules: [], tables: [] };

const load = (ruleset: string) => host.on(`nft -f - <<'END'\n${ruleset}\nEND`);
const nameOf = (ruleset: string) => /table (\S+ \S+)/.exec(ruleset)?.[1] ?? "";

describe("a ruleset that refuses", () => {
  const tables = recordedTables();

  test.each(NFT_CASES)("$name: nft prints what was recorded", async ({ name, ruleset }) => {
    await load(ruleset);
    const json = await host.on(
      `nft -j -t list table ${nameOf(ruleset)}; nft delete table ${nameOf(ruleset)}`,
    );
    const withoutHandles = (text: string) => JSON.stringify(parseNftTable(text)).replace(/"handle":\d+/g, "");
    expect(withoutHandles(json)).toBe(withoutHandles(tables.get(name) ?? ""));
  });

  test.each(NFT_CASES.filter(({ refusedTraffic }) => refusedTraffic !== "neither"))(
    "$name: the printed commands are what is missing",
    async ({ ruleset }) => {
      await load(ruleset.replaceAll("ens3", "eth0").replaceAll("ens*", "eth*"));
      const before = await host.on("nft list ruleset");
      const lines = await commands();
      expect(await host.on("nft list ruleset")).toBe(before);
      expect(lines.length).toBeGreaterThan(0);
      await host.on(lines.join("\n"));
      expect(await commands()).toEqual([]);
      await host.on(`nft delete table ${nameOf(ruleset)}`);
    },
  );
});

test("is not in the way of phase device: the connectivity test looks at it", async () => {
  const [{ ruleset } = { ruleset: "" }] = NFT_CASES;
  await remove();
  await load(ruleset);
  const before = await host.on(`nft list table ${nameOf(ruleset)}`);
  await host.installProgram();
  await device();
  expect(await host.on(`nft list table ${nameOf(ruleset)}`)).toBe(before);
  await host.on(`nft delete table ${nameOf(ruleset)}`);
});

test("of iptables, and our own table, are no part of it", async () => {
  await host.on(
    "iptables -P INPUT DROP; ip6tables -A INPUT -j REJECT; nft 'table ip foreign { chain c { drop; }; }'",
  );
  const { tables, rules } = await collectEvidence();
  expect(tables).toEqual([
    { family: "ip", name: "foreign", chains: [expect.objectContaining({ name: "c", hook: undefined })] },
  ]);
  expect(rules.map(({ tool, text }) => `${tool} ${text}`)).toContain("iptables -P INPUT DROP");
});
