import { describe, expect, test } from "vitest";
import {
  committedEnvironment,
  environment,
  onlyProblem,
  paths,
  problems,
  resolve,
  useConfigFolder,
} from "./configProblems.ts";

useConfigFolder();

describe("a correct config", () => {
  test("is accepted", () => {
    expect(resolve(environment()).hosts["host01"]?.overlayAddresses).toEqual(["192.168.0.1"]);
  });

  test("a host may be down on purpose, and so may all of them", () => {
    expect(resolve(environment()).hosts["host01"]?.down).toBeUndefined();
    expect(problems((e) => (e.hosts.host01.down = true))).toEqual([]);
    expect(problems((e) => (e.hosts.host01.down = e.hosts.host02.down = true))).toEqual([]);
  });

  test("the example is accepted once the marked values are changed", () => {
    const example = committedEnvironment("example");
    example.ssh.privateKeyPath = ".lab/keys/opc_ed25519";
    expect(() => resolve(example)).toThrow(
      /^ {2}compartmentId: "CHANGE" is no OCID of a compartment.*\n {2}network\.operatorCidrs\[0\]: "CHANGE" is no CIDR: .*$/,
    );
    example.compartmentId = "ocid1.compartment.oc1..aaaa";
    example.network.operatorCidrs = ["198.51.100.10/32"];
    expect(Object.keys(resolve(example).hosts)).toHaveLength(2);
  });

  test.each(["lab", "lab-existing"])("stack %s's own file is accepted", (stack) => {
    expect(resolve(committedEnvironment(stack)).overlay.cidrs).toEqual(["192.168.0.0/24"]);
  });
});

