import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { waitForSsh } from "../../lab/hosts/sshProbe.ts";
import { killHost, rebootHost } from "../../lab/hosts/power.ts";
import { startHosts } from "../../lab/hosts/boot.ts";
import type { HostSpec } from "../../lab/hosts/inventory.ts";
import type { ImageName } from "../../lab/hosts/images.ts";
import { inNetwork } from "../../lab/network/network.ts";
import { until } from "../../lab/system/commands.ts";
import { silentProgress } from "../../lab/system/progress.ts";
import { countTries } from "../triedCounts.ts";
import { reimage } from "./support/faults.ts";
import { Fleet, HOSTS, overlayAddress } from "./support/fleet.ts";
import type { Host } from "./support/fleet.ts";
import { expectFailure, expectSuccess, expectUnchanged } from "./support/outcome.ts";
import { echoesLostDuring } from "./support/steadyEcho.ts";

const IMAGES: ImageName[] = ["ubuntu-like", "oracle-linux-like"];
/** Milliseconds after SSH answers within which a booted host has to pass traffic. */
const AFTER_BOOT = 5_000;

/**
 * Sends a VXLAN frame of VNI 100 with a datagram to port 7003. Arguments: underlay address, MAC and overlay address of
 * the receiver.
 */
const SEND_FRAME = `
import socket, struct, sys
underlay, mac, overlay = sys.argv[1:]
inner = struct.pack("!BBHHHBBH4s4s", 69, 0, 32, 0, 0, 64, 17, 0, socket.inet_aton("192.168.0.66"), socket.inet_aton(overlay))
total = sum(struct.unpack("!10H", inner)); total = (total & 0xffff) + (total >> 16)
inner = inner[:10] + struct.pack("!H", ~total & 0xffff) + inner[12:] + struct.pack("!HHHH", 7003, 7003, 12, 0) + b"test"
ethernet = bytes.fromhex(mac.replace(":", "")) + bytes.fromhex("020000000066") + b"\\x08\\x00"
frame = struct.pack("!II", 0x08000000, 100 << 8) + ethernet + inner
socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(frame, (underlay, 4789))
`;

/** Sends a datagram to a multicast or broadcast address. Arguments: source address, destination address, port. */
const SEND_TO_GROUP = `
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
s.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(sys.argv[1]))
s.bind((sys.argv[1], 0))
s.sendto(b"test", (sys.argv[2], int(sys.argv[3])))
`;

