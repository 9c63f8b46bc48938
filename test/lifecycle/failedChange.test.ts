import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { REFERENCE_HOSTS } from "../../lab/cli/existingHosts.ts";
import { countTries } from "../triedCounts.ts";
import { unwrapTool, wrapTool } from "./support/faults.ts";
import { expectFailure, expectSuccess } from "./support/outcome.ts";
import { TestStack } from "./support/testStack.ts";
import type { ConfigChange } from "./support/testStack.ts";

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

/** A change that cannot work fails and names its cause, and a plain `up` with the previous config converges again. */
async function expectFailureAndReturn(
  stack: TestStack,
  { change, obstacle, removal, error, breaksPreviousConfig = false }: Case,
): Promise<void> {
  await stack.on("host02", obstacle);
  expect(expectFailure(await stack.up(stack.config(change)))).toMatch(error);
  if (breaksPreviousConfig) await stack.on("host02", removal);
  expectSuccess(await stack.up());
  expect(await stack.failingPairs()).toEqual([]);
  expect((await stack.up()).counts).toEqual({ unchanged: 8 });
  if (!breaksPreviousConfig) await stack.on("host02", removal);
}

describe("after a change that failed, the previous config converges", () => {
  let stack: TestStack;
  beforeAll(async () => {
    stack = await TestStack.boot("test-failed-change", REFERENCE_HOSTS);
    expectSuccess(await stack.up());
  });
  afterAll(() => stack.remove());
  beforeEach(countTries("faults"));

  const network =
    (cidr: string, addresses: readonly [string, string]): ConfigChange =>
    (e) => {
      e.overlay.cidrs = [cidr];
      e.hosts.host01.overlayAddresses = [addresses[0]];
      e.hosts.host02.overlayAddresses = [addresses[1]];
    };
  const ipv6Network = network("fd00:77::/64", ["fd00:77::1", "fd00:77::2"]);

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
    {
      name: "the hosts' own rules refuse VXLAN, and are to be left as they are",
      change: (e) => (e.overlay.hostFirewall = "leave"),
      obstacle: "true",
      removal: "true",
      error:
        /host0[12]: \d+ packets were rejected by the iptables rule `-A INPUT -j REJECT --reject-with icmp-host-prohibited`/,
    },
    {
      name: "iptables does not give up the rules for the overlay",
      change: (e) => (e.overlay.hostFirewall = "leave"),
      obstacle: wrapTool("/usr/sbin/iptables-restore", "cat >/dev/null; echo no memory >&2; exit 4"),
      removal: unwrapTool("/usr/sbin/iptables-restore"),
      error: /iptables -w -D INPUT .* -j oci-vxlan-100-4789\s+no memory\s/,
    },
    {
      name: "a part of iptables is missing",
      change: (e) => (e.overlay.overlayIngress = "none"),
      obstacle: "mv /usr/sbin/iptables-restore /root",
      removal: "mv /root/iptables-restore /usr/sbin",
      error: /iptables: chain oci-vxlan-100-4789 # it had other rules\s.*iptables-restore: command not found/,
    },
    {
      name: "the kernel does not switch the checksum offload",
      change: (e) => (e.overlay.checksumOffload = "off"),
      obstacle: `cat >/usr/sbin/ethtool <<'END'
#!/bin/bash
if [[ $1 == -K ]]; then echo "netlink error: Operation not permitted" >&2; exit 1; fi
printf 'Features for vxlan0:\\n\\ttx-checksum-ip-generic: on\\n'
END
chmod 755 /usr/sbin/ethtool`,
      removal: "rm /usr/sbin/ethtool",
      error:
        /Operation not permitted[^]*the kernel of host02 does not switch the checksum offload of vxlan0 off/,
    },
    {
      name: "a tool that manages the FDB is missing",
      change: (e) => (e.overlay.flood = false),
      obstacle: "mv /usr/sbin/bridge /root",
      removal: "mv /root/bridge /usr/sbin",
      error: /host02 has no bridge: install nftables, iproute2/,
      breaksPreviousConfig: true,
    },
    {
      name: "no ping is there to probe with",
      change: (e) => (e.overlay.pathProbes = true),
      obstacle: "mv /usr/bin/ping /root",
      removal: "mv /root/ping /usr/bin",
      error: /host02 has no ping, which the overlay is tested with: install iputils/,
      breaksPreviousConfig: true,
    },
    {
      name: "nothing listens at the port that is to be tested",
      change: (e) => (e.overlay.verifyPort = 2222),
      obstacle: "true",
      removal: "true",
      error: /host02: nothing listens at TCP port 2222 of 192\.168\.0\.2/,
    },
    {
      name: "systemd sets no timer that would take the change back",
      change: (e) => (e.overlay.confirmTimeout = 60),
      obstacle: wrapTool("/usr/bin/systemd-run", "echo no memory >&2; exit 1"),
      removal: unwrapTool("/usr/bin/systemd-run"),
      error: /no memory[^]*systemd on host02 does not set the timer/,
    },
    {
      name: "the host cannot be installed anew, since its disk is read-only",
      change: (e) => (e.hosts.host02.generation = 1),
      obstacle:
        "mount --bind /var/lib/oci-vxlan /var/lib/oci-vxlan; mount -o remount,ro,bind /var/lib/oci-vxlan",
      removal: "umount /var/lib/oci-vxlan",
      error: /\/var\/lib\/oci-vxlan\/.*: Read-only file system/,
    },
    {
      name: "sshd does not listen at the port",
      change: (e) => (e.hosts.host02.existing.port = 2222),
      obstacle: "true",
      removal: "true",
      error:
        /host02: its program could not be delivered by SSH to 10\.196\.218\.226:2222, so nothing was changed there/,
    },
  ];

  test.each(CASES)("$name", (failure) => expectFailureAndReturn(stack, failure));

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

describe("after a change that failed beside firewalld, the previous config converges", () => {
  let stack: TestStack;
  beforeAll(async () => {
    const hosts = Object.entries(REFERENCE_HOSTS).map(([name, spec]) => [
      name,
      { ...spec, image: "oracle-linux-like" },
    ]);
    stack = await TestStack.boot("test-failed-change-firewalld", Object.fromEntries(hosts));
    expectSuccess(await stack.up());
  });
  afterAll(() => stack.remove());
  beforeEach(countTries("faults"));

  test.each<[string, ConfigChange]>([
    ["hostFirewall", (e) => (e.overlay.hostFirewall = "leave")],
    ["overlayIngress", (e) => (e.overlay.overlayIngress = "none")],
  ])("%s, while firewalld hangs", async (name, change) => {
    await expectFailureAndReturn(stack, {
      name,
      change,
      obstacle: "systemctl kill --signal=STOP firewalld",
      removal: "systemctl kill --signal=CONT firewalld",
      error: /firewalld on host02 does not answer: sudo systemctl restart firewalld/,
    });
  });
});
