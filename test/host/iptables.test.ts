import { describe, expect, test } from "vitest";
import { OVERLAY, SECOND, device, host, install, reconcile, remove, useHostForEachTest } from "./overlay.ts";
import { transactionsDuring } from "./transactions.ts";

useHostForEachTest();

describe("iptables", () => {
  const REJECT = "iptables -A INPUT -p tcp --dport 22 -j ACCEPT; iptables -A INPUT -j REJECT";
  const rules = () => host.on("iptables -S; ip6tables -S");

  test("gets the accept rules ahead of the image's REJECT, and only they are removed", async () => {
    await host.on(`${REJECT}; ip6tables -A INPUT -j REJECT`);
    const before = await rules();
    await install();
    const after = await host.on("iptables -S");
    expect(after.indexOf("oci-vxlan lab.overlay")).toBeGreaterThan(0);
    expect(after.indexOf("oci-vxlan lab.overlay")).toBeLessThan(after.indexOf("-A INPUT -j REJECT"));
    expect(after).toMatch(/ -p udp -m udp --dport 4789 -j ACCEPT\n.* -i vxlan0 -j ACCEPT/);
    expect(await host.on("ip6tables -S")).toMatch(/ -i vxlan0 -j ACCEPT/);
    await remove();
    expect(await rules()).toBe(before);
  });

  test.each([
    ["it was flushed and loaded again", `iptables -F; iptables -X; ${REJECT}`],
    ["the chain was emptied", "iptables -F oci-vxlan-100-4789"],
    ["the jump was deleted", "iptables -D INPUT 1"],
    ["a REJECT was put ahead of it", "iptables -D INPUT -j REJECT; iptables -I INPUT -j REJECT"],
    [
      "a REJECT with a comment was put ahead of it",
      "iptables -D INPUT -j REJECT; iptables -I INPUT -m comment --comment 'the rest' -j REJECT",
    ],
    ["all UDP of its NIC is dropped ahead of it", "iptables -I INPUT -i eth0 -p udp -j DROP"],
    [
      "the jump was deleted and an administrator's leads to its chain",
      "iptables -D INPUT 1; iptables -I INPUT -s 1.2.3.4 -j oci-vxlan-100-4789",
    ],
  ])("is repaired when %s", async (_, damage) => {
    await host.on(REJECT);
    await install();
    await host.on(damage);
    expect(await reconcile()).toContain("iptables");
    const after = await host.on("iptables -S INPUT");
    const jump = after.indexOf('--comment "oci-vxlan lab.overlay" -j oci-vxlan-100-4789');
    expect(jump).toBeGreaterThan(0);
    for (const refusal of ["-j REJECT", "-j DROP"])
      if (after.includes(refusal)) expect(jump).toBeLessThan(after.indexOf(refusal));
    expect(await host.on("iptables -S oci-vxlan-100-4789")).toContain("--dport 4789 -j ACCEPT");
    expect(await reconcile()).toBe("");
  });

  test("keeps an administrator's rules in their order, and moves its own jump ahead of them", async () => {
    await host.on(REJECT);
    await install();
    const jump = (await host.on("iptables -S INPUT")).split("\n")[1];
    await host.on(
      "iptables -N DROP-scanners; iptables -I INPUT -j DROP-scanners; iptables -I INPUT -s 10.1.1.1 -j DROP",
    );
    const otherRules = async () => (await host.on("iptables -S")).split("\n").filter((line) => line !== jump);
    const before = await otherRules();
    expect(await reconcile()).toBe(
      `oci-vxlan: ${OVERLAY}: iptables: moved our jump ahead of "-A INPUT -s 10.1.1.1/32 -j DROP" and 1 more`,
    );
    expect(await otherRules()).toEqual(before);
    expect((await host.on("iptables -S INPUT")).split("\n")[1]).toBe(jump);
    expect(await reconcile()).toBe("");
  });

  test.each([
    ["by its policy", "iptables -P INPUT DROP"],
    ["in a chain of its own", "iptables -N mine; iptables -A mine -j REJECT; iptables -A INPUT -j mine"],
  ])("gets them where it refuses %s", async (_, refusal) => {
    await host.on(refusal);
    await install();
    expect(await host.on("iptables -S INPUT")).toContain("-j oci-vxlan-100-4789");
  });

  test("stays unchanged where no rule refuses packets", async () => {
    const before = await host.on("nft list tables");
    await install();
    expect(await host.on("nft list tables | grep -v 'table ip oci-vxlan' || true")).toBe(before);
  });

  test("is left to its administrator on request, and admits nothing from the overlay with overlayIngress none", async () => {
    await host.on(REJECT);
    await device();
    await device({ settings: { hostFirewall: "leave" } });
    expect(await host.on("iptables -S")).not.toContain("oci-vxlan");
    await install({ settings: { overlayIngress: "none" } });
    expect(await host.on("iptables -S")).not.toContain("-i vxlan0");
    expect(await host.on("iptables -S")).toContain("--dport 4789 -j ACCEPT");
  });

  test("admits VXLAN at every moment while overlayIngress changes, and nothing of it stays behind", async () => {
    await host.on(`${REJECT}; ip6tables -A INPUT -j REJECT`);
    await install();
    const transactions = await transactionsDuring(() => device({ settings: { overlayIngress: "none" } }));
    const deletedRules = transactions.filter((text) =>
      /^delete rule ip filter .*oci-vxlan-100-4789/m.test(text),
    );
    expect(deletedRules).toHaveLength(1);
    expect(deletedRules[0]).toMatch(/^add rule ip filter oci-vxlan-100-4789 .*4789/m);
    expect(await host.on("iptables -S")).not.toContain("-i vxlan0");
    expect(await host.on("ip6tables -S")).not.toContain("oci-vxlan");
    await device();
    expect(await host.on("iptables -S; ip6tables -S")).toMatch(/-i vxlan0[^]*-i vxlan0/);
  });

  test("that refuses nothing any more admits nothing from the overlay either after overlayIngress none", async () => {
    await host.on(REJECT);
    await install();
    await host.on("iptables -D INPUT -j REJECT");
    await device({ settings: { overlayIngress: "none" } });
    expect(await host.on("iptables -S")).not.toContain("-i vxlan0");
  });

  test("loses every jump of ours, and keeps an empty chain where an administrator's rules lead to it", async () => {
    await host.on(REJECT);
    await install();
    await host.on("iptables -A INPUT -m comment --comment 'oci-vxlan lab.overlay' -j oci-vxlan-100-4789");
    await host.on("iptables -A FORWARD -j oci-vxlan-100-4789");
    await remove();
    const after = await host.on("iptables -S");
    expect(after.split("\n").filter((line) => line.includes("oci-vxlan"))).toEqual([
      "-N oci-vxlan-100-4789",
      "-A FORWARD -j oci-vxlan-100-4789",
    ]);
  });

  test("of the legacy kind is opened too where it refuses packets, and is not created otherwise", async () => {
    await host.on("iptables-legacy -A INPUT -j REJECT");
    const names = () => host.on("cat /proc/net/ip_tables_names /proc/net/ip6_tables_names");
    const before = [await names(), await host.on("iptables-legacy -S")];
    await install();
    expect(await host.on("iptables-legacy -S INPUT")).toMatch(/-j oci-vxlan-100-4789\n.*-j REJECT/);
    await host.on("iptables-legacy -F INPUT; iptables-legacy -A INPUT -j REJECT");
    expect(await reconcile()).toContain("iptables-legacy");
    await host.on("iptables-legacy -I INPUT -p udp --dport 4789 -j DROP");
    expect(await reconcile()).toContain(
      'iptables-legacy: moved our jump ahead of "-A INPUT -p udp -m udp --dport 4789 -j DROP"',
    );
    expect(await host.on("iptables-legacy -S INPUT")).toMatch(/-j oci-vxlan-100-4789\n.*-j DROP/);
    await host.on("iptables-legacy -D INPUT -p udp --dport 4789 -j DROP");
    await remove();
    expect([await names(), await host.on("iptables-legacy -S")]).toEqual(before);
  });

  test("serves two overlays, which are removed one by one", async () => {
    await host.on(REJECT);
    const before = await host.on("iptables -S");
    await install({ overlay: SECOND, settings: { device: "vxlan1", port: 47890 } });
    await install();
    expect(await host.on("iptables -S INPUT | grep -c oci-vxlan-100-4789")).toBe("2");
    await remove();
    expect(await host.on("iptables -S")).toContain("-i vxlan1 -j ACCEPT");
    expect(await host.on("iptables -S")).not.toContain("-i vxlan0");
    await remove(SECOND);
    expect(await host.on("iptables -S")).toBe(before);
  });
});
