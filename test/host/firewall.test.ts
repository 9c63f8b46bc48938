import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { NamespaceHost } from "./namespace.ts";
import { OVERLAY, SECOND, device, install, ownerOf, reconcile, remove, settingsOf } from "./overlay.ts";

let host: NamespaceHost;
beforeEach(async () => {
  host = await NamespaceHost.make();
});
afterEach(() => host.remove());

describe("iptables", () => {
  const REJECT = "iptables -A INPUT -p tcp --dport 22 -j ACCEPT; iptables -A INPUT -j REJECT";
  const rules = () => host.on("iptables -S; ip6tables -S");

  test("gets the accept rules ahead of the image's REJECT, and loses them alone", async () => {
    await host.on(`${REJECT}; ip6tables -A INPUT -j REJECT`);
    const before = await rules();
    await install(host);
    const after = await host.on("iptables -S");
    expect(after.indexOf("oci-vxlan lab.overlay")).toBeGreaterThan(0);
    expect(after.indexOf("oci-vxlan lab.overlay")).toBeLessThan(after.indexOf("-A INPUT -j REJECT"));
    expect(after).toMatch(/ -p udp -m udp --dport 4789 -j ACCEPT\n.* -i vxlan0 -j ACCEPT/);
    expect(await host.on("ip6tables -S")).toMatch(/ -i vxlan0 -j ACCEPT/);
    await remove(host);
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
  ])("is mended when %s", async (_, damage) => {
    await host.on(REJECT);
    await install(host);
    await host.on(damage);
    expect(await reconcile(host)).toContain("iptables");
    const after = await host.on("iptables -S INPUT");
    const jump = after.indexOf('--comment "oci-vxlan lab.overlay" -j oci-vxlan-100-4789');
    expect(jump).toBeGreaterThan(0);
    for (const refusal of ["-j REJECT", "-j DROP"])
      if (after.includes(refusal)) expect(jump).toBeLessThan(after.indexOf(refusal));
    expect(await host.on("iptables -S oci-vxlan-100-4789")).toContain("--dport 4789 -j ACCEPT");
    expect(await reconcile(host)).toBe("");
  });

  test("keeps an administrator's rules where they stand", async () => {
    await host.on(REJECT);
    await install(host);
    await host.on(
      "iptables -N DROP-scanners; iptables -I INPUT -j DROP-scanners; iptables -I INPUT -s 10.1.1.1 -j DROP",
    );
    const mixed = await host.on("iptables -S");
    expect(await reconcile(host)).toBe("");
    expect(await host.on("iptables -S")).toBe(mixed);
  });

  test.each([
    ["by its policy", "iptables -P INPUT DROP"],
    ["in a chain of its own", "iptables -N mine; iptables -A mine -j REJECT; iptables -A INPUT -j mine"],
  ])("gets them where it refuses %s", async (_, refusal) => {
    await host.on(refusal);
    await install(host);
    expect(await host.on("iptables -S INPUT")).toContain("-j oci-vxlan-100-4789");
  });

  test("is left as it is where nothing in it refuses", async () => {
    const before = await host.on("nft list tables");
    await install(host);
    expect(await host.on("nft list tables | grep -v 'table ip oci-vxlan' || true")).toBe(before);
  });

  test("is left to its administrator on request, and admits nothing from the overlay with overlayIngress none", async () => {
    await host.on(REJECT);
    await device(host);
    await device(host, { settings: { hostFirewall: "leave" } });
    expect(await host.on("iptables -S")).not.toContain("oci-vxlan");
    await install(host, { settings: { overlayIngress: "none" } });
    expect(await host.on("iptables -S")).not.toContain("-i vxlan0");
    expect(await host.on("iptables -S")).toContain("--dport 4789 -j ACCEPT");
  });

  test("loses every jump of ours, and keeps the chain that an administrator's rules lead to, without rules", async () => {
    await host.on(REJECT);
    await install(host);
    await host.on("iptables -A INPUT -m comment --comment 'oci-vxlan lab.overlay' -j oci-vxlan-100-4789");
    await host.on("iptables -A FORWARD -j oci-vxlan-100-4789");
    await remove(host);
    const after = await host.on("iptables -S");
    expect(after.split("\n").filter((line) => line.includes("oci-vxlan"))).toEqual([
      "-N oci-vxlan-100-4789",
      "-A FORWARD -j oci-vxlan-100-4789",
    ]);
  });

  test("that was saved meanwhile is told about at removal: a reboot would open it again", async () => {
    await host.on(REJECT);
    await install(host);
    await host.on("mkdir -p /etc/iptables; iptables-save >/etc/iptables/rules.v4");
    const { exitCode, stderr } = await host.program(["remove-device", OVERLAY, ownerOf(OVERLAY)]);
    expect(exitCode).toBe(0);
    expect(stderr).toMatch(
      /warning: \/etc\/iptables\/rules\.v4 holds the overlay's rules, .* lines with oci-vxlan-100-4789/,
    );
  });

  test("of the old kind is opened too where there is one that refuses, and no other is made", async () => {
    await host.on("iptables-legacy -A INPUT -j REJECT");
    const names = () => host.on("cat /proc/net/ip_tables_names /proc/net/ip6_tables_names");
    const before = [await names(), await host.on("iptables-legacy -S")];
    await install(host);
    expect(await host.on("iptables-legacy -S INPUT")).toMatch(/-j oci-vxlan-100-4789\n.*-j REJECT/);
    await host.on("iptables-legacy -F INPUT; iptables-legacy -A INPUT -j REJECT");
    expect(await reconcile(host)).toContain("iptables-legacy");
    await remove(host);
    expect([await names(), await host.on("iptables-legacy -S")]).toEqual(before);
  });

  test("serves two overlays, which go one by one", async () => {
    await host.on(REJECT);
    const before = await host.on("iptables -S");
    await install(host, { overlay: SECOND, settings: { device: "vxlan1", port: 47890 } });
    await install(host);
    expect(await host.on("iptables -S INPUT | grep -c oci-vxlan-100-4789")).toBe("2");
    await remove(host);
    expect(await host.on("iptables -S")).toContain("-i vxlan1 -j ACCEPT");
    expect(await host.on("iptables -S")).not.toContain("-i vxlan0");
    await remove(host, SECOND);
    expect(await host.on("iptables -S")).toBe(before);
  });
});

