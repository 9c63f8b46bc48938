import { beforeEach, describe, expect, test } from "vitest";
import { until } from "../../lab/system/commands.ts";
import { checkCommand } from "../../components/vxlan/connectivityTest/syncCheck.ts";
import type { Peer } from "../../components/vxlan/plan.ts";
import { OVERLAY, PEER, SECOND, host, install, ownerOf, reconcile, useHostForEachTest } from "./overlay.ts";
import { transactionsDuring } from "./transactions.ts";

useHostForEachTest();

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
    const transactions = await transactionsDuring(async () => {
      await host.on("iptables -I INPUT -p udp --dport 4789 -j DROP");
      await reconcile();
    });
    const moves = transactions.filter((transaction) =>
      /rule ip filter INPUT .*jump oci-vxlan-/.test(transaction),
    );
    expect(moves).toHaveLength(1);
    // An older nft calls an insert an add.
    expect(moves[0]).toMatch(
      /delete rule ip filter INPUT .*\n(?:insert|add) rule ip filter INPUT .*jump oci-vxlan-100-4789/,
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
    const insistOnFirstRule = (tool = "iptables") =>
      host.on(`${tool} -D INPUT -j foreign 2>/dev/null || true; ${tool} -I INPUT -j foreign`);
    const firstRule = async (tool = "iptables") => (await host.on(`${tool} -S INPUT`)).split("\n")[1];
    const moves = (text: string) => text.split("\n").filter((line) => line.includes("moved our jump")).length;
    const warnings = (text: string) => text.split("\n").filter((line) => line.includes("warning: "));
    const check = async () => {
      const settings = async (name: string) => `${await host.on(`cat /etc/oci-vxlan/${OVERLAY}/${name}`)}\n`;
      const { exitCode, stdout, stderr } = await host.runSent(
        checkCommand(
          { overlay: OVERLAY, owner: ownerOf(OVERLAY) },
          {
            installation: await host.on(`cat /var/lib/oci-vxlan/${OVERLAY}/installation`),
            deviceSettings: await settings("device"),
            peersSettings: await settings("peers"),
          },
        ),
      );
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
        await insistOnFirstRule();
        expect(moves(await reconcile())).toBe(1);
        expect(await check()).toBe("");
      }
      await setUptime(1_325);
      await insistOnFirstRule();
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
        await insistOnFirstRule();
        await reconcile();
      }
      const detail = () => host.on(`stat -c %y /run/oci-vxlan/${OVERLAY}/snapshot`);
      const before = await detail();
      for (let times = 0; times < 3; times++) expect(await reconcile()).toBe("");
      expect(await detail()).toBe(before);
    });

    test("is overtaken again after ten minutes, even if nothing else changed", async () => {
      for (let times = 0; times < 4; times++) {
        await insistOnFirstRule();
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
        await insistOnFirstRule();
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
      const isForeignFirst = async () =>
        (await firstRule()) === FOREIGN && (await firstRule("ip6tables")) === FOREIGN;
      let output = "";
      for (let runs = 0; runs < 10; runs++) {
        await until("the other program", 10_000, isForeignFirst);
        output += `${await reconcile()}\n`;
      }
      expect(moves(output)).toBe(6);
      expect(warnings(output).at(-1)).toContain(`(iptables: "${FOREIGN}", ip6tables: "${FOREIGN}")`);
      expect(warnings(output).length).toBeLessThanOrEqual(2);
      expect((await check()).split("\n")).toHaveLength(1);
    });

    test("causes no warning with hostFirewall leave", async () => {
      for (let times = 0; times < 4; times++) {
        await insistOnFirstRule();
        await reconcile();
      }
      expect(await check()).toContain("another program");
      await install({ settings: { hostFirewall: "leave" } });
      expect(await check()).toBe("");
      expect(await host.on("iptables -S INPUT")).not.toContain("oci-vxlan");
    });
  });
});
