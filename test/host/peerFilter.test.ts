import { describe, expect, test } from "vitest";
import { until } from "../../lab/system/commands.ts";
import {
  NON_PEER,
  arrives,
  frameTo,
  makeNeighbour,
  makeNetworkBehind,
  receivedFrames,
  send,
} from "./frames.ts";
import {
  HOST,
  OTHER,
  PEER,
  SECOND,
  device,
  host,
  install,
  linkWord,
  peers,
  reconcile,
  remove,
  settingsOf,
  useHostForEachTest,
} from "./overlay.ts";

useHostForEachTest();

const fromPeer = { from: PEER.underlayAddress };
const fromNonPeer = { from: NON_PEER };

/** A second overlay, with VNI 200 and one other peer. */
const installSecond = () => install({ overlay: SECOND, settings: { device: "vxlan1", vni: 200 } }, [OTHER]);

/** A VXLAN device of somebody else at the same port. */
const makeOtherVxlan = () =>
  host.on(
    `ip link add other type vxlan id 999 dstport 4789 dev eth0 local ${HOST.underlayAddress}; ip link set other up`,
  );

describe("VXLAN from a non-peer", () => {
  test("is dropped, however open everything else is, and however the firewall is managed", async () => {
    await makeNeighbour();
    const { installation } = await device({ settings: { hostFirewall: "leave" } });
    expect(await arrives(fromPeer)).toBe(false); // No peers yet.
    await peers(installation);
    expect(await arrives(fromPeer)).toBe(true);
    expect(await arrives(fromNonPeer)).toBe(false);
    await host.on("nft flush ruleset");
    expect(await arrives(fromNonPeer)).toBe(true); // The test can fail.
    expect(await reconcile()).toMatch(/nft: table ip oci-vxlan/);
    expect(await arrives(fromNonPeer)).toBe(false);
    expect(await arrives(fromPeer)).toBe(true);
  });

  test("is dropped at every address of the host, and so is a peer's at another than the underlay address", async () => {
    await makeNeighbour();
    await install();
    await host.on("ip address add 10.196.218.221/32 dev eth0");
    for (const from of [PEER.underlayAddress, NON_PEER]) {
      for (const to of ["10.196.218.221", "10.196.218.223"]) expect(await arrives({ from, to })).toBe(false);
    }
    await host.on("nft flush ruleset");
    expect(await arrives({ ...fromNonPeer, to: "10.196.218.221" })).toBe(true);
  });

  test("is filtered for each overlay where two share a port: each admits its own peers, and is removed alone", async () => {
    await makeNeighbour();
    await install();
    await installSecond();
    expect(await arrives(fromPeer)).toBe(true);
    expect(await arrives({ from: OTHER.underlayAddress, vni: 200 }, "vxlan1")).toBe(true);
    expect(await arrives({ from: OTHER.underlayAddress })).toBe(false);
    expect(await arrives({ ...fromPeer, vni: 200 }, "vxlan1")).toBe(false);
    await remove(SECOND);
    expect(await arrives(fromPeer)).toBe(true);
  });

  test("passes where the VNI is that of another VXLAN, cut into fragments or whole", async () => {
    await makeNeighbour();
    await install();
    await makeOtherVxlan();
    for (const { from } of [fromPeer, fromNonPeer]) {
      expect(await arrives({ from, vni: 999 }, "other")).toBe(true);
      expect(await arrives({ from, vni: 999, firstFragment: 24 }, "other")).toBe(true);
    }
    expect(await arrives(fromNonPeer)).toBe(false);
  });

  test.each([
    ["without connection tracking", ":"],
    [
      "with connection tracking, which reassembles",
      "nft 'table ip track { chain c { type filter hook prerouting priority 0; ct state new accept; }; }'",
    ],
  ])("is dropped in fragments, also a peer's, since peers send none: %s", async (_, tracking) => {
    await makeNeighbour();
    await install();
    await host.on(tracking);
    for (const from of [PEER.underlayAddress, NON_PEER]) {
      for (const firstFragment of [8, 16, 24]) expect(await arrives({ from, firstFragment })).toBe(false);
    }
    expect(await arrives(fromPeer)).toBe(true);
    await host.on("nft delete table ip oci-vxlan");
    expect(await arrives({ ...fromNonPeer, firstFragment: 8 })).toBe(true);
  });

  test("is dropped before the kernel reassembles and tracks", async () => {
    await install();
    expect(await host.on("nft list table ip oci-vxlan")).toMatch(/hook prerouting priority -450;/);
  });

  test("passes on its way to another host", async () => {
    await makeNeighbour();
    await install();
    await makeNetworkBehind("behind", "10.9.0.1");
    await host.on(`
      sysctl -qw net.ipv4.ip_forward=1
      ip -n far route add 10.9.0.0/24 via ${HOST.underlayAddress} dev eth0 onlink
      ip -n behind link add vxlan0 type vxlan id 100 dstport 4789 dev eth0 local 10.9.0.2
      ip -n behind link set vxlan0 up`);
    await send({ ...fromNonPeer, to: "10.9.0.2" });
    await until("the frame", 20_000, async () => (await receivedFrames("vxlan0", "behind")) === 1);
  });

  test("follows port and VNI", async () => {
    await install();
    await device({ settings: { port: 8472, vni: 7 } });
    const rules = await host.on("nft list ruleset");
    expect(rules).toContain("udp dport 8472 ");
    expect(rules).not.toContain("4789");
  });
});

