import { describe, expect, test } from "vitest";
import { arrives, makeNeighbour } from "./frames.ts";
import { PEER, device, host, install, kernel, peers, reconcile, useHostForEachTest } from "./overlay.ts";

useHostForEachTest();

const IPV6_TOO = {
  settings: { cidrs: ["192.168.0.0/24", "fd00::/64"] },
  overlayAddresses: ["192.168.0.1", "fd00::1"],
};
const PEER_WITH_IPV6 = { ...PEER, overlayAddresses: ["192.168.0.2", "fd00::2"] };

/** An advertisement of a router and a network to all nodes on the link, which any user of a peer can send. */
const advertisement = { from: PEER.underlayAddress, frame: "router_advertisement()" };

/** Sysctls of the device about IPv6 and redirects. */
const sysctls = async () =>
  (
    await host.on(
      "cd /proc/sys/net; grep . ipv4/conf/vxlan0/accept_redirects ipv6/conf/vxlan0/{accept_ra,accept_redirects,disable_ipv6}",
    )
  ).split("\n");
const CLOSED_SYSCTLS = [
  "ipv4/conf/vxlan0/accept_redirects:0",
  "ipv6/conf/vxlan0/accept_ra:0",
  "ipv6/conf/vxlan0/accept_redirects:0",
];
const DISABLED_SYSCTLS = [...CLOSED_SYSCTLS, "ipv6/conf/vxlan0/disable_ipv6:1"];
const ON = [...CLOSED_SYSCTLS, "ipv6/conf/vxlan0/disable_ipv6:0"];

/** The device as an older version of the program leaves it, which sets none of these sysctls. */
const asBefore = () =>
  host.on(
    "cd /proc/sys/net; for key in ipv4/conf/vxlan0/accept_redirects ipv6/conf/vxlan0/accept_{ra,redirects}; do echo 1 >$key; done; " +
      "echo 0 >ipv6/conf/vxlan0/disable_ipv6",
  );

/** Everything of IPv6 on the device, but for what follows from a link-local address. */
const ipv6 = () =>
  host.on(
    "{ ip -6 -o address show dev vxlan0; ip -6 route show dev vxlan0; } | grep -v -e 'inet6 fe80:' -e '^fe80:' || true",
  );

describe("a router advertisement from a peer", () => {
  test("finds no IPv6 on an overlay without it", async () => {
    await makeNeighbour();
    await install();
    expect(await arrives(advertisement)).toBe(true);
    expect(await ipv6()).toBe("");
    expect(await sysctls()).toEqual(DISABLED_SYSCTLS);
    await asBefore();
    expect(await arrives(advertisement)).toBe(true);
    expect(await ipv6()).toMatch(/2001:db8:bad:.*default via fe80::bad:1 proto ra/s); // The test can fail.
    expect(await reconcile()).toMatch(
      /sysctl -w net\/ipv4\/conf\/vxlan0\/accept_redirects=0 net\/ipv6\/.*disable_ipv6=1 # before: 1 1 1 0$/,
    );
    expect(await ipv6()).toBe("");
    expect(await sysctls()).toEqual(DISABLED_SYSCTLS);
    expect(await reconcile()).toBe("");
  });

  test("adds no route and no address to an overlay with IPv6, and what one has added before goes", async () => {
    await makeNeighbour();
    await install(IPV6_TOO, [PEER_WITH_IPV6]);
    const cleanState = await ipv6();
    expect(cleanState).toContain("fd00::1/64");
    expect(await arrives(advertisement)).toBe(true);
    expect(await ipv6()).toBe(cleanState);
    await host.on("ip address add fd00::77/64 dev vxlan0 nodad; ip -6 route add fd01::/64 via fd00::2");
    const administratorState = await ipv6();
    await asBefore();
    expect(await arrives(advertisement)).toBe(true);
    expect(await ipv6()).toMatch(/2001:db8:bad:.*default via fe80::bad:1 proto ra/s);
    await reconcile();
    expect(await ipv6()).toBe(administratorState);
    expect(await sysctls()).toEqual(ON);
    expect(await reconcile()).toBe("");
    await host.on("echo 1 >/proc/sys/net/ipv6/conf/vxlan0/accept_ra"); // That changes nothing else.
    expect(await reconcile()).toMatch(/accept_ra=0 # before: 1$/);
    expect(await ipv6()).toBe(administratorState);
  });
});

describe("IPv6 on the device", () => {
  test("follows the config between IPv4 and both, and each device that is made again", async () => {
    const { installation } = await install();
    expect(await sysctls()).toEqual(DISABLED_SYSCTLS);
    await device(IPV6_TOO);
    await peers(installation, [PEER_WITH_IPV6]);
    expect(await sysctls()).toEqual(ON);
    const cleanState = await kernel();
    expect(cleanState).toContain("fd00::2 lladdr");
    await host.on("ip link del vxlan0");
    await reconcile();
    expect(await sysctls()).toEqual(ON);
    expect(await kernel()).toBe(cleanState);
    await device();
    await peers(installation);
    expect(await sysctls()).toEqual(DISABLED_SYSCTLS);
    expect(await ipv6()).toBe("");
    expect(await reconcile()).toBe("");
    await host.on("ip link del vxlan0");
    await reconcile();
    expect(await sysctls()).toEqual(DISABLED_SYSCTLS);
  });

  test("stays off where the MTU is too small for it for a while, when the kernel forgets its sysctls", async () => {
    await install({ settings: { mtu: 1200 } });
    await expect(sysctls()).rejects.toThrow();
    await device();
    expect(await sysctls()).toEqual(DISABLED_SYSCTLS);
    await host.on("ip link set vxlan0 mtu 1200; ip link set vxlan0 mtu 8950");
    expect(await sysctls()).not.toEqual(DISABLED_SYSCTLS);
    expect(await reconcile()).toMatch(/disable_ipv6=1/);
    expect(await sysctls()).toEqual(DISABLED_SYSCTLS);
  });

  test("is repaired in the files that a container may write, with a warning about the others", async () => {
    await install();
    await asBefore();
    await host.on(
      "mount --bind -o ro /proc/sys/net/ipv6 /proc/sys/net/ipv6; mount -o remount,ro,bind /proc/sys/net/ipv6",
    );
    expect(await reconcile()).toMatch(
      /warning: .*does not let these sysctls be set: net\/ipv6\/.*disable_ipv6=1$/m,
    );
    expect((await sysctls())[0]).toBe(DISABLED_SYSCTLS[0]);
    expect(await reconcile()).toBe("");
  });
});
