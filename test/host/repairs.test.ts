import { describe, expect, test } from "vitest";
import { until } from "../../lab/system/commands.ts";
import {
  OVERLAY,
  PEER,
  device,
  host,
  install,
  kernel,
  peers,
  reconcile,
  settingsOf,
  useHostForEachTest,
} from "./overlay.ts";

useHostForEachTest();

const ZERO = "00:00:00:00:00:00";

describe("the host side", () => {
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
    const cleanTables = await kernel();
    await host.on(damage);
    expect(await kernel().catch(() => "no device")).not.toBe(cleanTables);
    expect(await reconcile()).toMatch(/^oci-vxlan: lab\.overlay: /);
    expect(await kernel()).toBe(cleanTables);
    expect(await reconcile()).toBe("");
  });

  test.each([
    ["it learns", "learning"],
    ["its local address is another", "local 10.196.218.221"],
    ["its NIC is another", "dev lo"],
  ])("changes the device in place when %s: foreign entries survive", async (_, change) => {
    await install();
    await host.on("bridge fdb append 02:00:00:00:00:77 dev vxlan0 dst 10.7.7.7");
    const cleanTables = await kernel();
    const index = () => host.on("ip -o link show dev vxlan0 | cut -d: -f1");
    const before = await index();
    await host.on(`ip link set vxlan0 type vxlan ${change}`);
    expect(await kernel()).not.toBe(cleanTables);
    await reconcile();
    expect(await kernel()).toBe(cleanTables);
    expect(await index()).toBe(before);
  });

  test("repairs what is damaged again while it repairs", async () => {
    await install();
    const cleanTables = await kernel();
    const damage =
      "ip address flush dev vxlan0 scope global; ip address add 192.168.0.1/16 dev vxlan0; touch /run/damaged";
    // Each round of a run asks nft about its tables: the second one does so when the first has repaired the address.
    await host.wrap(
      "/usr/sbin/nft",
      `[[ -e /run/damaged || ! -e /run/repairing || $(ip address show dev vxlan0) != *192.168.0.1/24* ]] || { ${damage}; }; exec $REAL "$@"`,
    );
    await host.on("ip address flush dev vxlan0 scope global; touch /run/repairing");
    expect(await reconcile()).not.toContain("warning");
    expect(await host.on("ls /run/damaged")).toBe("/run/damaged");
    expect(await kernel()).toBe(cleanTables);
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
      const cleanAddress = await address();
      await host.on(damage);
      expect(await address()).toBe("");
      expect(await reconcile()).toMatch(/ip address \S+ 192\.168\.0\.1\/24 /);
      expect(await address()).toBe(cleanAddress);
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
    await until("checked addresses", 20_000, async () => !(await addresses()).includes("tentative"));
    await reconcile();
    const detail = () =>
      host.on(`stat -c %y /run/oci-vxlan/${OVERLAY}/snapshot; ls -i /run/oci-vxlan/${OVERLAY}`);
    const leaseTime = () =>
      host.on("ip -o address show dev eth0 to 10.196.218.222 | grep -o 'valid_lft [0-9]*'");
    const before = [await detail(), await leaseTime()] as const;
    await until("the countdown", 20_000, async () => (await leaseTime()) !== before[1]);
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

  test("logs what tc and ethtool have set on a device that has to be made again", async () => {
    await install();
    await host.on(`printf '#!/bin/bash\necho "Features for $2:
rx-checksumming: off [fixed]
tx-checksumming: on
\ttx-checksum-ip-generic: off
\ttx-tcp-segmentation: off [requested on]
generic-receive-offload: on
rx-gro-list: on
rx-udp-gro-forwarding: off"' >/usr/sbin/ethtool; chmod 755 /usr/sbin/ethtool`);
    const shape = () =>
      host.on(
        "tc qdisc add dev vxlan0 root tbf rate 1gbit burst 64k latency 50ms; tc qdisc add dev vxlan0 clsact",
      );
    await shape();
    const { stderr } = await host.devicePhase(OVERLAY, settingsOf({ settings: { vni: 101 } }));
    expect(stderr).toContain(
      "warning: vxlan0 is made again, and loses what an administrator has set: qdisc tbf, qdisc clsact, tx-checksum-ip-generic: off, rx-gro-list: on\n",
    );
    await shape();
    await reconcile();
    await host.on("ip link del vxlan0");
    expect(await reconcile()).toMatch(
      /ip link add vxlan0 .* # it was missing, and had qdisc tbf, so what ethtool or tc had set on it is lost$/m,
    );
    await host.on("ip link del vxlan0");
    expect(await reconcile()).toMatch(
      /ip link add vxlan0 .* # it was missing, so what ethtool or tc had set on it is lost$/m,
    );
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
      await until("checked addresses", 20_000, async () => !(await addresses()).includes("tentative"));
      await reconcile();
      const otherTables = await kernel();
      const routes = () => host.on(`ip -${version} route show table local dev vxlan0 | sort`);
      const cleanRoutes = await routes();
      await host.on(`ip -${version} route del ${route} dev vxlan0 table local`);
      expect(await routes()).not.toContain(route);
      expect(await reconcile()).not.toBe("");
      expect(await routes()).toBe(cleanRoutes);
      expect(await kernel()).toBe(otherTables);
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
});