describe("firewalld", () => {
  const bus = (...args: string[]) => host.on(`busctl call service path interface ${args.join(" ")}`);
  const state = () => host.on("cd /run/stand-ins/firewalld; ls | grep -v running || true");
  const open = [
    "interface trusted vxlan0",
    expect.stringMatching(/^rule public .*10\.196\.218\.222.*4789.*udp.*accept$/),
  ];

  beforeEach(() =>
    host.on(`
      mkdir /run/stand-ins/firewalld
      touch /run/stand-ins/firewalld/running
      ln -sf /run/stand-ins/busctl.sh /usr/bin/busctl
      ln -s /bin/true /usr/bin/firewall-cmd
      iptables -A INPUT -j REJECT`),
  );

  test("gets runtime rules, and iptables beside it none where that refuses nothing", async () => {
    await host.on("iptables -D INPUT -j REJECT");
    const before = await host.on("iptables -S; ip6tables -S");
    await install(host);
    expect((await state()).split("\n")).toEqual(open);
    expect(await host.on("iptables -S; ip6tables -S")).toBe(before);
    await remove(host);
    expect(await state()).toBe("");
  });

  test("is not all that a packet has to pass: iptables beside it is opened where it refuses", async () => {
    const before = await host.on("iptables -S");
    await install(host);
    expect((await state()).split("\n")).toEqual(open);
    expect(await host.on("iptables -S")).toContain("--dport 4789 -j ACCEPT");
    expect(await reconcile(host)).toBe("");
    await host.on("iptables -F INPUT; iptables -A INPUT -j REJECT");
    expect(await reconcile(host)).toMatch(/iptables -w -I INPUT/);
    await remove(host);
    expect(await state()).toBe("");
    expect(await host.on("iptables -S")).toBe(before);
  });

  test("leaves iptables to itself where it keeps its own rules there", async () => {
    // As one does that is set to iptables: it answers, and nftables knows nothing of it.
    await host.wrap(
      "/usr/sbin/nft",
      '[[ "$*" != "list tables" ]] || exit 0; [[ $* != *" inet firewalld" ]] || exit 1; exec $REAL "$@"',
    );
    const before = await host.on("iptables -S");
    await install(host);
    expect(await host.on("iptables -S")).toBe(before);
    expect(await reconcile(host)).toBe("");
  });

  test("gets them back when it has loaded its own again, and is not asked for anything meanwhile", async () => {
    await install(host);
    expect(await reconcile(host)).toBe("");
    await bus("reload", "x");
    expect(await state()).toBe("");
    expect(await reconcile(host)).toMatch(
      /firewalld: addRichRule .*\n.*firewalld: addInterface trusted vxlan0/,
    );
    expect((await state()).split("\n")).toEqual(open);
  });

  test("keeps the device in the zone that an administrator chose, and it is said once", async () => {
    await device(host, { settings: { overlayIngress: "none" } });
    await bus("addInterface", "ss", "public", "vxlan0");
    const { stderr } = await host.program(["device", OVERLAY], settingsOf());
    expect(stderr).toContain("vxlan0 is in firewalld's zone public");
    expect(await reconcile(host)).toBe("");
    await remove(host);
    expect(await state()).toBe("interface public vxlan0");
  });

  test("lets nothing in from the overlay with overlayIngress none, and nothing at all with hostFirewall leave", async () => {
    await install(host, { settings: { overlayIngress: "none" } });
    expect((await state()).split("\n")).toEqual([open[1]]);
    await device(host, { settings: { hostFirewall: "leave" } });
    expect(await state()).toBe("");
  });

  test("keeps the rule that two overlays share until the last one goes", async () => {
    await install(host);
    await install(host, { overlay: SECOND, settings: { device: "vxlan1", vni: 200 } });
    await remove(host);
    expect((await state()).split("\n")).toEqual(["interface trusted vxlan1", open[1]]);
    await remove(host, SECOND);
    expect(await state()).toBe("");
  });

  test("gets the rule in the zone that the peers' addresses are bound to as well, and loses both", async () => {
    await host.on("touch /run/stand-ins/firewalld/bound");
    await install(host);
    expect((await state()).split("\n")).toEqual([
      "bound",
      open[0],
      expect.stringMatching(/^rule drop /),
      open[1],
    ]);
    await remove(host);
    expect(await state()).toBe("bound");
  });

  test.each(["flush table inet firewalld", "flush ruleset"])(
    "that lost its rules behind its back (%s) does not stand in the way of removal",
    async (flush) => {
      await install(host);
      await host.on("mkdir -p /etc/firewalld; echo FirewallBackend=nftables >/etc/firewalld/firewalld.conf");
      await host.on(`nft ${flush}`);
      expect(await reconcile(host)).toMatch(/warning: the kernel of \S+ lost rules/);
      const { exitCode, stderr } = await host.program(["remove-device", OVERLAY, ownerOf(OVERLAY)]);
      expect(exitCode, stderr).toBe(0);
      expect(stderr).toMatch(
        /warning: firewalld on \S+ refused removeRichRule .*: it goes with sudo systemctl restart firewalld/,
      );
      expect(await host.on("ls -d /etc/oci-vxlan 2>/dev/null || true")).toBe("");
    },
  );

  test("that lost its rules behind its back is told about once: it would not add them again", async () => {
    await install(host);
    await host.on("nft flush table inet firewalld");
    expect(await reconcile(host)).toMatch(
      /warning: the kernel of \S+ lost rules .*sudo systemctl restart firewalld/,
    );
    expect(await reconcile(host)).toBe("");
    await bus("reload", "x");
    expect(await reconcile(host)).toMatch(/firewalld: addRichRule/);
    expect(await reconcile(host)).toBe("");
  });

  test("that is installed but does not run leaves it to iptables", async () => {
    await host.on("rm /run/stand-ins/firewalld/running");
    await install(host);
    expect(await host.on("iptables -S INPUT")).toContain("oci-vxlan");
  });
});
