import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { parseDeviceReport } from "../../components/vxlan/deviceReport.ts";
import type { DeviceReport } from "../../components/vxlan/deviceReport.ts";
import { deviceSettings, peersSettings } from "../../components/vxlan/phases.ts";
import { withDefaults } from "../../components/vxlan/settings.ts";
import type { OverlaySettings } from "../../components/vxlan/settings.ts";
import { NamespaceHost } from "./namespace.ts";

const PEER = {
  name: "host02",
  mac: "5e:ee:f2:ab:43:f9",
  underlayAddress: "10.196.218.226",
  overlayAddresses: ["192.168.0.2"],
};
const OTHER = {
  name: "host03",
  mac: "5e:ee:f2:ab:43:fa",
  underlayAddress: "10.196.218.230",
  overlayAddresses: ["192.168.0.3"],
};
const HOST = { underlayAddress: "10.196.218.222", overlayAddresses: ["192.168.0.1"] };

let host: NamespaceHost;
beforeEach(async () => {
  host = await NamespaceHost.make();
});
afterEach(() => host.remove());

const settings = (change: Partial<OverlaySettings> = {}, overlay = "lab.overlay", generation = 0) =>
  deviceSettings(
    { overlay, owner: `oci-vxlan/lab/${overlay}` },
    withDefaults({ cidrs: ["192.168.0.0/24"], ...change }),
    HOST,
    { generation },
  );

/** Runs the device phase, which must succeed, and returns its report. */
async function device(
  change: Partial<OverlaySettings> = {},
  overlay = "lab.overlay",
  generation = 0,
): Promise<DeviceReport> {
  const result = await host.program(["device", overlay], settings(change, overlay, generation));
  expect(result.exitCode, result.stderr).toBe(0);
  expect(result.stdout.split("\n")).toHaveLength(1);
  return parseDeviceReport("host01", result.stdout);
}

async function peers(installation: string, list = [PEER], mtu = 8950): Promise<void> {
  const result = await host.program(
    ["peers", "lab.overlay"],
    peersSettings({ installation, mtu, peers: list }),
  );
  expect(result.exitCode, result.stderr).toBe(0);
}

/** What the kernel holds of the device, but for link-local addresses and multicast neighbours, which it keeps itself. */
const kernel = () =>
  host.on(
    "{ ip -d -o link show vxlan0 | cut -d: -f2-; ip -o address show dev vxlan0 | cut -d: -f2-; bridge fdb show dev vxlan0 | sort; ip neigh show dev vxlan0 | sort; } | grep -vE 'fe80:|ff02:'",
  );
const reconcile = async () => {
  const result = await host.program(["reconcile", "lab.overlay"]);
  expect(result.exitCode, result.stderr).toBe(0);
  return result.stderr;
};