describe("a peer's address", () => {
  test("counts for nothing where a container sends from it", async () => {
    await makeNeighbour();
    await makeNetworkBehind("docker", "172.17.0.1");
    await install();
    const fromContainer = { ...fromPeer, namespace: "docker" };
    for (const to of ["172.17.0.1", HOST.underlayAddress]) {
      expect(await arrives({ ...fromContainer, to })).toBe(false);
    }
    expect(await arrives(fromPeer)).toBe(true);
    await host.on("nft flush chain ip oci-vxlan vni-100-4789");
    expect(await arrives(fromContainer)).toBe(true);
  });

  test("counts for nothing where a peer of one overlay sends it, inside that one, into another", async () => {
    await makeNeighbour();
    await install();
    await installSecond();
    const packetInside = `udp(4789, vxlan(200, ethernet('ff:ff:ff:ff:ff:ff', 0x88b5, bytes(46))))`;
    const packet = `ipv4('${OTHER.underlayAddress}', '${HOST.underlayAddress}', 17, ${packetInside})`;
    const datagram = { ...fromPeer, frame: await frameTo("vxlan0", packet) };
    expect(await arrives(datagram)).toBe(true);
    expect(await arrives(datagram, "vxlan1")).toBe(false);
    expect(await arrives({ from: OTHER.underlayAddress, vni: 200 }, "vxlan1")).toBe(true);
    await host.on("nft flush chain ip oci-vxlan vni-200-4789");
    expect(await arrives(datagram, "vxlan1")).toBe(true);
  });

  test("counts on the NIC that has the underlay address, wherever the way back leads", async () => {
    await makeNeighbour();
    await makeNetworkBehind("second", "10.8.0.1");
    await install();
    await host.on(`ip route add ${PEER.underlayAddress} via 10.8.0.2`);
    expect(await arrives(fromPeer)).toBe(true);
  });

  test("counts on another NIC that leads to the peer, and on no third one", async () => {
    await makeNeighbour();
    await makeNetworkBehind("second", "10.8.0.1");
    await makeNetworkBehind("third", "10.7.0.1");
    await install();
    await host.on(`ip route add ${PEER.underlayAddress} via 10.8.0.2`);
    expect(await arrives({ ...fromPeer, namespace: "second" })).toBe(true);
    expect(await arrives({ ...fromPeer, namespace: "third" })).toBe(false);
  });

  test("counts where only a rule for the underlay address leads back by its NIC", async () => {
    await makeNeighbour();
    await makeNetworkBehind("second", "10.8.0.1");
    await install();
    await host.on(`
      ip route add ${PEER.underlayAddress} via 10.8.0.2
      ip rule add from ${HOST.underlayAddress} lookup 77
      ip route add ${PEER.underlayAddress} dev eth0 table 77`);
    expect(await arrives(fromPeer)).toBe(true);
    expect(await arrives({ ...fromPeer, namespace: "second" })).toBe(false);
  });

  // The kernel of the tests may have no VRF. The address is in the VRF's table then, and in no table local.
  test("counts by the tables that the kernel itself asks, so that a NIC in a VRF is filtered too", async () => {
    await install();
    const rules = await host.on("nft list table ip oci-vxlan");
    expect(rules).toContain(`ip daddr ${HOST.underlayAddress} udp dport 4789 goto port-4789`);
    expect(rules).toMatch(/fib daddr type local fib daddr \. iif type != local fib saddr \. iif oif missing/);
    expect(rules).not.toMatch(/return\n.*(accept|return)/); // No destination address gets a packet past the filter.
  });
});