describe("a wrong config is refused with the path, the problem, and what would be right", () => {
  const onlyProblemOf = (change: (value: any) => void) => onlyProblem(problems(change));

  test("unknown key", () => {
    expect(onlyProblemOf((e) => (e.overlay.vxlanId = 100))).toMatch(
      /^overlay\.vxlanId: unknown key: the keys here are cidrs, device, vni,/,
    );
    expect(onlyProblemOf((e) => (e.hosts.host01.existing.adress = "x"))).toMatch(
      /^hosts\.host01\.existing\.adress: unknown key/,
    );
  });
  test("missing key", () => {
    expect(onlyProblemOf((e) => delete e.hosts.host01.existing)).toMatch(
      /^hosts\.host01: neither instance nor existing is given/,
    );
  });
  test("wrong type, with the value", () => {
    expect(onlyProblemOf((e) => (e.overlay.vni = "100"))).toBe('overlay.vni: "100" is not a number.');
  });
  test("VNI of more than 24 bits", () => {
    expect(onlyProblemOf((e) => (e.overlay.vni = 2 ** 24))).toBe(
      "overlay.vni: 16777216 is no VNI: it has 24 bits, so use a whole number from 1 to 16777215.",
    );
  });
  test("MTU that fits into no IP packet, none that a jumbo NIC may carry", () => {
    expect(onlyProblemOf((e) => (e.overlay.mtu = 65_486))).toMatch(
      /^overlay\.mtu: 65486 cannot fit: .* from 576 to 65485/,
    );
    expect(problems((e) => (e.overlay.mtu = 8_951))).toEqual([]);
    expect(onlyProblemOf((e) => (e.overlay.mtu = 1_400.5))).toMatch(
      /^overlay\.mtu: 1400\.5 is no number of bytes, /,
    );
    expect(onlyProblemOf((e) => (e.overlay.mtu = 575))).toMatch(
      /^overlay\.mtu: 575 is too small: IPv4 needs 576 /,
    );
  });
  test("MTU that is enough for IPv4 and not for IPv6", () => {
    const ipv6 = (mtu: number) => (e: any) => {
      e.overlay = { cidrs: ["192.168.0.0/24", "fd00:77::/64"], mtu };
      e.hosts.host01.overlayAddresses.push("fd00:77::1");
      e.hosts.host02.overlayAddresses.push("fd00:77::2");
    };
    for (const mtu of [1279, 500])
      expect(onlyProblemOf(ipv6(mtu))).toBe(
        `overlay.mtu: ${mtu} is too small: IPv6 needs 1280 bytes, so use a whole number from 1280 to 65485, or leave it out to have it measured.`,
      );
    expect(problems(ipv6(1280))).toEqual([]);
    expect(problems((e) => (e.overlay.mtu = 1279))).toEqual([]);
  });
  test("overlay that overlaps the underlay", () => {
    expect(
      onlyProblemOf((e) => {
        e.overlay.cidrs = ["10.196.218.192/27"];
        e.hosts.host01.overlayAddresses = ["10.196.218.193"];
        e.hosts.host02.overlayAddresses = ["10.196.218.194"];
        e.hosts.host02.existing.underlayAddress = "10.196.219.226";
      }),
    ).toMatch(
      /^overlay\.cidrs\[0\]: 10\.196\.218\.192\/27 overlaps the underlay: it holds 10\.196\.218\.222/,
    );
  });
  test("address outside its CIDR", () => {
    expect(onlyProblemOf((e) => (e.hosts.host01.overlayAddresses = ["192.168.1.1"]))).toBe(
      "hosts.host01.overlayAddresses[0]: 192.168.1.1 lies outside 192.168.0.0/24: use an address from 192.168.0.1 to 192.168.0.254.",
    );
  });
  test("reserved address", () => {
    expect(onlyProblemOf((e) => (e.hosts.host01.overlayAddresses = ["192.168.0.0"]))).toMatch(
      /is reserved as the network address/,
    );
    expect(onlyProblemOf((e) => (e.hosts.host01.overlayAddresses = ["192.168.0.255"]))).toMatch(
      /is reserved as the broadcast address/,
    );
  });
  test("address given twice", () => {
    expect(onlyProblemOf((e) => (e.hosts.host02.overlayAddresses = ["192.168.0.1"]))).toBe(
      "hosts.host02.overlayAddresses[0]: 192.168.0.1 is given twice: hosts.host01.overlayAddresses[0] has it too.",
    );
    expect(onlyProblemOf((e) => (e.hosts.host02.existing.underlayAddress = "10.196.218.222"))).toMatch(
      /is given twice/,
    );
  });
  test("invalid host name", () => {
    expect(
      onlyProblemOf((e) => {
        e.hosts["Host_3"] = {
          ...e.hosts.host01,
          overlayAddresses: ["192.168.0.3"],
          existing: { ...e.hosts.host01.existing, underlayAddress: "10.0.0.1" },
        };
      }),
    ).toMatch(/^hosts\.Host_3: "Host_3" is no host name/);
  });
  test("a single host", () => {
    expect(onlyProblemOf((e) => delete e.hosts.host02)).toBe(
      "hosts: an overlay joins two hosts or more, and only one is given.",
    );
  });
  test("no pinned host key, or an RSA one", () => {
    expect(onlyProblemOf((e) => delete e.hosts.host01.existing.hostKey)).toMatch(
      /^hosts\.host01\.existing\.hostKey: no host key is pinned/,
    );
    expect(onlyProblemOf((e) => (e.hosts.host01.existing.hostKey = "ssh-rsa AAAA"))).toMatch(
      /RSA host key pins SHA-1/,
    );
  });
  test("host bits behind the prefix", () => {
    expect(onlyProblemOf((e) => (e.overlay.cidrs = ["192.168.0.1/24"]))).toBe(
      "overlay.cidrs[0]: 192.168.0.1/24 has bits set behind its prefix: did you mean 192.168.0.0/24?",
    );
  });
  test("invalid address", () => {
    expect(onlyProblemOf((e) => (e.hosts.host01.existing.underlayAddress = "10.196.218.0222"))).toMatch(
      /is no IPv4 address/,
    );
    expect(onlyProblemOf((e) => (e.hosts.host01.overlayAddresses = ["192.168.0.1/24"]))).toMatch(
      /is no IP address: give it without a prefix/,
    );
  });
  test("overlayIngress that is neither all nor none", () => {
    expect(onlyProblemOf((e) => (e.overlay.overlayIngress = "some"))).toMatch(
      /^overlay\.overlayIngress: "some" is neither/,
    );
  });

  test("an overlay that holds the SSH address of a host", () => {
    const ssh = (address: string) => (e: any) => (e.hosts.host01.existing.sshAddress = address);
    expect(onlyProblemOf(ssh("192.168.0.50"))).toBe(
      "overlay.cidrs[0]: 192.168.0.0/24 holds 192.168.0.50, the SSH address at hosts.host01.existing.sshAddress: " +
        "the host would send its answers to you into the overlay, and nobody could log in any more. " +
        "Choose a part of 10.0.0.0/8, 172.16.0.0/12 or 192.168.0.0/16 that is in use neither where you come from nor at the hosts.",
    );
    for (const otherAddress of [
      "192.168.1.50",
      "fd00:77::50",
      "192-168-0-50.example.net",
      "192.168.0.50.nip.io",
    ])
      expect(problems(ssh(otherAddress))).toEqual([]);
  });
  test("an IPv6 overlay that holds the SSH address of a host", () => {
    const ssh = (address: string) => (e: any) => {
      e.overlay.cidrs = ["192.168.0.0/24", "fd00:77::/64"];
      e.hosts.host01.overlayAddresses.push("fd00:77::1");
      e.hosts.host02.overlayAddresses.push("fd00:77::2");
      e.hosts.host02.existing.sshAddress = address;
    };
    expect(onlyProblemOf(ssh("FD00:77:0::50"))).toMatch(
      /^overlay\.cidrs\[1\]: fd00:77::\/64 holds FD00:77:0::50, the SSH address at hosts\.host02\..* Choose a part of fd00::\/8 that/,
    );
    expect(problems(ssh("fd00:78::50"))).toEqual([]);
  });
  test("an overlay that contains the underlay address is reported once if SSH uses that address", () => {
    expect(
      onlyProblemOf((e) => {
        e.hosts.host02.existing.underlayAddress = "192.168.0.226";
        e.hosts.host02.existing.sshAddress = "192.168.0.226";
      }),
    ).toMatch(/^overlay\.cidrs\[0\]: 192\.168\.0\.0\/24 overlaps the underlay: it holds 192\.168\.0\.226/);
  });
  test("a confirmTimeout outside its range", () => {
    for (const seconds of [29, 3601, 90.5, 0, -180])
      expect(onlyProblemOf((e) => (e.overlay.confirmTimeout = seconds))).toBe(
        `overlay.confirmTimeout: ${seconds} is no time to wait for a new SSH session: use whole seconds from 30 to 3600.`,
      );
    for (const seconds of [30, 3600])
      expect(problems((e) => (e.overlay.confirmTimeout = seconds))).toEqual([]);
    expect(onlyProblemOf((e) => (e.overlay.confirmTimeout = "3m"))).toBe(
      'overlay.confirmTimeout: "3m" is not a number.',
    );
  });
  test("a value of down that is neither true nor false", () => {
    expect(onlyProblemOf((e) => (e.hosts.host01.down = "yes"))).toBe(
      'hosts.host01.down: "yes" is not true or false.',
    );
  });

  test("all unknown keys, missing keys and wrong types at once, without other problems", () => {
    const lines = problems((e) => {
      e.overlay.vxlanId = 1;
      e.overlay.vni = -1;
      e.overlay.port = "4789";
      delete e.hosts.host01.overlayAddresses;
      delete e.hosts.host02.existing.hostKey;
      e.colour = "blue";
    });
    expect(paths(lines)).toEqual([
      "overlay.port",
      "overlay.vxlanId",
      "hosts.host01.overlayAddresses",
      "colour",
    ]);
  });
  test("all wrong values and host keys at once", () => {
    const lines = problems((e) => {
      e.overlay.vni = -1;
      e.hosts.host01.overlayAddresses = ["192.168.1.1"];
      delete e.hosts.host02.existing.hostKey;
    });
    expect(paths(lines)).toEqual([
      "overlay.vni",
      "hosts.host01.overlayAddresses[0]",
      "hosts.host02.existing.hostKey",
    ]);
  });
  test("a missing key, with its type", () => {
    expect(onlyProblemOf((e) => delete e.overlay.cidrs)).toBe("overlay.cidrs: missing: give a list.");
  });
  test("a host key that is given twice", () => {
    expect(onlyProblemOf((e) => (e.hosts.host01.existing.hostKeyPath = "host.pub"))).toBe(
      "hosts.host01.existing.hostKey: given twice, as hostKey and as hostKeyPath: keep one.",
    );
  });
});
