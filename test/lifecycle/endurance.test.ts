import { rmSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parseDeviceReport } from "../../components/vxlan/phases/device.ts";
import { devicePhase } from "../../components/vxlan/phases/device.ts";
import { peersPhase } from "../../components/vxlan/phases/peers.ts";
import { planMesh } from "../../components/vxlan/plan.ts";
import type { PeersPlan } from "../../components/vxlan/plan.ts";
import { withDefaults } from "../../components/vxlan/settings.ts";
import { until } from "../../lab/system/commands.ts";
import { awaitSsh, inHost, killHost, rebootHost, removeHost, upHosts } from "../../lab/hosts/hosts.ts";
import type { HostSpec } from "../../lab/hosts/hosts.ts";
import type { ImageName } from "../../lab/hosts/images.ts";
import { hostKey } from "../../lab/hosts/keys.ts";
import { inNetwork } from "../../lab/network/network.ts";
import { silentProgress } from "../../lab/system/progress.ts";
import { Fleet, HOSTS, overlayAddress } from "./endurance.ts";
import type { Host } from "./endurance.ts";

const IMAGES: ImageName[] = ["ubuntu-like", "oracle-linux-like"];
/** Milliseconds after SSH answers in which a booted host has to be back in the overlay. */
const AFTER_BOOT = 5_000;

/** Sends a VXLAN frame of VNI 100 with a UDP datagram to port 7003 inside: TO ADDRESS, its MAC, its overlay address. */
const FRAME = `
import socket, struct, sys
underlay, mac, overlay = sys.argv[1:]
inner = struct.pack("!BBHHHBBH4s4s", 69, 0, 32, 0, 0, 64, 17, 0, socket.inet_aton("192.168.0.66"), socket.inet_aton(overlay))
total = sum(struct.unpack("!10H", inner)); total = (total & 0xffff) + (total >> 16)
inner = inner[:10] + struct.pack("!H", ~total & 0xffff) + inner[12:] + struct.pack("!HHHH", 7003, 7003, 12, 0) + b"test"
ethernet = bytes.fromhex(mac.replace(":", "")) + bytes.fromhex("020000000066") + b"\\x08\\x00"
frame = struct.pack("!II", 0x08000000, 100 << 8) + ethernet + inner
socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(frame, (underlay, 4789))
`;

/** Sends one datagram to a group or broadcast address from the overlay: FROM, TO, PORT. */
const TO_ALL = `
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
s.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(sys.argv[1]))
s.bind((sys.argv[1], 0))
s.sendto(b"test", (sys.argv[2], int(sys.argv[3])))
`;