describe("a redirect", () => {
  test("from inside the overlay moves no route of the host", async () => {
    await makeNeighbour();
    await install();
    await host.on(`
      sysctl -qw net.ipv4.conf.all.accept_redirects=1
      ip route add 10.50.0.0/16 via 192.168.0.2
      ip neigh add 192.168.0.77 lladdr 02:00:00:00:00:77 dev vxlan0 nud permanent`);
    const route = () => host.on("ip -o route get 10.50.1.1 from 192.168.0.1");
    const before = await route();
    const reply = "ipv4('192.168.0.1', '10.50.1.1', 1, icmp(0, 0, bytes(4)))";
    const redirect = `ipv4('192.168.0.2', '192.168.0.1', 1, icmp(5, 1, socket.inet_aton('192.168.0.77') + ${reply}))`;
    const datagram = { ...fromPeer, frame: await frameTo("vxlan0", redirect) };
    expect(await arrives(datagram)).toBe(true);
    expect(await route()).toBe(before);
    await host.on("nft flush chain ip oci-vxlan prerouting");
    expect(await arrives(datagram)).toBe(true);
    expect(await route()).toContain("via 192.168.0.77");
  });
});

describe("without a peer filter", () => {
  const breakNft = () =>
    host.wrap(
      "/usr/sbin/nft",
      '[[ "$*" != "-f -" ]] || { echo "Error: Out of memory" >&2; exit 1; }; exec $REAL "$@"',
    );
  const state = () => host.on("ip -o link show vxlan0 | grep -o '[<,]UP[,>]' || echo down");

  test("the device is down until there is one, the rest is repaired, and the error says so", async () => {
    await install();
    const repairNft = await breakNft();
    await host.on("nft flush ruleset; ip link set vxlan0 mtu 1400; iptables -A INPUT -j REJECT");
    const { exitCode, stderr } = await host.program(["reconcile", "lab.overlay"]);
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/ip link set dev vxlan0 down # non-peers cannot be kept out/);
    expect(stderr).toMatch(
      /error: \S+ does not take the nftables rules that drop VXLAN from non-peers, so vxlan0 is down until it does: Error: Out of memory$/,
    );
    expect(await state()).toBe("down");
    expect(await linkWord("mtu")).toBe("8950");
    expect(await host.on("iptables -S INPUT")).toContain("-j oci-vxlan-100-4789");
    expect((await host.program(["reconcile", "lab.overlay"])).stderr).toMatch(/^oci-vxlan: error: [^\n]*$/);
    await repairNft();
    await reconcile();
    expect(await state()).not.toBe("down");
    expect(await host.on("ip neigh show dev vxlan0 nud permanent; ip route show dev vxlan0")).toMatch(
      /192\.168\.0\.2 lladdr .*\n192\.168\.0\.0\/24/s,
    );
    expect(await reconcile()).toBe("");
  });

  test("a device goes down even while the NIC lacks its address", async () => {
    await install();
    await breakNft();
    await host.on("nft flush ruleset; ip address flush dev eth0");
    expect((await host.program(["reconcile", "lab.overlay"])).stderr).toContain(
      "carries the underlay address",
    );
    expect(await state()).toBe("down");
  });

  test("a first installation fails, and leaves nothing", async () => {
    await breakNft();
    const { exitCode, stderr } = await host.devicePhase("lab.overlay", settingsOf());
    expect([exitCode, stderr]).toEqual([1, expect.stringMatching(/so vxlan0 is down until it does: /)]);
    expect(await host.on("ip -o link show type vxlan; ls -d /etc/oci-vxlan 2>/dev/null || true")).toBe("");
  });

  test("nothing changes where nft fails once, as it may while others change their rules", async () => {
    await install();
    await host.wrap(
      "/usr/sbin/nft",
      '[[ "$*" != "-f -" || -e /run/once ]] || { >/run/once; exit 1; }; exec $REAL "$@"',
    );
    await host.on("nft flush ruleset");
    expect(await reconcile()).not.toContain("down");
    expect(await state()).not.toBe("down");
  });
});

describe("the port", () => {
  test("that a device of another kind has is named with that device", async () => {
    await install();
    await host.on(
      "ip link set vxlan0 down; ip link add flows type vxlan external dstport 4789; ip link set flows up",
    );
    const { exitCode, stderr } = await host.program(["reconcile", "lab.overlay"]);
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(
      /vxlan0 on \S+ cannot be set up, for the reason above\. UDP port 4789 is held there by flows \(vxlan( external)?( id 0)?\): give/,
    );
  });

  test("that a program has is named with that program, and a first installation leaves nothing", async () => {
    host.start([
      "python3",
      "-c",
      "import socket, time; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(('', 4789)); time.sleep(60)",
    ]);
    await until("the socket", 20_000, async () => (await host.on("ss -Hlun 'sport = :4789'")) !== "");
    const { exitCode, stderr } = await host.devicePhase("lab.overlay", settingsOf());
    expect([exitCode, stderr]).toEqual([
      1,
      expect.stringMatching(/UDP port 4789 is held there by python3 \(pid \d+\): give/),
    ]);
    expect(await host.on("ip -o link show type vxlan; ls -d /etc/oci-vxlan 2>/dev/null || true")).toBe("");
  });
});
