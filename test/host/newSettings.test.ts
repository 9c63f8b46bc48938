import { describe, expect, test } from "vitest";
import { peersSettings } from "../../components/vxlan/phases/peers.ts";
import {
  OTHER,
  OVERLAY,
  PEER,
  RESOURCE,
  device,
  host,
  install,
  kernel,
  peers,
  reconcile,
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

  test.each([
    ["192.168.0.0/24", "192.168.0.0/23", "192.168.0.1", "192.168.0.99"],
    ["fd00:77::/64", "fd00:77::/80", "fd00:77::1", "fd00:77::99"],
  ])(
    "gives its address in %s the prefix of %s and back, and an administrator's entry stays",
    async (...args) => {
      const [before, after, address, neighbour] = args;
      const deviceAddresses = async () =>
        (await host.on("ip -o address show dev vxlan0 scope global")).match(/[0-9a-f.:]+\/[0-9]+/g);
      const withNetwork = (cidr: string) =>
        device({ settings: { cidrs: [cidr] }, overlayAddresses: [address] });
      await withNetwork(before);
      await host.on(`ip neigh add ${neighbour} lladdr 02:00:00:00:00:99 dev vxlan0 nud permanent`);
      for (const cidr of [after, before]) {
        await withNetwork(cidr);
        expect(await deviceAddresses()).toEqual([`${address}/${cidr.split("/")[1]}`]);
        expect(await kernel()).toContain(neighbour);
      }
    },
  );

  test("removes an address of older settings once, however many of them had it", async () => {
    await install();
    // Settings are kept so while the kernel refuses an entry of the new ones.
    await host.on(`
      ip address add 192.168.0.77/24 dev vxlan0
      printf 'address 192.168.0.77/24\\naddress 192.168.0.77/24\\n' >/var/lib/oci-vxlan/${OVERLAY}/leaving`);
    expect(await reconcile()).toContain("ip address del 192.168.0.77/24 dev vxlan0");
    expect(await kernel()).not.toContain("192.168.0.77");
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

  test("replaces a file as a whole, so a process that reads the old one reads all of it", async () => {
    const { installation } = await install();
    const file = `/etc/oci-vxlan/${OVERLAY}/peers`;
    await host.on(`ln ${file} /root/before; cp ${file} /root/copy`);
    await peers(installation, [PEER, OTHER]);
    expect(await host.on(`cat ${file}`)).toContain(OTHER.mac);
    await host.on("cmp /root/before /root/copy");
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
});
