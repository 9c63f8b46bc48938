import { describe, expect, test } from "vitest";
import { parseDeviceReport } from "../../components/vxlan/phases/device.ts";
import { PROGRAM } from "../../components/vxlan/phases/phase.ts";
import { until } from "../../lab/system/commands.ts";
import {
  OVERLAY,
  PEER,
  device,
  files,
  host,
  install,
  kernel,
  linkWord,
  remove,
  reconcile,
  settingsOf,
  useHostForEachTest,
} from "./overlay.ts";

useHostForEachTest();

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
    const secondRun = await host.devicePhase(OVERLAY, settingsOf());
    expect(secondRun.stderr).toBe("");
    expect(parseDeviceReport("host01", secondRun.stdout)).toEqual(report);
    expect(await reconcile()).toBe("");
    expect([await kernel(), await files()]).toEqual(before);
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
    const cleanTables = await kernel();
    await host.on("ip link set vxlan0 down"); // The kernel forgets IPv6 addresses and neighbours with it.
    await reconcile();
    expect(await kernel()).toBe(cleanTables);
  });

  test("has its IPv6 address, route and prefix back, with IPv6 switched off and on", async () => {
    const ipv6Args = { settings: { cidrs: ["fd00::/64"] }, overlayAddresses: ["fd00::1"] };
    await install(ipv6Args, [{ ...PEER, overlayAddresses: ["fd00::2"] }]);
    const cleanTables = await kernel();
    for (const damage of [
      "ip address del fd00::1/64 dev vxlan0; ip address add fd00::1/128 dev vxlan0 nodad",
      "ip -6 route del fd00::/64 dev vxlan0",
      "echo 1 >/proc/sys/net/ipv6/conf/vxlan0/disable_ipv6",
    ]) {
      await host.on(damage);
      expect(await kernel()).not.toBe(cleanTables);
      expect(await reconcile()).not.toBe("");
      expect(await kernel()).toBe(cleanTables);
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

  test("says where to look for a device that was moved into another namespace", async () => {
    await install();
    await host.on("mkdir -p /run/netns; ip netns add away; ip link set vxlan0 netns away");
    const { exitCode, stderr } = await host.program(["reconcile", OVERLAY]);
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/does not make vxlan0, .*VNI 100 at port 4789.*lsns -t net/);
    await host.on("ip netns del away");
    await until("its end", 20_000, async () => (await host.program(["reconcile", OVERLAY])).exitCode === 0);
  });

  test("keeps non-peers out while the NIC lacks its address, and logs what is wrong", async () => {
    await install();
    await host.on("ip address flush dev eth0; nft delete table ip oci-vxlan");
    const { exitCode, stderr } = await host.program(["reconcile", OVERLAY]);
    expect([exitCode, stderr]).toEqual([1, expect.stringContaining("carries the underlay address")]);
    expect(await host.on("nft list table ip oci-vxlan")).toContain(PEER.underlayAddress);
  });

  test("works after the clock was set back", async () => {
    await install();
    await host.on(`touch -d '+1 hour' /etc/oci-vxlan/${OVERLAY}/*`);
    expect(await reconcile()).toBe("");
  });

  test("says which file is damaged where its MAC is lost, and draws another when it is set up again", async () => {
    const { mac } = await install();
    await host.on(`: >/var/lib/oci-vxlan/${OVERLAY}/mac`);
    const { exitCode, stderr } = await host.program(["reconcile", OVERLAY]);
    expect([exitCode, stderr]).toEqual([
      1,
      expect.stringMatching(/lab\.overlay\/mac on \S+ holds no MAC: raise this host's generation/),
    ]);
    const secondReport = await device({ generation: 1 });
    expect(secondReport.mac).not.toBe(mac);
    expect(await linkWord("link/ether")).toBe(secondReport.mac);
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
    const holdLocks = 'for path; do flock -x "$path" sleep 60 & done; sleep 1; touch /tmp/held; wait';
    const paths = [
      "/root /run /run/oci-vxlan /run/oci-vxlan/lock /run/lock /etc /etc/oci-vxlan /var/lib /var/lib/oci-vxlan",
      `/usr/local /usr/local/lib /usr/local/lib/oci-vxlan /usr/local/sbin ${PROGRAM}`,
    ];
    host.start([...asNobody, "bash", "-c", holdLocks, "bash", ...paths.join(" ").split(" ")]);
    await host.on("until [ -e /tmp/held ]; do :; done");
    await host.on("ip link set vxlan0 mtu 1400");
    const start = performance.now();
    await reconcile();
    expect(await linkWord("mtu")).toBe("8950");
    expect(performance.now() - start).toBeLessThan(10_000); // A run waits for another one for 30 s.
    await remove();
  });
});