/** Traffic that the connectivity test does not cover, and outages that hosts recover from by themselves. */
describe.each(IMAGES)("an overlay on %s", (image) => {
  let fleet: Fleet;
  const onEach = (script: string) => Promise.all(HOSTS.map((host) => fleet.on(host, script)));
  const readDevices = () => Promise.all(HOSTS.map((host) => fleet.vxlan0(host)));
  const spec = (host: Host) => fleet.stack.inventory[host] as HostSpec;
  const reboot = (host: Host) => rebootHost(fleet.stack.lab, host, spec(host));

  beforeAll(async () => {
    fleet = await Fleet.boot("traffic", image);
    await fleet.up();
  });
  afterAll(() => fleet.stack.remove());

  /** Counts, from zero, the datagrams that arrive on vxlan0 at the ports of these tests. */
  const startCounting = (host: Host) => {
    const rules = [7001, 7002, 7003].map((port) => `iifname "vxlan0" udp dport ${port} counter; `).join("");
    return fleet.on(
      host,
      "nft 'add table inet test_counters; delete table inet test_counters; table inet test_counters { chain c { " +
        `type filter hook prerouting priority -400; ${rules}}; }'`,
    );
  };
  const stopCounting = () => onEach("nft delete table inet test_counters 2>/dev/null || true");
  /** Lists the ports at which datagrams have arrived. */
  const countedPorts = async (host: Host) => {
    const counters = await fleet.on(host, "nft list table inet test_counters");
    return [...counters.matchAll(/dport (\d+) counter packets ([1-9]\d*)/g)].map(([, port]) => Number(port));
  };

  test("broadcast and multicast reach every host", async () => {
    await Promise.all(HOSTS.map(startCounting));
    await fleet.python("alpha", SEND_TO_GROUP, overlayAddress("alpha"), "192.168.0.255", "7001");
    await fleet.python("alpha", SEND_TO_GROUP, overlayAddress("alpha"), "239.1.1.1", "7002");
    for (const host of ["beta", "gamma"] as const) {
      const haveBothArrived = async () => (await countedPorts(host)).join() === "7001,7002";
      await until(`both datagrams on ${host}`, 20_000, haveBothArrived);
    }
  });

  test("an address that is not in the config is found by ARP, and receives jumbo frames", async () => {
    await fleet.on("beta", "ip address add 192.168.0.50/24 dev vxlan0");
    await fleet.on("alpha", "ping -n -c 1 -W 2 -M do -s 8922 192.168.0.50");
    expect(await fleet.on("alpha", "ip neigh show 192.168.0.50")).toContain(fleet.macs["beta"]);
    await fleet.on("beta", "ip address del 192.168.0.50/24 dev vxlan0");
  });

  test("a frame from a non-peer is dropped, and it is the peer filter that drops it", async () => {
    const receiver = [fleet.underlay("alpha"), fleet.macs["alpha"] ?? "", overlayAddress("alpha")];
    const sendFromNonPeer = () =>
      inNetwork(fleet.stack.lab.namespace("operator"), `python3 -c '${SEND_FRAME}' ${receiver.join(" ")}`);
    const hasArrived = async () => {
      // The frame was sent before this login, so it has arrived if it does at all.
      await waitForSsh(fleet.stack.lab, "alpha", fleet.underlay("alpha"));
      return (await countedPorts("alpha")).includes(7003);
    };
    await startCounting("alpha");
    await sendFromNonPeer();
    expect(await hasArrived()).toBe(false);
    await fleet.python("beta", SEND_FRAME, ...receiver);
    await until("the frame of a peer", 20_000, hasArrived);

    await fleet.on("alpha", "systemctl stop oci-vxlan@lab.overlay; nft delete table ip oci-vxlan");
    await startCounting("alpha");
    await sendFromNonPeer();
    await until("the non-peer's frame, without the peer filter", 20_000, hasArrived);
    await fleet.on("alpha", "systemctl start oci-vxlan@lab.overlay; nft list table ip oci-vxlan");
    await stopCounting();
  });

  test("a second stack on the same hosts comes and goes, and the first one's overlay loses no echo", async ({
    task,
  }) => {
    countTries("changes", 2)({ task });
    const pair = ["alpha", "beta"] as const;
    const devicesBefore = await readDevices();
    const secondStack = fleet.stack.otherStack("lab-existing");
    const config = secondStack.config((e) => {
      Object.assign(e.overlay, { device: "vxlan1", vni: 200, cidrs: ["192.168.7.0/24"] });
      delete e.hosts.gamma;
      pair.forEach((host, index) => (e.hosts[host].overlayAddresses = [`192.168.7.${index + 1}`]));
    });
    const addAndRemoveStack = async () => {
      expectSuccess(await secondStack.up(config));
      expect(await fleet.pings("alpha", "192.168.7.2")).toBe(true);
      expect(await fleet.failures()).toEqual([]);
      await fleet.on("beta", "systemctl stop oci-vxlan@lab-existing.overlay && ip link del vxlan1");
      expect(await fleet.pings("alpha", "192.168.7.2")).toBe(false);
      expectSuccess(await secondStack.destroy(config));
    };
    expect(
      await echoesLostDuring(fleet.stack, "alpha", overlayAddress("beta"), addAndRemoveStack, 0.02),
    ).toBe(0);
    for (const host of pair) {
      expect(
        await fleet.on(
          host,
          "ls -d /etc/oci-vxlan/* /var/lib/oci-vxlan/*; ip -o link show type vxlan; nft list ruleset",
        ),
      ).not.toMatch(/lab-existing|vxlan1|peers-200/);
    }
    expect(await readDevices()).toEqual(devicesBefore);
    expect(await fleet.failures()).toEqual([]);
    expectUnchanged(await fleet.stack.up());
  });

  test("keepalived moves a floating address to another host within three seconds after a power cut", async () => {
    for (const [host, priority] of [
      ["alpha", 150],
      ["beta", 100],
    ] as const) {
      await fleet.on(
        host,
        `printf '%s\\n' 'global_defs {' ' vrrp_version 3' '}' 'vrrp_instance floating {' ' interface vxlan0' ' virtual_router_id 7' ' priority ${priority}' ` +
          `' advert_int 0.3' ' virtual_ipaddress {' '  192.168.0.100/24' ' }' '}' >/etc/keepalived/keepalived.conf; systemctl unmask keepalived; systemctl start keepalived`,
      );
    }
    const hasFloatingAddress = async (host: Host) =>
      (await fleet.on(host, "ip -o address show dev vxlan0")).includes("192.168.0.100/24");
    await until(
      "alpha's floating address",
      10_000,
      async () => (await hasFloatingAddress("alpha")) && !(await hasFloatingAddress("beta")),
    );
    await until("its use from gamma", 20_000, () => fleet.pings("gamma", "192.168.0.100"));
    // The host's program checks the device when it starts, and leaves the address there.
    await fleet.on("alpha", "systemctl restart oci-vxlan@lab.overlay");
    expect(await hasFloatingAddress("alpha")).toBe(true);

    const killedAt = performance.now();
    await killHost(fleet.stack.lab, "alpha");
    await until("the move", 10_000, () => fleet.pings("gamma", "192.168.0.100", 0.2));
    expect(performance.now() - killedAt).toBeLessThan(3_000);
    expect(await hasFloatingAddress("beta")).toBe(true);
  });

  test("a host passes traffic again after a power cut", async () => {
    await startHosts(fleet.stack.lab, fleet.stack.inventory, silentProgress);
    await until("its return", AFTER_BOOT, () => fleet.pings("beta", overlayAddress("alpha")));
    for (const host of ["alpha", "beta"] as const)
      await fleet.on(host, "systemctl --quiet stop keepalived; systemctl --quiet mask keepalived");
    expect(await fleet.failures()).toEqual([]);
  });

  test("traffic passes within five seconds after SSH answers when one host, and when all hosts rebooted", async () => {
    await reboot("beta");
    await until("beta's return", AFTER_BOOT, () => fleet.pings("beta", overlayAddress("gamma")));
    await Promise.all(HOSTS.map(reboot));
    await Promise.all(
      HOSTS.flatMap((from) =>
        HOSTS.filter((to) => to !== from).map((to) =>
          until(`${from} -> ${to}`, AFTER_BOOT, () => fleet.pings(from, overlayAddress(to))),
        ),
      ),
    );
    expect(await fleet.failures()).toEqual([]);
    for (const host of HOSTS) expect(await fleet.vxlan0(host)).toContain(`link/ether ${fleet.macs[host]}`);
    expect((await fleet.stack.up()).counts).toEqual({ unchanged: 10 });
  });

  test("a service with the documented drop-in finds the overlay address when it starts at boot", async () => {
    const page = readFileSync(new URL("../../docs/troubleshooting.md", import.meta.url), "utf8");
    const dropIn =
      /```ini\n(# \/etc\/systemd\/system\/NAME\.service\.d\/overlay\.conf\n[^]*?)```/.exec(page)?.[1] ?? "";
    expect(dropIn).toContain("[Unit]");
    await fleet.on(
      "gamma",
      `mkdir -p /etc/systemd/system/binds.service.d; cat >/etc/systemd/system/binds.service.d/overlay.conf <<'END'
${dropIn}END
cat >/etc/systemd/system/binds.service <<'END'
[Service]
ExecStartPre=/bin/mkdir -p /run/sshd
ExecStart=/usr/sbin/sshd -D -o PidFile=none -o ListenAddress=${overlayAddress("gamma")}:2222
[Install]
WantedBy=multi-user.target
END
systemctl --quiet enable binds.service`,
    );
    await reboot("gamma");
    await fleet.stack.waitForBoot("gamma");
    await until("its start", 20_000, async () =>
      /^(active|failed)$/.test(
        await fleet.on("gamma", "systemctl show --property=ActiveState --value binds.service"),
      ),
    );
    expect(await fleet.on("gamma", "journalctl --boot --unit binds.service --output cat")).not.toContain(
      "Cannot",
    );
    expect(await fleet.on("gamma", "ss -Hltn 'sport = :2222'")).toContain(`${overlayAddress("gamma")}:2222`);
    await fleet.on(
      "gamma",
      "systemctl --quiet disable --now binds.service; rm -r /etc/systemd/system/binds.service*; systemctl daemon-reload",
    );
  });

  test("a unit that waits for its NIC can be stopped, and has not failed", async () => {
    await fleet.on(
      "gamma",
      "ip route save dev ens3 >/run/routes; ip address del 10.196.219.4/24 dev ens3; rm -f /run/oci-vxlan/lab.overlay/snapshot; systemctl restart --no-block oci-vxlan@lab.overlay",
    );
    const unitState = () =>
      fleet.on("gamma", "systemctl show --property=ActiveState --value oci-vxlan@lab.overlay");
    await until("the start", 10_000, async () => (await unitState()) === "activating");
    await fleet.on(
      "gamma",
      "systemctl stop oci-vxlan@lab.overlay; ip address add 10.196.219.4/24 dev ens3; ip route restore </run/routes",
    );
    expect(await unitState()).toBe("inactive");
    await fleet.on("gamma", "systemctl start oci-vxlan@lab.overlay");
    expect(await fleet.failures()).toEqual([]);
  });

  test("a host whose unit is stopped repairs nothing, over a reboot too, and up fails and names it", async () => {
    await fleet.on("alpha", "systemctl stop oci-vxlan@lab.overlay");
    const stoppedAt = Date.now();
    const deleteNeighbour = `ip neigh del ${overlayAddress("gamma")} dev vxlan0`;
    await fleet.on("alpha", deleteNeighbour);
    await fleet.expectRepair("beta", "vxlan0", 2_000, () => fleet.on("beta", deleteNeighbour));
    expect(await fleet.vxlan0("alpha")).not.toContain(overlayAddress("gamma"));

    // `up` fails whether it changes the host or not.
    const otherConfig = fleet.stack.config((e) => (e.hosts.alpha.generation = 1));
    for (const config of [fleet.stack.config(), otherConfig]) {
      const text = expectFailure(await fleet.stack.up(config));
      expect(text).toMatch(/overlay lab\.overlay is paused on alpha: its unit .* is stopped/);
      expect(text).not.toMatch(/paused on (beta|gamma)/);
    }
    const refresh = ["refresh", "--yes", "--skip-preview", "--run-program"];
    const withoutCheck = { variables: { OCI_VXLAN_ASK: "no" } };
    expectSuccess(await fleet.stack.pulumi(refresh, fleet.stack.config(), withoutCheck));
    // Wait for longer than a running unit ever waits between two checks.
    await sleep(Math.max(0, stoppedAt + 28_000 - Date.now()));
    expect(await fleet.vxlan0("alpha")).not.toContain(overlayAddress("gamma"));

    await fleet.on("alpha", "systemctl --quiet disable oci-vxlan@lab.overlay");
    await reboot("alpha");
    await fleet.stack.waitForBoot("alpha");
    expect(await fleet.on("alpha", "ip -o link show type vxlan")).toBe("");
    const { text } = await fleet.stack.up(otherConfig);
    expect(text).toMatch(/paused on alpha: .*sudo systemctl enable --now oci-vxlan@lab\.overlay/s);

    await fleet.on("alpha", "systemctl --quiet enable --now oci-vxlan@lab.overlay");
    expectSuccess(await fleet.stack.up(otherConfig));
    expect(await fleet.failures()).toEqual([]);
  });

  test("a re-imaged host with its old address and MAC gets its peers back at the next up", async () => {
    const before = await fleet.vxlan0("beta");
    await reimage(fleet.stack, "beta");
    expect(await fleet.on("beta", "ls /etc/oci-vxlan 2>/dev/null || true")).toBe("");
    await fleet.on(
      "beta",
      `mkdir -p /var/lib/oci-vxlan/lab.overlay; echo ${fleet.macs["beta"]} >/var/lib/oci-vxlan/lab.overlay/mac`,
    );
    expectSuccess(await fleet.stack.up(fleet.stack.config((e) => (e.hosts.alpha.generation = 1))));
    expect((await fleet.stack.outputs()).macs).toEqual(fleet.macs);
    expect(await fleet.vxlan0("beta")).toBe(before);
    expect(await fleet.failures()).toEqual([]);
  });
});