/** The overlay holds for years: over reboots and dead hosts, for all that an Ethernet carries, with nobody's help. */
describe.each(IMAGES)("the overlay on %s", (image) => {
  let fleet: Fleet;
  const each = <T>(look: (host: Host) => Promise<T>) => Promise.all(HOSTS.map(look));
  const spec = (host: Host) => fleet.env.inventory[host] as HostSpec;

  beforeAll(async () => {
    fleet = await Fleet.boot("endurance", image);
    const { exitCode, text } = await fleet.env.up();
    expect(exitCode, text).toBe(0);
    fleet.macs = (await fleet.env.outputs()).macs;
  });
  afterAll(() => fleet.env.remove());

  const counted = async (host: Host) => {
    const counters = await fleet.on(host, "nft list table inet seen");
    return [...counters.matchAll(/dport (\d+) counter packets ([1-9]\d*)/g)].map(([, port]) => Number(port));
  };
  const count = (host: Host) =>
    fleet.on(
      host,
      "nft 'add table inet seen; delete table inet seen; table inet seen { chain c { type filter hook prerouting priority -400; " +
        'iifname "vxlan0" udp dport 7001 counter; iifname "vxlan0" udp dport 7002 counter; iifname "vxlan0" udp dport 7003 counter; }; }\'',
    );

  test("carries broadcast and multicast to every host", async () => {
    await each(count);
    await fleet.python("alpha", TO_ALL, overlayAddress("alpha"), "192.168.0.255", "7001");
    await fleet.python("alpha", TO_ALL, overlayAddress("alpha"), "239.1.1.1", "7002");
    for (const host of ["beta", "gamma"] as const) {
      await until(`both on ${host}`, 2_000, async () => (await counted(host)).join() === "7001,7002");
    }
  });

  test("finds an address that nobody was told of, and carries jumbo frames to it", async () => {
    await fleet.on("beta", "ip address add 192.168.0.50/24 dev vxlan0");
    await fleet.on("alpha", "ping -n -c 1 -W 2 -M do -s 8922 192.168.0.50");
    expect(await fleet.on("alpha", "ip neigh show 192.168.0.50")).toContain(fleet.macs["beta"]);
    await fleet.on("beta", "ip address del 192.168.0.50/24 dev vxlan0");
  });

  test("drops a frame from whoever is no peer, and the table for that is what drops it", async () => {
    const args = [fleet.underlay("alpha"), fleet.macs["alpha"] ?? "", overlayAddress("alpha")];
    const stranger = () =>
      inNetwork(fleet.env.lab.namespace("operator"), `python3 -c '${FRAME}' ${args.join(" ")}`);
    const arrives = async () => {
      // What is sent after it has arrived, so whatever was going to arrive has done so.
      await awaitSsh(fleet.env.lab, "alpha", fleet.underlay("alpha"));
      return (await counted("alpha")).includes(7003);
    };
    await count("alpha");
    await stranger();
    expect(await arrives()).toBe(false);
    await fleet.python("beta", FRAME, ...args);
    await until("the frame of a peer", 2_000, arrives);

    await fleet.on("alpha", "systemctl stop oci-vxlan@lab.overlay; nft delete table ip oci-vxlan");
    await count("alpha");
    await stranger();
    await until("the stranger's frame, with the table gone", 2_000, arrives);
    await fleet.on("alpha", "systemctl start oci-vxlan@lab.overlay; nft list table ip oci-vxlan");
    await each((host) => fleet.on(host, "nft delete table inet seen 2>/dev/null || true"));
  });

  test("stands beside another overlay at the same port, which comes and goes alone", async () => {
    const pair = ["alpha", "beta"] as const;
    const before = await each((host) => fleet.kernel(host));
    const overlay = withDefaults({ device: "vxlan1", vni: 200, cidrs: ["192.168.7.0/24"] });
    const identity = { overlay: "lab.second", owner: "oci-vxlan/lab/second" };
    const hosts = Object.fromEntries(
      pair.map((host, index) => [
        host,
        { underlayAddress: fleet.underlay(host), overlayAddresses: [`192.168.7.${index + 1}`] },
      ]),
    );
    const devices = pair.map((host) =>
      devicePhase(identity, "device", overlay, hosts[host]!, { generation: 0 }),
    );
    const run = (host: Host, command: string, stdin = "") =>
      inHost(fleet.env.lab, host, ["bash", "-c", command], stdin);
    const reports = await Promise.all(
      pair.map(async (host, index) => {
        const { create, stdin } = devices[index]!;
        return [host, parseDeviceReport(host, await run(host, create, stdin))] as const;
      }),
    );
    const plans = planMesh(overlay, hosts, Object.fromEntries(reports));
    const peers = pair.map((host) => peersPhase(identity, "peers", plans[host] as PeersPlan));
    await Promise.all(pair.map((host, index) => run(host, peers[index]!.create, peers[index]!.stdin)));

    expect(await fleet.reaches("alpha", "192.168.7.2")).toBe(true);
    expect(await fleet.failing()).toEqual([]);
    await run("beta", "systemctl stop oci-vxlan@lab.second && ip link del vxlan1");
    expect(await fleet.reaches("alpha", "192.168.7.2")).toBe(false);
    expect(await fleet.reaches("alpha", overlayAddress("beta"))).toBe(true);

    for (const phase of [peers, devices])
      await Promise.all(pair.map((host, index) => run(host, phase[index]!.delete)));
    for (const host of pair) {
      expect(
        await fleet.on(
          host,
          "ls -d /etc/oci-vxlan/* /var/lib/oci-vxlan/*; ip -o link show type vxlan; nft list ruleset",
        ),
      ).not.toMatch(/second|vxlan1|peers-200/);
    }
    expect(await each((host) => fleet.kernel(host))).toEqual(before);
    expect(await fleet.failing()).toEqual([]);
  });

  test("moves a floating address of keepalived to the other host within three seconds of the first one's death", async () => {
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
    const holds = async (host: Host) =>
      (await fleet.on(host, "ip -o address show dev vxlan0")).includes("192.168.0.100/24");
    await until(
      "alpha's floating address",
      10_000,
      async () => (await holds("alpha")) && !(await holds("beta")),
    );
    await until("its use from gamma", 2_000, () => fleet.reaches("gamma", "192.168.0.100"));
    // The host's own program has looked at the device meanwhile, and has left the address there.
    await fleet.on("alpha", "systemctl restart oci-vxlan@lab.overlay");
    expect(await holds("alpha")).toBe(true);

    const died = performance.now();
    await killHost(fleet.env.lab, "alpha");
    await until("the move", 10_000, () => fleet.reaches("gamma", "192.168.0.100", 0.2));
    expect(performance.now() - died).toBeLessThan(3_000);
    expect(await holds("beta")).toBe(true);
  });

  test("takes a host back that lost its power", async () => {
    await upHosts(fleet.env.lab, fleet.env.inventory, silentProgress);
    await until("its return", AFTER_BOOT, () => fleet.reaches("beta", overlayAddress("alpha")));
    for (const host of ["alpha", "beta"] as const)
      await fleet.on(host, "systemctl --quiet stop keepalived; systemctl --quiet mask keepalived");
    expect(await fleet.failing()).toEqual([]);
  });

  test("passes within five seconds after SSH answers when one host, and when all were rebooted", async () => {
    await rebootHost(fleet.env.lab, "beta", spec("beta"));
    await until("beta's return", AFTER_BOOT, () => fleet.reaches("beta", overlayAddress("gamma")));
    await each((host) => rebootHost(fleet.env.lab, host, spec(host)));
    await Promise.all(
      HOSTS.flatMap((from) =>
        HOSTS.filter((to) => to !== from).map((to) =>
          until(`${from} -> ${to}`, AFTER_BOOT, () => fleet.reaches(from, overlayAddress(to))),
        ),
      ),
    );
    expect(await fleet.failing()).toEqual([]);
    for (const host of HOSTS) expect(await fleet.kernel(host)).toContain(`link/ether ${fleet.macs[host]}`);
    expect((await fleet.env.up()).counts).toEqual({ unchanged: 9 });
  });

  test("is paused by a stop while it waits for its NIC at a start, and not failed", async () => {
    await fleet.on(
      "gamma",
      "ip route save dev ens3 >/run/routes; ip address del 10.196.219.4/24 dev ens3; rm /run/oci-vxlan/lab.overlay/right; systemctl restart --no-block oci-vxlan@lab.overlay",
    );
    const state = () =>
      fleet.on("gamma", "systemctl show --property=ActiveState --value oci-vxlan@lab.overlay");
    await until("its start", 10_000, async () => (await state()) === "activating");
    await fleet.on(
      "gamma",
      "systemctl stop oci-vxlan@lab.overlay; ip address add 10.196.219.4/24 dev ens3; ip route restore </run/routes",
    );
    expect(await state()).toBe("inactive");
    await fleet.on("gamma", "systemctl start oci-vxlan@lab.overlay");
    expect(await fleet.failing()).toEqual([]);
  });

  test("leaves a paused host alone, over a reboot too, and up says so and fails", async () => {
    await fleet.on("alpha", "systemctl stop oci-vxlan@lab.overlay");
    const stopped = Date.now();
    const neighbour = `ip neigh del ${overlayAddress("gamma")} dev vxlan0`;
    await fleet.on("alpha", neighbour);
    await fleet.mends("beta", "kernel", 2_000, () => fleet.on("beta", neighbour));
    expect(await fleet.kernel("alpha")).not.toContain(overlayAddress("gamma"));

    // Whether there is something to change there or not.
    const raised = fleet.env.config((e) => (e.hosts.alpha.generation = 1));
    for (const config of [fleet.env.config(), raised]) {
      const { exitCode, text } = await fleet.env.up(config);
      expect(exitCode).not.toBe(0);
      expect(text).toMatch(/overlay lab\.overlay is paused on alpha: its unit .* is stopped/);
      expect(text).not.toMatch(/paused on (beta|gamma)/);
    }
    // Who runs the program of up for something else may keep it from asking.
    const { exitCode: refreshed, text: said } = await fleet.env.pulumi(
      ["refresh", "--yes", "--skip-preview", "--run-program"],
      fleet.env.config(),
      { OCI_VXLAN_ASK: "no" },
    );
    expect(refreshed, said).toBe(0);
    // Longer than the unit ever waits for its next look.
    await until("half a minute", 40_000, () => Date.now() - stopped > 28_000);
    expect(await fleet.kernel("alpha")).not.toContain(overlayAddress("gamma"));

    await fleet.on("alpha", "systemctl --quiet disable oci-vxlan@lab.overlay");
    await rebootHost(fleet.env.lab, "alpha", spec("alpha"));
    await fleet.on("alpha", "systemctl is-system-running --wait || true");
    expect(await fleet.on("alpha", "ip -o link show type vxlan")).toBe("");
    const disabled = await fleet.env.up(raised);
    expect(disabled.text).toMatch(/paused on alpha: .*sudo systemctl enable --now oci-vxlan@lab\.overlay/s);

    await fleet.on("alpha", "systemctl --quiet enable --now oci-vxlan@lab.overlay");
    const goesOn = await fleet.env.up(raised);
    expect(goesOn.exitCode, goesOn.text).toBe(0);
    expect(await fleet.failing()).toEqual([]);
  });

  test("gives a re-imaged host with the same address and MAC its peers back at the next up", async () => {
    const before = await fleet.kernel("beta");
    await removeHost(fleet.env.lab, "beta");
    for (const file of [hostKey(fleet.env.lab, "beta"), `${hostKey(fleet.env.lab, "beta")}.pub`])
      rmSync(file);
    await upHosts(fleet.env.lab, fleet.env.inventory, silentProgress);
    expect(await fleet.on("beta", "ls /etc/oci-vxlan 2>/dev/null || true")).toBe("");
    await fleet.on(
      "beta",
      `mkdir -p /var/lib/oci-vxlan/lab.overlay; echo ${fleet.macs["beta"]} >/var/lib/oci-vxlan/lab.overlay/mac`,
    );
    const { exitCode, text } = await fleet.env.up(fleet.env.config((e) => (e.hosts.alpha.generation = 1)));
    expect(exitCode, text).toBe(0);
    expect((await fleet.env.outputs()).macs).toEqual(fleet.macs);
    expect(await fleet.kernel("beta")).toBe(before);
    expect(await fleet.failing()).toEqual([]);
  });
});
