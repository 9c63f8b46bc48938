import { describe, expect, test } from "vitest";
import { parseDeviceReport } from "../../components/vxlan/phases/device.ts";
import { peersSettings } from "../../components/vxlan/phases/peers.ts";
import { PROGRAM } from "../../components/vxlan/phases/phase.ts";
import { until } from "../../lab/system/commands.ts";
import {
  OTHER,
  OVERLAY,
  PEER,
  RESOURCE,
  device,
  files,
  host,
  install,
  kernel,
  linkWord,
  remove,
  peers,
  reconcile,
  settingsOf,
  useHostForEachTest,
} from "./overlay.ts";

useHostForEachTest();

const ZERO = "00:00:00:00:00:00";

/** Where the all-zero entries lead. */
async function floods(): Promise<string[]> {
  const text = await host.on("bridge fdb show dev vxlan0 | sort");
  return text
    .split("\n")
    .filter((line) => line.startsWith(ZERO))
    .map((line) => line.split(" ").slice(2).join(" "));
}

describe("the host side", () => {
  test("makes the device, and prints one line that describes it", async () => {
    const report = await device();
    expect(await host.on("ip -o link show vxlan0")).toContain(`link/ether ${report.mac}`);
    expect(report.underlayMtu).toBe(9000);
    expect(Number.parseInt(report.mac.slice(0, 2), 16) & 3).toBe(2); // local, unicast
  });

  test("prints the same line in a second run, and logs and writes nothing", async () => {
    const report = await install();
    const before = [await kernel(), await files()];
    const again = await host.devicePhase(OVERLAY, settingsOf());
    expect(again.stderr).toBe("");
    expect(parseDeviceReport("host01", again.stdout)).toEqual(report);
    expect(await reconcile()).toBe("");
    expect([await kernel(), await files()]).toEqual(before);
  });

  test.each([
    ["the device is deleted", "ip link del vxlan0"],
    ["it is set down, which flushes its neighbours", "ip link set vxlan0 down"],
    ["its MAC is changed", "ip link set vxlan0 address 02:00:00:00:00:99"],
    ["its MTU is changed", "ip link set vxlan0 mtu 1400"],
    ["its address is removed", "ip address del 192.168.0.1/24 dev vxlan0"],
    [
      "its address is another",
      "ip address add 192.168.0.9/24 dev vxlan0; ip address del 192.168.0.1/24 dev vxlan0; ip address flush dev vxlan0",
    ],
    [
      "its address has another prefix",
      "ip address add 192.168.0.1/16 dev vxlan0; ip address del 192.168.0.1/24 dev vxlan0",
    ],
    ["its route is deleted", "ip route del 192.168.0.0/24 dev vxlan0"],
    [
      "its address makes no route",
      "ip address del 192.168.0.1/24 dev vxlan0; ip address add 192.168.0.1/24 broadcast + dev vxlan0 noprefixroute",
    ],
    ["its packets die at the first router", "ip link set vxlan0 type vxlan ttl 1"],
    [
      "its packets have the TTL of what they carry",
      "ip link del vxlan0; ip link add vxlan0 type vxlan id 100 dstport 4789 local 10.196.218.222 dev eth0 nolearning ttl inherit",
    ],
    ["it sends no ARP", "ip link set vxlan0 arp off"],
    ["it is held down", "ip link set vxlan0 protodown on"],
    ["it has another name", "ip link set vxlan0 down; ip link set vxlan0 name foo0"],
    [
      "another device like it answers for the peers and sends to a non-peer",
      "local=10.196.218.222; ip link del vxlan0; " +
        "ip link add vxlan0 type vxlan id 100 dstport 4789 local $local dev eth0 remote 10.9.9.9 nolearning proxy l2miss l3miss",
    ],
    ["a peer's FDB entry is deleted", `bridge fdb del ${PEER.mac} dev vxlan0 dst ${PEER.underlayAddress}`],
    ["a peer's FDB entry points elsewhere", `bridge fdb replace ${PEER.mac} dev vxlan0 dst 10.9.9.9`],
    [
      "a peer's FDB entry says another port",
      `bridge fdb replace ${PEER.mac} dev vxlan0 dst ${PEER.underlayAddress} port 9`,
    ],
    ["a peer's FDB entry may age", `bridge fdb replace ${PEER.mac} dev vxlan0 dst 10.196.218.226 dynamic`],
    [
      "a peer's FDB entry leads to a group of next hops",
      "ip nexthop add id 5 via 10.9.9.9 fdb; ip nexthop add id 10 group 5 fdb; " +
        `bridge fdb del ${PEER.mac} dev vxlan0; bridge fdb add ${PEER.mac} dev vxlan0 nhid 10 self`,
    ],
    [
      "a peer's flood entry is deleted",
      `bridge fdb del ${ZERO} dev vxlan0 dst ${PEER.underlayAddress} || exit 1`,
    ],
    ["a foreign flood entry is there", `bridge fdb append ${ZERO} dev vxlan0 dst 10.9.9.9 port 9 vni 7`],
    ["a peer's neighbour entry is deleted", "ip neigh del 192.168.0.2 dev vxlan0"],
    [
      "a peer's neighbour entry is changed",
      "ip neigh replace 192.168.0.2 lladdr 02:00:00:00:00:98 dev vxlan0 nud permanent",
    ],
    [
      "a peer's neighbour entry may age",
      `ip neigh replace 192.168.0.2 lladdr ${PEER.mac} dev vxlan0 nud stale`,
    ],
    [
      "another VXLAN device took its place",
      "ip link del vxlan0; ip link add vxlan0 type vxlan id 7 dstport 4789 dev eth0",
    ],
    ["a device of another kind took its place", "ip link del vxlan0; ip link add vxlan0 type bridge"],
  ])("repairs it when %s, and logs that", async (_, damage) => {
    await install();
    const whole = await kernel();
    await host.on(damage);
    expect(await kernel().catch(() => "no device")).not.toBe(whole);
    expect(await reconcile()).toMatch(/^oci-vxlan: lab\.overlay: /);
    expect(await kernel()).toBe(whole);
    expect(await reconcile()).toBe("");
  });

  test.each([
    ["it learns", "learning"],
    ["its local address is another", "local 10.196.218.221"],
    ["its NIC is another", "dev lo"],
  ])("changes the device in place when %s: foreign entries survive", async (_, change) => {
    await install();
    await host.on("bridge fdb append 02:00:00:00:00:77 dev vxlan0 dst 10.7.7.7");
    const whole = await kernel();
    const index = () => host.on("ip -o link show dev vxlan0 | cut -d: -f1");
    const before = await index();
    await host.on(`ip link set vxlan0 type vxlan ${change}`);
    expect(await kernel()).not.toBe(whole);
    await reconcile();
    expect(await kernel()).toBe(whole);
    expect(await index()).toBe(before);
  });

  test("logs each repair in a line of its own", async () => {
    await install();
    await host.on(`bridge fdb del ${PEER.mac} dev vxlan0; ip neigh del 192.168.0.2 dev vxlan0`);
    expect((await reconcile()).split("\n")).toEqual([
      expect.stringMatching(new RegExp(`^oci-vxlan: lab.overlay: bridge fdb replace ${PEER.mac} `)),
      expect.stringMatching(/^oci-vxlan: lab\.overlay: ip neigh replace 192\.168\.0\.2 /),
    ]);
  });

  test("leaves alone what an administrator added", async () => {
    await install();
    await host.on(
      "bridge fdb append 02:00:00:00:00:77 dev vxlan0 dst 10.7.7.7 && ip address add 192.168.0.77/32 dev vxlan0",
    );
    await host.on("ip neigh add 192.168.0.66 lladdr 02:00:00:00:00:66 dev vxlan0 nud permanent");
    await host.on(`bridge fdb del ${PEER.mac} dev vxlan0`);
    await reconcile();
    const after = await kernel();
    expect(after).toContain("02:00:00:00:00:77 dst 10.7.7.7");
    expect(after).toContain("192.168.0.77/32");
    expect(after).toContain("192.168.0.66 lladdr 02:00:00:00:00:66 PERMANENT");
    expect(after).toContain(PEER.mac);
  });

  test.each([
    ["is gone", "ip address del 192.168.0.1/24 dev vxlan0"],
    [
      "has another prefix",
      "ip -batch - <<<$'address del 192.168.0.1/24 dev vxlan0\\naddress add 192.168.0.1/32 dev vxlan0'",
    ],
    ["is leased", "ip address change 192.168.0.1/24 dev vxlan0 valid_lft 60 preferred_lft 60"],
  ])(
    "sees that its address %s while an administrator's address keeps all entries in place",
    async (_, damage) => {
      await install();
      await host.on("ip address add 192.168.9.77/24 dev vxlan0");
      await reconcile();
      const address = () =>
        host.on("ip -o address show dev vxlan0 permanent | grep -F 192.168.0.1/24 || true");
      const whole = await address();
      await host.on(damage);
      expect(await address()).toBe("");
      expect(await reconcile()).toMatch(/ip address \S+ 192\.168\.0\.1\/24 /);
      expect(await address()).toBe(whole);
      expect(await host.on("ip -o address show dev vxlan0")).toContain("192.168.9.77/24");
    },
  );

  test("starts no run in detail because the lease of an address counts down", async () => {
    await install();
    const lease = "valid_lft 600 preferred_lft 600";
    await host.on(
      `ip address change 10.196.218.222/30 dev eth0 ${lease}; ip address add 192.168.9.77/24 dev vxlan0 ${lease}`,
    );
    const addresses = () => host.on("ip -o address show");
    await until("checked addresses", 5_000, async () => !(await addresses()).includes("tentative"));
    await reconcile();
    const detail = () =>
      host.on(`stat -c %y /run/oci-vxlan/${OVERLAY}/snapshot; ls -i /run/oci-vxlan/${OVERLAY}`);
    const leaseTime = () =>
      host.on("ip -o address show dev eth0 to 10.196.218.222 | grep -o 'valid_lft [0-9]*'");
    const before = [await detail(), await leaseTime()] as const;
    await until("the countdown", 5_000, async () => (await leaseTime()) !== before[1]);
    expect(await reconcile()).toBe("");
    expect(await detail()).toBe(before[0]);
  });

  test("restores what an administrator added to a device that has to be made again", async () => {
    const { installation } = await install();
    await host.on(
      "bridge fdb append 00:16:3e:00:00:77 dev vxlan0 dst 10.7.7.7; ip address add 192.168.0.77/24 dev vxlan0; " +
        "ip neigh add 192.168.0.66 lladdr 02:00:00:00:00:66 dev vxlan0 nud permanent",
    );
    const old = (await kernel()).replace(" id 100 ", " id 101 ");
    await device({ settings: { vni: 101 } });
    await peers(installation);
    expect((await kernel()).split("\n").sort()).toEqual(old.split("\n").sort());
    expect(await reconcile()).toBe("");
  });

  test("forgets a peer that left, and follows one that moved", async () => {
    const { installation } = await install({}, [PEER, OTHER]);
    expect(await kernel()).toContain(OTHER.mac);
    await peers(installation, [{ ...PEER, underlayAddress: "10.196.218.234" }]);
    const after = await kernel();
    expect(after).not.toContain(OTHER.mac);
    expect(after).not.toContain("192.168.0.3");
    expect(after).not.toContain("10.196.218.226");
    expect(after).toContain(`${PEER.mac} dst 10.196.218.234`);
  });

  test("forgets a peer that left even when it was stopped half-way", async () => {
    const { installation } = await install({}, [PEER, OTHER]);
    // As after a crash between the files and the kernel: no tools, no repair.
    await host.on("mv /usr/sbin/bridge /root/; ln -s /bin/false /usr/sbin/bridge");
    const text = peersSettings(RESOURCE, { installation, mtu: 8950, peers: [PEER] });
    expect((await host.program(["peers", OVERLAY], text)).stderr).toContain("warning: the kernel");
    await host.on("rm /usr/sbin/bridge; mv /root/bridge /usr/sbin/");
    expect(await kernel()).toContain(OTHER.mac);
    await reconcile();
    expect(await kernel()).not.toContain(OTHER.mac);
  });

  test("moves its own address, and no other", async () => {
    await install();
    await host.on("ip address add 192.168.0.77/24 dev vxlan0");
    await device({ overlayAddresses: ["192.168.0.5"] });
    const after = await kernel();
    expect(after).toContain("inet 192.168.0.5/24");
    expect(after).toContain("inet 192.168.0.77/24");
    expect(after).not.toContain("inet 192.168.0.1/24");
  });

  test("replicates broadcasts to every peer and to no other address, and to none with flood off", async () => {
    const { installation } = await install({}, [PEER, OTHER]);
    await host.on(`bridge fdb append ${ZERO} dev vxlan0 dst 10.9.9.9`);
    await reconcile();
    expect(await floods()).toEqual(["10.196.218.226 self permanent", "10.196.218.230 self permanent"]);
    await device({ settings: { flood: false } });
    await peers(installation, [PEER, OTHER]);
    expect(await floods()).toEqual([]);
  });

  test("keeps its MAC when VNI, port or name change, and draws another installation for another generation", async () => {
    const { mac, installation } = await device();
    expect(await device({ settings: { vni: 101, port: 8472 } })).toMatchObject({ mac, installation });
    expect(await host.on("ip -d -o link show vxlan0")).toMatch(/vxlan id 101 .* dstport 8472/);
    expect(await device({ settings: { device: "overlay1" } })).toMatchObject({ mac, installation });
    expect(await host.on("ip -o link show type vxlan")).not.toContain("vxlan0");
    const next = await device({ generation: 1 });
    expect(next.mac).toBe(mac);
    expect(next.installation).not.toBe(installation);
  });

  test("carries IPv4 and IPv6", async () => {
    const ipv6Args = {
      settings: { cidrs: ["192.168.0.0/24", "fd00::/64"] },
      overlayAddresses: ["192.168.0.1", "fd00::1"],
    };
    await install(ipv6Args, [{ ...PEER, overlayAddresses: ["192.168.0.2", "fd00::2"] }]);
    expect(await kernel()).toMatch(/fd00::2 lladdr 5e:ee:f2:ab:43:f9 PERMANENT/);
    expect(await host.on("ip -o -6 address show dev vxlan0 to fd00::1")).not.toContain("tentative");
    expect(await reconcile()).toBe("");
    const whole = await kernel();
    await host.on("ip link set vxlan0 down"); // The kernel forgets IPv6 addresses and neighbours with it.
    await reconcile();
    expect(await kernel()).toBe(whole);
  });

  test("has its IPv6 address, route and prefix back, with IPv6 switched off and on", async () => {
    const ipv6Args = { settings: { cidrs: ["fd00::/64"] }, overlayAddresses: ["fd00::1"] };
    await install(ipv6Args, [{ ...PEER, overlayAddresses: ["fd00::2"] }]);
    const whole = await kernel();
    for (const damage of [
      "ip address del fd00::1/64 dev vxlan0; ip address add fd00::1/128 dev vxlan0 nodad",
      "ip -6 route del fd00::/64 dev vxlan0",
      "echo 1 >/proc/sys/net/ipv6/conf/vxlan0/disable_ipv6",
    ]) {
      await host.on(damage);
      expect(await kernel()).not.toBe(whole);
      expect(await reconcile()).not.toBe("");
      expect(await kernel()).toBe(whole);
    }
  });

  test("warns once that the device belongs to a bridge, and leaves it there", async () => {
    await install();
    await host.on("ip link add br9 type bridge; ip link set vxlan0 master br9");
    expect(await reconcile()).toMatch(/warning: vxlan0 belongs to br9, .* nomaster/);
    expect(await reconcile()).toBe("");
    expect(await linkWord("master")).toBe("br9");
    await host.on("ip link set vxlan0 nomaster");
    await reconcile();
    await host.on("ip link set vxlan0 master br9");
    expect(await reconcile()).toContain("belongs to br9");
  });

  test.each([
    ["route to itself", "4", "local 192.168.0.1"],
    ["route for broadcasts", "4", "broadcast 192.168.0.255"],
    ["IPv6 route to itself", "6", "local fd00::1"],
  ])(
    "gets its address's %s back, which table local holds, and loses nothing for it",
    async (_, version, route) => {
      await install({
        settings: { cidrs: ["192.168.0.0/24", "fd00::/64"] },
        overlayAddresses: ["192.168.0.1", "fd00::1"],
      });
      await host.on(`
      ip neigh add 192.168.0.66 lladdr 02:00:00:00:00:66 dev vxlan0 nud permanent
      ip route add 10.50.0.0/16 via 192.168.0.66`);
      const addresses = () => host.on("ip -o address show");
      await until("checked addresses", 5_000, async () => !(await addresses()).includes("tentative"));
      await reconcile();
      const rest = await kernel();
      const routes = () => host.on(`ip -${version} route show table local dev vxlan0 | sort`);
      const whole = await routes();
      await host.on(`ip -${version} route del ${route} dev vxlan0 table local`);
      expect(await routes()).not.toContain(route);
      expect(await reconcile()).not.toBe("");
      expect(await routes()).toBe(whole);
      expect(await kernel()).toBe(rest);
      expect(await reconcile()).toBe("");
    },
  );

  test("leaves the device in a routing table of an administrator's", async () => {
    await install();
    // As a VRF does with all of a device's routes.
    await host.on(`ip -batch - <<'END'
      route add 192.168.0.0/24 dev vxlan0 proto kernel scope link src 192.168.0.1 table 77
      route add local 192.168.0.1 dev vxlan0 proto kernel scope host src 192.168.0.1 table 77
      route add broadcast 192.168.0.255 dev vxlan0 proto kernel scope link src 192.168.0.1 table 77
      route del 192.168.0.0/24 dev vxlan0
      route del local 192.168.0.1 dev vxlan0 table local
      route del broadcast 192.168.0.255 dev vxlan0 table local
END`);
    expect(await reconcile()).toBe("");
    expect(await host.on("ip route show dev vxlan0; ip route show table local dev vxlan0")).toBe("");
  });

  test("says where to look for a device that was moved into another namespace", async () => {
    await install();
    await host.on("mkdir -p /run/netns; ip netns add away; ip link set vxlan0 netns away");
    const { exitCode, stderr } = await host.program(["reconcile", OVERLAY]);
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/does not make vxlan0, .*VNI 100 at port 4789.*lsns -t net/);
    await host.on("ip netns del away");
    await until("its end", 5_000, async () => (await host.program(["reconcile", OVERLAY])).exitCode === 0);
  });

  test("keeps non-peers out while the NIC lacks its address, and logs what is wrong", async () => {
    await install();
    await host.on("ip address flush dev eth0; nft delete table ip oci-vxlan");
    const { exitCode, stderr } = await host.program(["reconcile", OVERLAY]);
    expect([exitCode, stderr]).toEqual([1, expect.stringContaining("carries the underlay address")]);
    expect(await host.on("nft list table ip oci-vxlan")).toContain(PEER.underlayAddress);
  });

  test("replaces a file as a whole, so a process that reads the old one reads all of it", async () => {
    const { installation } = await install();
    const file = `/etc/oci-vxlan/${OVERLAY}/peers`;
    await host.on(`ln ${file} /root/before; cp ${file} /root/copy`);
    await peers(installation, [PEER, OTHER]);
    expect(await host.on(`cat ${file}`)).toContain(OTHER.mac);
    await host.on("cmp /root/before /root/copy");
  });

  test("works after the clock was set back", async () => {
    await install();
    await host.on(`touch -d '+1 hour' /etc/oci-vxlan/${OVERLAY}/*`);
    expect(await reconcile()).toBe("");
  });

  test("follows settings that were changed by hand, and peers that were taken away by hand", async () => {
    await install();
    await host.on(`sed -i 's/${PEER.underlayAddress}/10.196.218.234/' /etc/oci-vxlan/${OVERLAY}/peers`);
    await reconcile();
    expect(await kernel()).toContain(`${PEER.mac} dst 10.196.218.234`);
    expect(await host.on("nft list table ip oci-vxlan")).toContain("10.196.218.234");
    await host.on(`rm /etc/oci-vxlan/${OVERLAY}/peers`);
    await reconcile();
    expect(await host.on("nft list table ip oci-vxlan")).not.toContain("10.196.218.234");
  });

  test("says which file is damaged where its MAC is lost, and draws another when it is set up again", async () => {
    const { mac } = await install();
    await host.on(`: >/var/lib/oci-vxlan/${OVERLAY}/mac`);
    const { exitCode, stderr } = await host.program(["reconcile", OVERLAY]);
    expect([exitCode, stderr]).toEqual([
      1,
      expect.stringMatching(/lab\.overlay\/mac on \S+ holds no MAC: raise this host's generation/),
    ]);
    const again = await device({ generation: 1 });
    expect(again.mac).not.toBe(mac);
    expect(await linkWord("link/ether")).toBe(again.mac);
  });

  test("carries IPv6 alone", async () => {
    const ipv6Args = { settings: { cidrs: ["fd00::/64"] }, overlayAddresses: ["fd00::1"] };
    await install(ipv6Args, [{ ...PEER, overlayAddresses: ["fd00::2"] }]);
    expect(await kernel()).toMatch(/fd00::1\/64[^]*fd00::2 lladdr 5e:ee:f2:ab:43:f9 PERMANENT/);
  });

  test("warns once that the NIC's MTU is too small, and lowers nothing", async () => {
    await install();
    const mtu = () => linkWord("mtu");
    await host.on("ip link set eth0 mtu 1500");
    expect(await reconcile()).toMatch(
      /warning: eth0 carries 1500 bytes, and vxlan0 with mtu 8950 needs 9000: .*generation/,
    );
    expect(await reconcile()).toBe("");
    expect(await mtu()).toBe("8950");
    await host.on("ip link del vxlan0"); // Made again, it cannot have more than the NIC carries.
    await reconcile();
    await host.on("ip link set eth0 mtu 9000");
    await reconcile();
    expect(await mtu()).toBe("8950");
    await host.on("ip link set eth0 mtu 1500");
    expect(await reconcile()).toContain("warning: eth0 carries 1500 bytes");
  });

  test("waits for another run to end", async () => {
    await install();
    await host.on("ip link del vxlan0");
    host.start(["flock", "/run/oci-vxlan/lock", "sh", "-c", "touch /run/held; sleep 1; touch /run/done"]);
    await host.on("until [ -e /run/held ]; do :; done");
    await reconcile();
    expect(await host.on("ls /run/done")).toBe("/run/done");
  });

  test("waits for no lock that another user can hold", async () => {
    await install();
    // Even root's own folder is open on some hosts, and the umask lets everybody read new files.
    await host.on("chmod 755 /root; umask 000; rm -f /run/oci-vxlan/lock; ip link set vxlan0 mtu 1400");
    await host.on(`umask 000; ${PROGRAM} reconcile ${OVERLAY}`);
    const asNobody = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"];
    const hold = 'for path; do flock -x "$path" sleep 60 & done; sleep 1; touch /tmp/held; wait';
    const paths = [
      "/root /run /run/oci-vxlan /run/oci-vxlan/lock /run/lock /etc /etc/oci-vxlan /var/lib /var/lib/oci-vxlan",
      `/usr/local /usr/local/lib /usr/local/lib/oci-vxlan /usr/local/sbin ${PROGRAM}`,
    ];
    host.start([...asNobody, "bash", "-c", hold, "bash", ...paths.join(" ").split(" ")]);
    await host.on("until [ -e /tmp/held ]; do :; done");
    await host.on("ip link set vxlan0 mtu 1400");
    const since = performance.now();
    await reconcile();
    expect(await linkWord("mtu")).toBe("8950");
    expect(performance.now() - since).toBeLessThan(10_000); // A run waits for another one for 30 s.
    await remove();
  });
});
