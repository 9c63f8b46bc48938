import { describe, expect, test } from "vitest";
import {
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
  useHostForEachTest,
} from "./overlay.ts";

useHostForEachTest();

describe("VXLAN from a non-peer", () => {
  /** A second host behind the same NIC, with the addresses of a peer and of a non-peer. */
  const makeNeighbour = () =>
    host.on(`
      mkdir -p /run/netns
      ip netns add far
      ip link add far0 mtu 9000 type veth peer name eth0 netns far
      ip link set far0 master eth0 up
      ip route add 10.196.218.224/28 dev eth0
      ip -n far link set eth0 mtu 9000 up
      for address in ${PEER.underlayAddress} ${OTHER.underlayAddress} 10.196.218.234; do
        ip -n far address add $address/32 dev eth0
      done
      ip -n far route add ${"10.196.218.222"} dev eth0`);

  /** Sends one frame for the device from an address, with a VNI; true when the device has received it. */
  async function arrives(from: string, vni = 100, name = "vxlan0"): Promise<boolean> {
    const received = () => host.on(`ip -s link show ${name} | awk '/RX:/ { getline; print $2 }'`);
    const mac = await linkWord("link/ether", name);
    const before = await received();
    await host.on(`
      sysctl -q net.ipv6.conf.default.disable_ipv6=1 2>/dev/null || true
      ip -n far link add v0 type vxlan id ${vni} dstport 4789 local ${from} remote 10.196.218.222 dev eth0
      ip -n far link set v0 up
      ip -n far address add 192.168.0.99/32 dev v0
      ip -n far route add 192.168.0.1/32 dev v0
      ip -n far neigh replace 192.168.0.1 lladdr ${mac} dev v0 nud permanent
      ip netns exec far ping -c1 -W1 -n 192.168.0.1 >/dev/null || true
      ip -n far link del v0`);
    return (await received()) !== before;
  }

  test("is dropped, however open everything else is, and however the firewall is managed", async () => {
    await makeNeighbour();
    const { installation } = await device({ settings: { hostFirewall: "leave" } });
    expect(await arrives(PEER.underlayAddress)).toBe(false); // No peers yet.
    await peers(installation);
    expect(await arrives(PEER.underlayAddress)).toBe(true);
    expect(await arrives("10.196.218.234")).toBe(false);
    await host.on("nft flush ruleset");
    expect(await arrives("10.196.218.234")).toBe(true); // The test can fail.
    expect(await reconcile()).toMatch(/nft: table ip oci-vxlan/);
    expect(await arrives("10.196.218.234")).toBe(false);
    expect(await arrives(PEER.underlayAddress)).toBe(true);
  });

  test("is filtered for each overlay where two share a port: each admits its own peers, and is removed alone", async () => {
    await makeNeighbour();
    await install();
    const second = { overlay: SECOND, settings: { device: "vxlan1", vni: 200, cidrs: ["192.168.1.0/24"] } };
    await install({ ...second, overlayAddresses: ["192.168.1.1"] }, [OTHER]);
    expect(await arrives(PEER.underlayAddress, 100, "vxlan0")).toBe(true);
    expect(await arrives(OTHER.underlayAddress, 200, "vxlan1")).toBe(true);
    expect(await arrives(OTHER.underlayAddress, 100, "vxlan0")).toBe(false);
    expect(await arrives(PEER.underlayAddress, 200, "vxlan1")).toBe(false);
    await remove(SECOND);
    expect(await arrives(PEER.underlayAddress, 100, "vxlan0")).toBe(true);
  });

  test("passes to a peer's own device of another VNI, and is dropped there too if a non-peer sends it", async () => {
    await makeNeighbour();
    await install();
    await host.on(
      "ip link add other type vxlan id 999 dstport 4789 dev eth0 local 10.196.218.222; ip link set other up; ip address add 192.168.0.1/32 dev other",
    );
    expect(await arrives(PEER.underlayAddress, 999, "other")).toBe(true);
    expect(await arrives("10.196.218.234", 999, "other")).toBe(false);
  });

  test("is dropped before connection tracking", async () => {
    await install();
    expect(await host.on("nft list table ip oci-vxlan")).toMatch(/hook prerouting priority (raw|-300);/);
  });

  test("is not confused with VXLAN that is on its way to another host", async () => {
    await install();
    expect(await host.on("nft list table ip oci-vxlan")).toMatch(
      /chain port-4789 \{\s+fib daddr type unicast return/,
    );
  });

  test("follows port and VNI", async () => {
    await install();
    await device({ settings: { port: 8472, vni: 7 } });
    const rules = await host.on("nft list ruleset");
    expect(rules).toContain("udp dport 8472 ");
    expect(rules).not.toContain("4789");
  });
});
