import { beforeEach, describe, expect, test } from "vitest";
import { arrives, frameTo, makeNeighbour, makeNetworkBehind, receivedFrames } from "./frames.ts";
import {
  OVERLAY,
  PEER,
  RESOURCE,
  SECOND,
  device,
  host,
  install,
  ownerOf,
  reconcile,
  remove,
  settingsOf,
  useHostForEachTest,
} from "./overlay.ts";

useHostForEachTest();

describe("firewalld", () => {
  const bus = (...args: string[]) => host.on(`busctl call service path interface ${args.join(" ")}`);
  const state = () => host.on("cd /run/fakes/firewalld; ls | grep -v running || true");
  const open = [
    "interface trusted vxlan0",
    expect.stringMatching(/^rule public .*10\.196\.218\.222.*4789.*udp.*accept$/),
  ];

  beforeEach(() =>
    host.on(`
      mkdir /run/fakes/firewalld
      touch /run/fakes/firewalld/running
      ln -sf /run/fakes/busctl.sh /usr/bin/busctl
      ln -s /bin/true /usr/bin/firewall-cmd
      iptables -A INPUT -j REJECT`),
  );

  test("gets runtime rules, and iptables beside it none where that refuses nothing", async () => {
    await host.on("iptables -D INPUT -j REJECT");
    const before = await host.on("iptables -S; ip6tables -S");
    await install();
    expect((await state()).split("\n")).toEqual(open);
    expect(await host.on("iptables -S; ip6tables -S")).toBe(before);
    await remove();
    expect(await state()).toBe("");
  });

  test("does not suffice where iptables beside it refuses packets: that is opened too", async () => {
    const before = await host.on("iptables -S");
    await install();
    expect((await state()).split("\n")).toEqual(open);
    expect(await host.on("iptables -S")).toContain("--dport 4789 -j ACCEPT");
    expect(await reconcile()).toBe("");
    await host.on("iptables -F INPUT; iptables -A INPUT -j REJECT");
    expect(await reconcile()).toMatch(/iptables -w -I INPUT/);
    await remove();
    expect(await state()).toBe("");
    expect(await host.on("iptables -S")).toBe(before);
  });

  test("has its own rules in iptables, which stay unchanged", async () => {
    // As one does that is set to iptables: it answers, and nftables knows nothing of it.
    await host.wrap(
      "/usr/sbin/nft",
      '[[ "$*" != "list tables" ]] || exit 0; [[ $* != *" inet firewalld" ]] || exit 1; exec $REAL "$@"',
    );
    const before = await host.on("iptables -S");
    await install();
    expect(await host.on("iptables -S")).toBe(before);
    expect(await reconcile()).toBe("");
  });

  test("gets them back after a reload, and is not called during it", async () => {
    await install();
    expect(await reconcile()).toBe("");
    await bus("reload", "x");
    expect(await state()).toBe("");
    expect(await reconcile()).toMatch(/firewalld: addRichRule .*\n.*firewalld: addInterface trusted vxlan0/);
    expect((await state()).split("\n")).toEqual(open);
  });

  test("keeps the device in the zone that an administrator chose, and that is logged once", async () => {
    await device({ settings: { overlayIngress: "none" } });
    await bus("addInterface", "ss", "public", "vxlan0");
    const { stderr } = await host.devicePhase(OVERLAY, settingsOf());
    expect(stderr).toContain("vxlan0 is in firewalld's zone public");
    expect(await reconcile()).toBe("");
    await remove();
    expect(await state()).toBe("interface public vxlan0");
  });

  test("admits VXLAN at every moment while overlayIngress changes", async () => {
    await install();
    const { stderr } = await host.devicePhase(OVERLAY, settingsOf({ settings: { overlayIngress: "none" } }));
    expect(stderr).toContain("firewalld: removeInterface trusted vxlan0");
    expect(stderr).not.toContain("RichRule");
    expect((await state()).split("\n")).toEqual([open[1]]);
    expect((await host.devicePhase(OVERLAY, settingsOf())).stderr).not.toContain("RichRule");
    expect((await state()).split("\n")).toEqual(open);
  });

  test("keeps the zone of an administrator under hostFirewall leave, whatever else changes", async () => {
    await install({ settings: { hostFirewall: "leave" } });
    await bus("addInterface", "ss", "trusted", "vxlan0");
    await device({ settings: { hostFirewall: "leave", port: 4790, overlayIngress: "none" } });
    expect(await state()).toBe("interface trusted vxlan0");
  });

  test("keeps the device in a zone that an administrator made permanent while VNI and port change", async () => {
    await install();
    await host.on("echo trusted >/run/fakes/firewalld/permanent");
    const { stderr } = await host.devicePhase(OVERLAY, settingsOf({ settings: { vni: 101, port: 4790 } }));
    expect(stderr).toMatch(/removeRichRule .*4789[^]*addRichRule .*4790/);
    expect(stderr).not.toContain("Interface");
    expect(await host.on("nft list tables")).not.toContain("inet oci-vxlan");
  });

  test("refuses what the overlay sends to networks behind the host before its zone lets it in", async () => {
    const { stderr } = await host.devicePhase(OVERLAY, settingsOf());
    expect(stderr).toMatch(/nft: table inet oci-vxlan-100-4789 [^]*addInterface trusted vxlan0/);
  });

  test("lets nothing in from the overlay with overlayIngress none, and nothing at all with hostFirewall leave", async () => {
    await install({ settings: { overlayIngress: "none" } });
    expect((await state()).split("\n")).toEqual([open[1]]);
    await device({ settings: { hostFirewall: "leave" } });
    expect(await state()).toBe("");
  });

  test("opens the host to the overlay, and not the networks behind it, unless an administrator put the device there", async () => {
    await makeNeighbour();
    await makeNetworkBehind("behind", "10.9.0.1");
    await host.on("sysctl -qw net.ipv4.ip_forward=1; iptables -F INPUT");
    await install();
    const packet = "ipv4('192.168.0.2', '10.9.0.2', 17, udp(7000, bytes(8)))";
    const datagram = { from: PEER.underlayAddress, frame: await frameTo("vxlan0", packet) };
    /** Whether the network behind the host has received a packet from the overlay. */
    const passes = async () => {
      const before = await receivedFrames("eth0", "behind");
      expect(await arrives(datagram)).toBe(true);
      return (await receivedFrames("eth0", "behind")) > before;
    };
    const table = () => host.on("nft list table inet oci-vxlan-100-4789 2>/dev/null || true");
    expect(await passes()).toBe(false);
    await host.on("nft flush table inet oci-vxlan-100-4789");
    expect(await passes()).toBe(true); // The test can fail.
    expect(await reconcile()).toMatch(/nft: table inet oci-vxlan-100-4789 # it had other rules/);
    expect(await passes()).toBe(false);
    expect(await reconcile()).toBe("");
    const zone = "/etc/firewalld/zones/trusted.xml";
    await host.on(
      `echo trusted >/run/fakes/firewalld/permanent; mkdir -p /etc/firewalld/zones; touch ${zone}`,
    );
    await reconcile();
    expect(await table()).toBe("");
    expect(await passes()).toBe(true);
    await host.on(`rm /run/fakes/firewalld/permanent ${zone}`);
    await reconcile();
    expect(await table()).toContain("reject");
    await remove();
    expect(await table()).toBe("");
  });

  test("keeps the rule that two overlays share until the last one goes", async () => {
    await install();
    await install({ overlay: SECOND, settings: { device: "vxlan1", vni: 200 } });
    await remove();
    expect((await state()).split("\n")).toEqual(["interface trusted vxlan1", open[1]]);
    await remove(SECOND);
    expect(await state()).toBe("");
  });

  test("gets the rule in the zone that the peers' addresses are bound to as well, and loses both", async () => {
    await host.on("touch /run/fakes/firewalld/bound");
    await install();
    expect((await state()).split("\n")).toEqual([
      "bound",
      open[0],
      expect.stringMatching(/^rule drop /),
      open[1],
    ]);
    await remove();
    expect(await state()).toBe("bound");
  });

  test.each(["flush table inet firewalld", "flush ruleset"])(
    "that lost its rules behind its back (%s) does not prevent removal",
    async (flush) => {
      await install();
      await host.on("mkdir -p /etc/firewalld; echo FirewallBackend=nftables >/etc/firewalld/firewalld.conf");
      await host.on(`nft ${flush}`);
      expect(await reconcile()).toMatch(/warning: the kernel of \S+ lost rules/);
      const { exitCode, stderr } = await host.program(["remove-device", OVERLAY, ownerOf(OVERLAY), RESOURCE]);
      expect(exitCode, stderr).toBe(0);
      expect(stderr).toMatch(
        /warning: firewalld on \S+ refused removeRichRule .*: it goes with sudo systemctl restart firewalld/,
      );
      expect(await host.on("ls -d /etc/oci-vxlan 2>/dev/null || true")).toBe("");
    },
  );

  test("that lost its rules behind its back causes one warning, since it would not add them again", async () => {
    await install();
    await host.on("nft flush table inet firewalld");
    expect(await reconcile()).toMatch(
      /warning: the kernel of \S+ lost rules .*sudo systemctl restart firewalld/,
    );
    expect(await reconcile()).toBe("");
    await bus("reload", "x");
    expect(await reconcile()).toMatch(/firewalld: addRichRule/);
    expect(await reconcile()).toBe("");
  });

  test("that is installed but not running leaves the work to iptables", async () => {
    await host.on("rm /run/fakes/firewalld/running");
    await install();
    expect(await host.on("iptables -S INPUT")).toContain("oci-vxlan");
  });
});
