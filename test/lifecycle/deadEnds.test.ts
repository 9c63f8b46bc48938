import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { MEMO } from "../../lab/cli/existingHosts.ts";
import { TestEnvironment } from "./environment.ts";

/** A config that cannot work fails with its true cause, and the config from before converges again by a plain `up`. */
describe("no change is a dead end", () => {
  let env: TestEnvironment;
  beforeAll(async () => {
    env = await TestEnvironment.boot("test-dead-ends", MEMO);
    const { exitCode, text } = await env.up();
    expect(exitCode, text).toBe(0);
  });
  afterAll(() => env.remove());

  const ipv6 = (e: any) => {
    e.overlay.cidrs = ["fd00:77::/64"];
    e.hosts.host01.overlayAddresses = ["fd00:77::1"];
    e.hosts.host02.overlayAddresses = ["fd00:77::2"];
  };

  /** What is changed, what on host02 it cannot go with, how that is cleared away, and what `up` says. */
  const CASES: [string, (e: any) => void, string, string, RegExp][] = [
    [
      "an IPv6 network on a NIC of 1,300 bytes",
      ipv6,
      "ip link set eth0 mtu 1300",
      "ip link set eth0 mtu 9000",
      /IPv6 needs 1280 bytes, and vxlan0 on host02 would have 1250: eth0 carries 1300/,
    ],
    [
      "a VNI that another device has",
      (e) => (e.overlay.vni = 700),
      "ip link add other type vxlan id 700 dstport 4789 dev eth0",
      "ip link del other",
      /the kernel of host02 does not make vxlan0.*Where another device has VNI 700 at port 4789/,
    ],
    [
      "a device name that somebody else has",
      (e) => (e.overlay.device = "other"),
      "ip link add other type bridge",
      "ip link del other",
      /other on host02 is there already and was not made by oci-vxlan/,
    ],
    [
      "an MTU that a NIC does not carry",
      (e) => (e.overlay.mtu = 8900),
      "ip link set eth0 mtu 8000",
      "ip link set eth0 mtu 9000",
      /mtu 8900 does not fit on host02: eth0 carries 8000 bytes/,
    ],
    [
      "a network that a host has elsewhere",
      (e) => {
        e.overlay.cidrs = ["192.168.7.0/24"];
        e.hosts.host01.overlayAddresses = ["192.168.7.1"];
        e.hosts.host02.overlayAddresses = ["192.168.7.2"];
      },
      "ip link add docker0 type bridge; ip address add 192.168.7.9/24 dev docker0; ip link set docker0 up",
      "ip link del docker0",
      /192\.168\.7\.2\/24 overlaps 192\.168\.7\.9\/24, an address of docker0/,
    ],
    [
      "an underlay address that the host does not have",
      (e) =>
        Object.assign(e.hosts.host02.existing, {
          underlayAddress: "10.196.218.230",
          sshAddress: "10.196.218.226",
        }),
      "true",
      "true",
      /no interface of host02 carries the underlay address 10\.196\.218\.230/,
    ],
    [
      "another port, where nftables refuses the rules",
      (e) => (e.overlay.port = 4790),
      `mv /usr/sbin/nft /usr/sbin/nft.real; printf '#!/bin/bash\n[[ $1 != -f ]] || ! grep -q 4790 <(tee /run/rules) || { echo no memory >&2; exit 1; }\n[[ $1 != -f ]] || exec /usr/sbin/nft.real -f /run/rules\nexec /usr/sbin/nft.real "$@"\n' >/usr/sbin/nft; chmod +x /usr/sbin/nft`,
      "mv /usr/sbin/nft.real /usr/sbin/nft",
      /host02 does not take the nftables rules/,
    ],
  ];

  test.each(CASES)("%s", async (_, change, obstacle, clear, message) => {
    await env.on("host02", obstacle);
    const failed = await env.up(env.config(change));
    expect(failed.exitCode).not.toBe(0);
    expect(failed.text).toMatch(message);
    // A smaller NIC stays in the way of the overlay from before as well.
    if (obstacle.includes("mtu")) await env.on("host02", clear);
    const back = await env.up();
    expect(back.exitCode, back.text).toBe(0);
    expect(await env.failing()).toEqual([]);
    expect((await env.up()).counts).toEqual({ unchanged: 7 });
    if (!obstacle.includes("mtu")) await env.on("host02", clear);
  });

  test("an IPv4 overlay on that NIC of 1,300 bytes, then IPv6, then IPv4 again: the NIC stays as it is", async () => {
    await env.on("host02", "ip link set eth0 mtu 1300");
    const small = (change: (e: any) => void = () => undefined) =>
      env.config((e) => {
        for (const host of ["host01", "host02"]) e.hosts[host].generation = 1;
        change(e);
      });
    const { exitCode, text } = await env.up(small());
    expect(exitCode, text).toBe(0);
    expect((await env.outputs()).mtu).toBe(1250);
    expect((await env.up(small(ipv6))).exitCode).not.toBe(0);
    const back = await env.up(small());
    expect(back.exitCode, back.text).toBe(0);
    expect(await env.failing()).toEqual([]);
    expect((await env.up(small())).counts).toEqual({ unchanged: 7 });
  });
});
