import { expect, test } from "vitest";
import packageJson from "../../package.json" with { type: "json" };
import { membershipChanges, programChanges, settingsChanges } from "../../components/vxlan/changeWords.ts";

const hosts = (count: number) => Array.from({ length: count }, (_, index) => `host${index + 1}`);

test("a host that joins 31 others is one line", () => {
  expect(membershipChanges(hosts(31), hosts(32))).toEqual([
    "host32 joins: the lists of peers of 31 hosts grow by 1.",
  ]);
});

test("hosts that join and leave at once are named, each kind in a line", () => {
  expect(membershipChanges(["a", "b"], ["b", "c", "d"])).toEqual([
    "c and d join: the list of peers of b grows by 2.",
    "a leaves: the list of peers of b shrinks by 1.",
  ]);
});

test("a new overlay, and one that stays as it is, have nothing to say", () => {
  expect([membershipChanges([], hosts(3)), membershipChanges(hosts(3), hosts(3))]).toEqual([[], []]);
});

test("another program is named once, and neither the same one nor one that is not known", () => {
  expect(programChanges("abc", "abd")).toEqual([
    `the program of oci-vxlan ${packageJson.version} replaces another version, on the hosts whose phase device is updated.`,
  ]);
  expect([programChanges("abc", "abc"), programChanges(undefined, "abc")]).toEqual([[], []]);
});

test("settings are named with both values, and nothing that only says whose they are", () => {
  const before = "owner a\nresource 1\nvni 100\naddress 192.168.0.1/24\nflood true\n";
  const after =
    "owner a\nresource 2\nvni 101\naddress 192.168.0.1/24\naddress fd00::1/64\nflood true\nprobes off\n";
  expect(settingsChanges(before, after)).toEqual(
    [
      "vni: 100 becomes 101",
      "address: 192.168.0.1/24 becomes 192.168.0.1/24 and fd00::1/64",
      "probes: the default becomes off",
    ].map((text) => `${text}, on the hosts whose phase device is updated.`),
  );
});