describe("the host side", () => {
  test("makes the device, and prints one line that is true", async () => {
    const report = await device();
    expect(await host.on("ip -o link show vxlan0")).toContain(`link/ether ${report.mac}`);
    expect(report.underlayMtu).toBe(9000);
    expect(Number.parseInt(report.mac.slice(0, 2), 16) & 3).toBe(2); // local, unicast
    expect(await host.on("cat /run/stand-ins/systemctl.log")).toMatch(
      /enable oci-vxlan@lab\.overlay\.service/,
    );
  });

  test("run twice, gives the same report and says nothing", async () => {
    const report = await device();
    await peers(report.installation);
    const before = await kernel();
    const again = await host.program(["device", "lab.overlay"], settings());
    expect(again.stderr).toBe("");
    expect(parseDeviceReport("host01", again.stdout)).toEqual(report);
    expect(await kernel()).toBe(before);
  });

  test.each([
    ["the device is deleted", "ip link del vxlan0"],
    ["it is set down, which flushes its neighbours", "ip link set vxlan0 down"],
    ["its MAC is changed", "ip link set vxlan0 address 02:00:00:00:00:99"],
    ["its MTU is changed", "ip link set vxlan0 mtu 1400"],
    ["its address is removed", "ip address del 192.168.0.1/24 dev vxlan0"],
    ["a peer's FDB entry is deleted", `bridge fdb del ${PEER.mac} dev vxlan0 dst ${PEER.underlayAddress}`],
    ["a peer's FDB entry points elsewhere", `bridge fdb replace ${PEER.mac} dev vxlan0 dst 10.9.9.9`],
    ["a peer's neighbour entry is deleted", "ip neigh del 192.168.0.2 dev vxlan0"],
    [
      "a peer's neighbour entry is changed",
      "ip neigh replace 192.168.0.2 lladdr 02:00:00:00:00:98 dev vxlan0 nud permanent",
    ],
    [
      "another VXLAN device took its place",
      "ip link del vxlan0; ip link add vxlan0 type vxlan id 7 dstport 4789 dev eth0",
    ],
  ])("mends it when %s, and says so", async (_, damage) => {
    await peers((await device()).installation);
    const whole = await kernel();
    await host.on(damage);
    expect(await kernel().catch(() => "no device")).not.toBe(whole);
    expect(await reconcile()).toMatch(/^oci-vxlan: lab\.overlay: /);
    expect(await kernel()).toBe(whole);
    expect(await reconcile()).toBe("");
  });

  test("leaves alone what an administrator added", async () => {
    await peers((await device()).installation);
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

  test("forgets a peer that left, and follows one that moved", async () => {
    const { installation } = await device();
    await peers(installation, [PEER, OTHER]);
    expect(await kernel()).toContain(OTHER.mac);
    await peers(installation, [{ ...PEER, underlayAddress: "10.196.218.234" }]);
    const after = await kernel();
    expect(after).not.toContain(OTHER.mac);
    expect(after).not.toContain("192.168.0.3");
    expect(after).toContain(`${PEER.mac} dst 10.196.218.234`);
  });

  test("replicates broadcasts to every peer where that is asked for, and to nobody else", async () => {
    const { installation } = await device({ flood: true });
    await peers(installation, [PEER, OTHER]);
    await host.on("bridge fdb append 00:00:00:00:00:00 dev vxlan0 dst 10.9.9.9");
    await reconcile();
    const zero = (await kernel()).split("\n").filter((line) => line.startsWith("00:00:00:00:00:00"));
    expect(zero.map((line) => line.split(" ")[2])).toEqual(["10.196.218.226", "10.196.218.230"]);
  });

  test("keeps its MAC when VNI, port or name change, and draws another installation for another generation", async () => {
    const { mac, installation } = await device();
    expect(await device({ vni: 101, port: 8472 })).toMatchObject({ mac, installation });
    expect(await host.on("ip -d -o link show vxlan0")).toMatch(/vxlan id 101 .* dstport 8472/);
    expect(await device({ device: "overlay1" })).toMatchObject({ mac, installation });
    expect(await host.on("ip -o link show type vxlan")).not.toContain("vxlan0");
    const next = await device({}, "lab.overlay", 1);
    expect(next.mac).toBe(mac);
    expect(next.installation).not.toBe(installation);
  });

  test("carries IPv4 and IPv6", async () => {
    const both = withDefaults({ cidrs: ["192.168.0.0/24", "fd00::/64"] });
    const text = deviceSettings(
      { overlay: "lab.overlay", owner: "o" },
      both,
      { ...HOST, overlayAddresses: ["192.168.0.1", "fd00::1"] },
      { generation: 0 },
    );
    const { stdout } = await host.program(["device", "lab.overlay"], text);
    await peers(parseDeviceReport("host01", stdout).installation, [
      { ...PEER, overlayAddresses: ["192.168.0.2", "fd00::2"] },
    ]);
    expect(await kernel()).toMatch(/fd00::2 lladdr 5e:ee:f2:ab:43:f9 PERMANENT/);
    expect(await host.on("ip -o -6 address show dev vxlan0 to fd00::1 | grep -c tentative || true")).toBe(
      "0",
    );
    expect(await reconcile()).toBe("");
  });
});

describe("the host firewall", () => {
  const REJECT = "iptables -A INPUT -p tcp --dport 22 -j ACCEPT; iptables -A INPUT -j REJECT";

  test("gets its accept rules ahead of the image's REJECT, and loses them alone", async () => {
    await host.on(REJECT);
    const before = await host.on("iptables -S");
    await peers((await device()).installation);
    const rules = await host.on("iptables -S");
    expect(rules.indexOf("oci-vxlan lab.overlay")).toBeGreaterThan(0);
    expect(rules.indexOf("oci-vxlan lab.overlay")).toBeLessThan(rules.indexOf("-A INPUT -j REJECT"));
    expect(rules).toMatch(/ -p udp -m udp --dport 4789 -j ACCEPT\n.* -i vxlan0 -j ACCEPT/);
    await host.program(["remove-device", "lab.overlay", "oci-vxlan/lab/lab.overlay"]);
    expect(await host.on("iptables -S")).toBe(before);
  });

  test("is mended when it was flushed and loaded again", async () => {
    await host.on(REJECT);
    await peers((await device()).installation);
    const whole = await host.on("iptables -S");
    await host.on(`iptables -F; iptables -X; ${REJECT}`);
    await reconcile();
    expect(await host.on("iptables -S")).toBe(whole);
  });

  test("is left as it is where nothing in it refuses", async () => {
    await peers((await device()).installation);
    expect(await host.on("iptables -S; ip6tables -S")).not.toContain("oci-vxlan");
  });

  test("is left to its administrator on request, and closed to the overlay with ingress none", async () => {
    await host.on(REJECT);
    await device({ hostFirewall: "leave" });
    expect(await host.on("iptables -S")).not.toContain("oci-vxlan");
    await peers((await device({ overlayIngress: "none" })).installation);
    expect(await host.on("iptables -S")).not.toContain("-i vxlan0");
    expect(await host.on("iptables -S")).toContain("--dport 4789 -j ACCEPT");
  });
});

describe("removal", () => {
  test("takes the peers of its own installation only", async () => {
    const { installation } = await device();
    await peers(installation);
    const whole = await kernel();
    const foreign = await host.program(["remove-peers", "lab.overlay", "another"]);
    expect([foreign.exitCode, foreign.stderr]).toEqual([
      0,
      expect.stringContaining("of another installation and stay"),
    ]);
    expect(await kernel()).toBe(whole);
    expect((await host.program(["remove-peers", "lab.overlay", installation])).exitCode).toBe(0);
    expect(await kernel()).not.toContain(PEER.mac);
  });

  test("takes the device of its own owner only, and the program with the last overlay", async () => {
    await device();
    await device({ device: "vxlan1", vni: 101, port: 4790 }, "lab.second");
    const foreign = await host.program(["remove-device", "lab.overlay", "someone/else"]);
    expect(foreign.stderr).toContain("belongs to oci-vxlan/lab/lab.overlay and stays");
    await host.program(["remove-device", "lab.overlay", "oci-vxlan/lab/lab.overlay"]);
    expect(await host.on("ip -o link show type vxlan")).toContain("vxlan1");
    expect(await host.on("ls /usr/local/lib/oci-vxlan")).toContain("oci-vxlan");
    const last = await host.program(["remove-device", "lab.second", "oci-vxlan/lab/lab.second"]);
    expect(last.exitCode, last.stderr).toBe(0);
    expect(await host.on("ip -o link show type vxlan")).toBe("");
    expect(
      await host.on(
        "ls -d /etc/oci-vxlan /var/lib/oci-vxlan /usr/local/lib/oci-vxlan /etc/systemd/system/oci-vxlan* 2>/dev/null || true",
      ),
    ).toBe("");
  });
});

describe("refusals say what is wrong, where, and what to do", () => {
  const refused = async (text: string, overlay = "lab.overlay") => {
    const { exitCode, stderr, stdout } = await host.program(["device", overlay], text);
    expect(exitCode).toBe(1);
    expect(stdout).toBe("");
    return stderr;
  };

  test("a device that somebody else made", async () => {
    await host.on("ip link add vxlan0 type vxlan id 7 dstport 4790 dev eth0");
    expect(await refused(settings())).toMatch(
      /vxlan0 on \S+ is there already and was not made by oci-vxlan: remove it with/,
    );
    expect(await host.on("ls /etc/oci-vxlan 2>/dev/null || true")).toBe("");
  });
  test("a device of another overlay", async () => {
    await device();
    expect(await refused(settings({}, "lab.second"), "lab.second")).toMatch(
      /vxlan0 on \S+ belongs to oci-vxlan\/lab\/lab\.overlay/,
    );
  });
  test("an underlay address that no NIC carries", async () => {
    const text = settings().replace("10.196.218.222", "10.196.218.230");
    expect(await refused(text)).toMatch(
      /no interface of \S+ carries the underlay address 10\.196\.218\.230; it has eth0 10\.196\.218\.222\/30/,
    );
  });
  test("an MTU that the NIC does not carry", async () => {
    await host.on("ip link set eth0 mtu 1500");
    expect(await refused(settings({ mtu: 8950 }))).toMatch(
      /mtu 8950 does not fit on \S+: eth0 carries 1500 bytes.* set mtu to 1450 or less/,
    );
  });
  test("peers of another installation", async () => {
    await device();
    const { exitCode, stderr } = await host.program(
      ["peers", "lab.overlay"],
      peersSettings({ installation: "old", mtu: 8950, peers: [PEER] }),
    );
    expect([exitCode, stderr]).toEqual([
      1,
      expect.stringMatching(/was installed anew since its device phase: run pulumi up again/),
    ]);
  });
});
