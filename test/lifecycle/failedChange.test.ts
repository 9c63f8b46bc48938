import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { REFERENCE_HOSTS } from "../../lab/cli/existingHosts.ts";
import { tried } from "../tried.ts";
import { unwrapTool, wrapTool } from "./support/faults.ts";
import { expectFailure, expectSuccess } from "./support/outcome.ts";
import { TestStack } from "./support/testStack.ts";
import type { ConfigChange } from "./support/testStack.ts";

/** A change that cannot work fails and names its cause, and a plain `up` with the previous config converges again. */
describe("after a change that failed, the previous config converges", () => {
  let stack: TestStack;
  beforeAll(async () => {
    stack = await TestStack.boot("test-failed-change", REFERENCE_HOSTS);
    expectSuccess(await stack.up());
  });
  afterAll(() => stack.remove());
  beforeEach(tried("faults"));

  const network =
    (cidr: string, addresses: readonly [string, string]): ConfigChange =>
    (e) => {
      e.overlay.cidrs = [cidr];
      e.hosts.host01.overlayAddresses = [addresses[0]];
      e.hosts.host02.overlayAddresses = [addresses[1]];
    };
  const ipv6Network = network("fd00:77::/64", ["fd00:77::1", "fd00:77::2"]);

  interface Case {
    name: string;
    change: ConfigChange;
    /** Script that makes the change impossible on host02, and the one that undoes it. */
    obstacle: string;
    removal: string;
    error: RegExp;
    /** Whether the previous config does not work beside the obstacle either. */
    breaksPreviousConfig?: boolean;
  }
  const CASES: Case[] = [
    {
      name: "a NIC of 1,300 bytes is too small for an IPv6 network",
      change: ipv6Network,
      obstacle: "ip link set eth0 mtu 1300",
      removal: "ip link set eth0 mtu 9000",
      error: /IPv6 needs 1280 bytes, and vxlan0 on host02 would have 1250: eth0 carries 1300/,
      breaksPreviousConfig: true,
    },
    {
      name: "another device has the VNI",
      change: (e) => (e.overlay.vni = 700),
      obstacle: "ip link add other type vxlan id 700 dstport 4789 dev eth0",
      removal: "ip link del other",
      error: /the kernel of host02 does not make vxlan0.*Where another device has VNI 700 at port 4789/,
    },
    {
      name: "a device of an administrator has the name",
      change: (e) => (e.overlay.device = "other"),
      obstacle: "ip link add other type bridge",
      removal: "ip link del other",
      error: /other on host02 is there already and was not made by oci-vxlan/,
    },
    {
      name: "a NIC does not carry the MTU",
      change: (e) => (e.overlay.mtu = 8900),
      obstacle: "ip link set eth0 mtu 8000",
      removal: "ip link set eth0 mtu 9000",
      error: /mtu 8900 does not fit on host02: eth0 carries 8000 bytes/,
      breaksPreviousConfig: true,
    },
    {
      name: "another device of a host is in the network",
      change: network("192.168.7.0/24", ["192.168.7.1", "192.168.7.2"]),
      obstacle:
        "ip link add docker0 type bridge; ip address add 192.168.7.9/24 dev docker0; ip link set docker0 up",
      removal: "ip link del docker0",
      error: /192\.168\.7\.2\/24 overlaps 192\.168\.7\.9\/24, an address of docker0/,
    },
    {
      name: "the host does not have the underlay address",
      change: (e) =>
        Object.assign(e.hosts.host02.existing, {
          underlayAddress: "10.196.218.230",
          sshAddress: "10.196.218.226",
        }),
      obstacle: "true",
      removal: "true",
      error: /no interface of host02 carries the underlay address 10\.196\.218\.230/,
    },
    {
      name: "nftables refuses the rules for another port",
      change: (e) => (e.overlay.port = 4790),
      obstacle: wrapTool(
        "/usr/sbin/nft",
        `if [[ $1 == -f ]]; then
  if tee /run/rules | grep -q 4790; then echo no memory >&2; exit 1; fi
  exec $REAL -f /run/rules
fi`,
      ),
      removal: unwrapTool("/usr/sbin/nft"),
      error: /host02 does not take the nftables rules/,
    },
  ];

  test.each(CASES)("$name", async ({ change, obstacle, removal, error, breaksPreviousConfig = false }) => {
    await stack.on("host02", obstacle);
    expect(expectFailure(await stack.up(stack.config(change)))).toMatch(error);
    if (breaksPreviousConfig) await stack.on("host02", removal);
    expectSuccess(await stack.up());
    expect(await stack.failingPairs()).toEqual([]);
    expect((await stack.up()).counts).toEqual({ unchanged: 8 });
    if (!breaksPreviousConfig) await stack.on("host02", removal);
  });

  test("an IPv4 overlay on a NIC of 1,300 bytes survives a change to IPv6, and the NIC stays that small", async () => {
    await stack.on("host02", "ip link set eth0 mtu 1300");
    const configWithGeneration = (change: ConfigChange = () => undefined) =>
      stack.config((e) => {
        for (const host of ["host01", "host02"]) e.hosts[host].generation = 1;
        change(e);
      });
    expectSuccess(await stack.up(configWithGeneration()));
    expect((await stack.outputs()).mtu).toBe(1250);
    expectFailure(await stack.up(configWithGeneration(ipv6Network)));
    expectSuccess(await stack.up(configWithGeneration()));
    expect(await stack.failingPairs()).toEqual([]);
    expect((await stack.up(configWithGeneration())).counts).toEqual({ unchanged: 8 });
  });
});
