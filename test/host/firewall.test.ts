import { beforeEach, describe, expect, test } from "vitest";
import { until } from "../../lab/system/commands.ts";
import type { Peer } from "../../components/vxlan/plan.ts";
import { arrives, frameTo, makeNeighbour, makeNetworkBehind, received } from "./frames.ts";
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
    const others = async () => (await host.on("iptables -S")).split("\n").filter((line) => line !== jump);
    const before = await others();
    expect(await reconcile()).toBe(
      `oci-vxlan: ${OVERLAY}: iptables: moved our jump ahead of "-A INPUT -s 10.1.1.1/32 -j DROP" and 1 more`,
    );
    expect(await others()).toEqual(before);
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

describe("a rule that another program puts ahead of our jump", () => {
  /** A peer with a network of its own on the host's bridge: its packets take the way that a peer's take. */
  const NEIGHBOUR: Peer = {
    ...PEER,
    underlayAddress: "10.196.218.221",
    overlayAddresses: ["192.168.0.2", "fd00::2"],
  };
  const BOTH_FAMILIES = {
    settings: { cidrs: ["192.168.0.0/24", "fd00::/64"] },
    overlayAddresses: ["192.168.0.1", "fd00::1"],
  };

  async function installWithNeighbour(): Promise<void> {
    const { mac } = await install(BOTH_FAMILIES, [NEIGHBOUR]);
    await host.on(`
      mkdir -p /run/netns
      ip netns add peer
      ip link add veth0 mtu 9000 type veth peer name eth0 mtu 9000 netns peer
      ip link set veth0 master eth0 up
      ip -n peer -batch - <<END
        link set eth0 up
        address add ${NEIGHBOUR.underlayAddress}/30 dev eth0
        link add vxlan0 address ${PEER.mac} type vxlan id 100 dstport 4789 local ${NEIGHBOUR.underlayAddress} remote 10.196.218.222 dev eth0
        link set vxlan0 up
        address add 192.168.0.2/24 dev vxlan0
        address add fd00::2/64 dev vxlan0 nodad
        neigh replace 192.168.0.1 lladdr ${mac} dev vxlan0 nud permanent
        neigh replace fd00::1 lladdr ${mac} dev vxlan0 nud permanent
END`);
    // A port of the bridge that is new takes a moment until it forwards.
    await until("the neighbour", 10_000, () => passes("192.168.0.1"));
  }

  const passes = async (address: string) =>
    (await host.on(
      `ip netns exec peer ping -n -c 1 -W 1 ${address} >/dev/null && echo passes || echo lost`,
    )) === "passes";

  test.each([
    [
      "drops the port",
      "iptables",
      "iptables -I INPUT -p udp --dport 4789 -j DROP",
      "-p udp -m udp --dport 4789 -j DROP",
      "192.168.0.1",
    ],
    [
      "leads to a chain that drops the port",
      "iptables",
      "iptables -N foreign; iptables -A foreign -p udp --dport 4789 -j DROP; iptables -I INPUT -j foreign",
      "-j foreign",
      "192.168.0.1",
    ],
    [
      "drops what arrives by the device",
      "ip6tables",
      "ip6tables -I INPUT -i vxlan0 -j DROP",
      "-i vxlan0 -j DROP",
      "fd00::1",
    ],
    [
      "leads to a chain that drops what arrives by the device",
      "ip6tables",
      "ip6tables -N foreign; ip6tables -A foreign -i vxlan0 -j DROP; ip6tables -I INPUT -j foreign",
      "-j foreign",
      "fd00::1",
    ],
  ])("and %s (%s) is overtaken, and traffic passes again", async (_, tool, insert, rule, address) => {
    await host.on("iptables -A INPUT -j REJECT; ip6tables -A INPUT -j REJECT");
    await installWithNeighbour();
    expect(await passes(address)).toBe(true);
    await host.on(insert);
    expect(await passes(address)).toBe(false);
    expect(await reconcile()).toBe(
      `oci-vxlan: ${OVERLAY}: ${tool}: moved our jump ahead of "-A INPUT ${rule}"`,
    );
    expect(await passes(address)).toBe(true);
    expect(await host.on(`${tool} -S INPUT`)).toContain(`-A INPUT ${rule}\n`);
    expect(await reconcile()).toBe("");
  });

  test("finds our jump in place at every moment", async () => {
    await host.on("iptables -A INPUT -j REJECT");
    await install();
    // Each transaction of nftables is a generation of its own.
    host.start(["sh", "-c", "nft monitor >/run/transactions"]);
    const marked = async (mark: string) => {
      await host.on(`nft add table ip ${mark}`);
      return (await host.on("cat /run/transactions")).includes(`add table ip ${mark}`);
    };
    await until("the monitor", 5_000, () => marked("mark1"));
    await host.on("iptables -I INPUT -p udp --dport 4789 -j DROP");
    await reconcile();
    await until("the move", 5_000, () => marked("mark2"));
    const text = (await host.on("cat /run/transactions")).split("# new generation");
    const moves = text.filter((transaction) => /rule ip filter INPUT .*jump oci-vxlan-/.test(transaction));
    expect(moves).toHaveLength(1);
    expect(moves[0]).toMatch(
      /delete rule ip filter INPUT .*\ninsert rule ip filter INPUT .*jump oci-vxlan-100-4789/,
    );
  });

  test("may be the jump of another overlay, and the order settles", async () => {
    await host.on("iptables -A INPUT -j REJECT");
    await install();
    await install({ overlay: SECOND, settings: { device: "vxlan1", port: 47890 } });
    const order = await host.on("iptables -S INPUT");
    expect(await reconcile()).toBe("");
    expect(await host.on("iptables -S INPUT")).toBe(order);
    await host.on("iptables -I INPUT -p udp -j DROP");
    for (const overlay of [OVERLAY, SECOND, OVERLAY, SECOND])
      expect((await host.program(["reconcile", overlay])).exitCode).toBe(0);
    expect(await host.on("iptables -S INPUT")).toMatch(
      /^-P INPUT ACCEPT\n.* -j oci-vxlan-.*\n.* -j oci-vxlan-.*\n-A INPUT -p udp -j DROP\n/,
    );
    expect(await reconcile()).toBe("");
  });

  describe("again and again", () => {
    const FOREIGN = "-A INPUT -j foreign";
    const insist = (tool = "iptables") =>
      host.on(`${tool} -D INPUT -j foreign 2>/dev/null || true; ${tool} -I INPUT -j foreign`);
    const firstRule = async (tool = "iptables") => (await host.on(`${tool} -S INPUT`)).split("\n")[1];
    const moves = (text: string) => text.split("\n").filter((line) => line.includes("moved our jump")).length;
    const warnings = (text: string) => text.split("\n").filter((line) => line.includes("warning: "));
    const check = async () => {
      const digest = (name: string) =>
        host.on(`sha256sum </etc/oci-vxlan/${OVERLAY}/${name} | cut -d' ' -f1`);
      const installation = await host.on(`cat /var/lib/oci-vxlan/${OVERLAY}/installation`);
      const { exitCode, stdout, stderr } = await host.program([
        "check",
        OVERLAY,
        installation,
        await digest("device"),
        await digest("peers"),
      ]);
      expect(exitCode, stderr).toBe(0);
      return stdout.replace(/\n?^oci-vxlan turn \d+$/m, "");
    };
    /** The clock that this program goes by, as far as the host's processes see it. */
    const setUptime = (seconds: number) => host.on(`echo ${seconds}.25 0.00 >/run/uptime`);

    beforeEach(async () => {
      await host.on("touch /run/uptime; mount --bind /run/uptime /proc/uptime");
      await setUptime(1_000);
      for (const tool of ["iptables", "ip6tables"])
        await host.on(
          `${tool} -N foreign; ${tool} -A foreign -p udp --dport 4789 -j DROP; ${tool} -A INPUT -j REJECT`,
        );
      await install();
    });

    test("stays first after three moves, and one warning reaches up until our jump is first again", async () => {
      for (const seconds of [1_000, 1_025, 1_300]) {
        await setUptime(seconds);
        await insist();
        expect(moves(await reconcile())).toBe(1);
        expect(await check()).toBe("");
      }
      await setUptime(1_325);
      await insist();
      const warning = await reconcile();
      expect(warning).toMatch(
        /^oci-vxlan: lab\.overlay: warning: another program keeps putting its rule ahead of ours in INPUT \(iptables: "-A INPUT -j foreign"\)\. Ours is moved again 10 minutes after its last move\. .* accept UDP port 4789 and what arrives by vxlan0, .* hostFirewall to leave$/,
      );
      expect(await firstRule()).toBe(FOREIGN);
      expect(await reconcile()).toBe("");
      expect(await check()).toMatch(/^oci-vxlan warning: another program .*"-A INPUT -j foreign"/);
      await host.on("iptables -D INPUT -j foreign");
      expect(await reconcile()).toBe("");
      expect(await check()).toBe("");
    });

    test("causes no run in detail while it stays first", async () => {
      for (let times = 0; times < 4; times++) {
        await insist();
        await reconcile();
      }
      const detail = () => host.on(`stat -c %y /run/oci-vxlan/${OVERLAY}/snapshot`);
      const before = await detail();
      for (let times = 0; times < 3; times++) expect(await reconcile()).toBe("");
      expect(await detail()).toBe(before);
    });

    test("is overtaken again after ten minutes, even if nothing else changed", async () => {
      for (let times = 0; times < 4; times++) {
        await insist();
        await reconcile();
      }
      await setUptime(1_599);
      expect(await reconcile()).toBe("");
      expect(await firstRule()).toBe(FOREIGN);
      await setUptime(1_600);
      expect(await reconcile()).toContain(`moved our jump ahead of "${FOREIGN}"`);
      expect(await firstRule()).toContain("oci-vxlan-100-4789");
      expect(await check()).toBe("");
    });

    test("is overtaken each time if it comes seldom", async () => {
      for (const seconds of [1_000, 1_200, 1_400, 1_600, 1_800]) {
        await setUptime(seconds);
        await insist();
        expect(moves(await reconcile())).toBe(1);
      }
      expect(await check()).toBe("");
    });

    test("at once after each move ends in a run that succeeds, and in one warning for both families", async () => {
      host.start([
        "bash",
        "-c",
        `while :; do
          for tool in iptables ip6tables; do
            [[ $($tool -S INPUT | sed -n 2p) == "${FOREIGN}" ]] ||
              { $tool -w -I INPUT -j foreign; $tool -w -D INPUT 2>/dev/null; $tool -w -I INPUT -j foreign; }
          done
        done`,
      ]);
      const insisted = async () =>
        (await firstRule()) === FOREIGN && (await firstRule("ip6tables")) === FOREIGN;
      let output = "";
      for (let runs = 0; runs < 10; runs++) {
        await until("the other program", 10_000, insisted);
        output += `${await reconcile()}\n`;
      }
      expect(moves(output)).toBe(6);
      expect(warnings(output).at(-1)).toContain(`(iptables: "${FOREIGN}", ip6tables: "${FOREIGN}")`);
      expect(warnings(output).length).toBeLessThanOrEqual(2);
      expect((await check()).split("\n")).toHaveLength(1);
    });

    test("causes no warning with hostFirewall leave", async () => {
      for (let times = 0; times < 4; times++) {
        await insist();
        await reconcile();
      }
      expect(await check()).toContain("another program");
      await install({ settings: { hostFirewall: "leave" } });
      expect(await check()).toBe("");
      expect(await host.on("iptables -S INPUT")).not.toContain("oci-vxlan");
    });
  });
});

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
      const before = await received("eth0", "behind");
      expect(await arrives(datagram)).toBe(true);
      return (await received("eth0", "behind")) > before;
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
