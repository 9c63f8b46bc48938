import { readFileSync } from "node:fs";
import { parse } from "yaml";
import { describe, expect, test } from "vitest";
import { ConfigError, parseEnvironment } from "../../stacks/config.ts";

const KEY = `ssh-ed25519 ${"A".repeat(68)}`;

const environment = (change: (value: any) => void = () => undefined) => {
  const value = {
    overlay: { cidrs: ["192.168.0.0/24"] } as Record<string, unknown>,
    hosts: {
      host01: {
        overlayAddresses: ["192.168.0.1"],
        existing: { underlayAddress: "10.196.218.222", hostKey: KEY },
      },
      host02: {
        overlayAddresses: ["192.168.0.2"],
        existing: { underlayAddress: "10.196.218.226", hostKey: KEY },
      },
    } as Record<string, any>,
  };
  change(value);
  return value;
};

/** The problems of a changed environment as `path: message` lines. */
const problems = (change: (value: any) => void): string[] => {
  try {
    parseEnvironment(environment(change));
  } catch (error) {
    if (error instanceof ConfigError) return error.problems.map(({ path, message }) => `${path}: ${message}`);
    throw error;
  }
  return [];
};

describe("a config that is right", () => {
  test("is accepted", () => {
    expect(parseEnvironment(environment()).hosts["host01"]?.overlayAddresses).toEqual(["192.168.0.1"]);
  });

  test.each(["lab"])("stack %s's own file is accepted", (stack) => {
    const file = parse(readFileSync(`stacks/Pulumi.${stack}.yaml`, "utf8")) as {
      config: Record<string, unknown>;
    };
    expect(parseEnvironment(file.config["oci-vxlan:environment"]).overlay.cidrs).toEqual(["192.168.0.0/24"]);
  });
});

describe("a config that is wrong says where, what, and what would be right", () => {
  const one = (change: (value: any) => void) => {
    const found = problems(change);
    expect(found).toHaveLength(1);
    return found[0];
  };

  test("unknown key", () => {
    expect(one((e) => (e.overlay.vxlanId = 100))).toMatch(
      /^overlay\.vxlanId: unknown key: known here are cidrs, device, vni,/,
    );
    expect(one((e) => (e.hosts.host01.existing.adress = "x"))).toMatch(
      /^hosts\.host01\.existing\.adress: unknown key/,
    );
  });
  test("missing key", () => {
    expect(one((e) => delete e.hosts.host01.existing)).toMatch(
      /^hosts\.host01\.existing: missing: give a mapping/,
    );
  });
  test("wrong type, with the value", () => {
    expect(one((e) => (e.overlay.vni = "100"))).toBe('overlay.vni: "100" is not a number.');
  });
  test("VNI past 24 bits", () => {
    expect(one((e) => (e.overlay.vni = 2 ** 24))).toBe(
      "overlay.vni: 16777216 is no VNI: it has 24 bits, so use a whole number from 1 to 16777215.",
    );
  });
  test("MTU that cannot fit", () => {
    expect(one((e) => (e.overlay.mtu = 9000))).toMatch(/^overlay\.mtu: 9000 cannot fit: .* from 576 to 8950/);
  });
  test("overlay that overlaps the underlay", () => {
    expect(
      one((e) => {
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
    expect(one((e) => (e.hosts.host01.overlayAddresses = ["192.168.1.1"]))).toBe(
      "hosts.host01.overlayAddresses[0]: 192.168.1.1 lies outside 192.168.0.0/24: use an address from 192.168.0.1 to 192.168.0.254.",
    );
  });
  test("reserved address", () => {
    expect(one((e) => (e.hosts.host01.overlayAddresses = ["192.168.0.0"]))).toMatch(
      /is reserved as the network address/,
    );
    expect(one((e) => (e.hosts.host01.overlayAddresses = ["192.168.0.255"]))).toMatch(
      /is reserved as the broadcast address/,
    );
  });
  test("address given twice", () => {
    expect(one((e) => (e.hosts.host02.overlayAddresses = ["192.168.0.1"]))).toBe(
      "hosts.host02.overlayAddresses[0]: 192.168.0.1 is given twice: hosts.host01.overlayAddresses[0] has it too.",
    );
    expect(one((e) => (e.hosts.host02.existing.underlayAddress = "10.196.218.222"))).toMatch(
      /is given twice/,
    );
  });
  test("host name that is none", () => {
    expect(
      one((e) => {
        e.hosts["Host_3"] = {
          ...e.hosts.host01,
          overlayAddresses: ["192.168.0.3"],
          existing: { ...e.hosts.host01.existing, underlayAddress: "10.0.0.1" },
        };
      }),
    ).toMatch(/^hosts\.Host_3: "Host_3" is no host name/);
  });
  test("one host alone", () => {
    expect(one((e) => delete e.hosts.host02)).toBe(
      "hosts: an overlay joins two hosts or more, and only one is given.",
    );
  });
  test("no pinned host key, or an RSA one", () => {
    expect(one((e) => delete e.hosts.host01.existing.hostKey)).toMatch(
      /^hosts\.host01\.existing\.hostKey: no host key is pinned/,
    );
    expect(one((e) => (e.hosts.host01.existing.hostKey = "ssh-rsa AAAA"))).toMatch(/RSA host key pins SHA-1/);
  });
  test("host bits behind the prefix", () => {
    expect(one((e) => (e.overlay.cidrs = ["192.168.0.1/24"]))).toBe(
      "overlay.cidrs[0]: 192.168.0.1/24 has bits set behind its prefix: did you mean 192.168.0.0/24?",
    );
  });
  test("an address that is none", () => {
    expect(one((e) => (e.hosts.host01.existing.underlayAddress = "10.196.218.0222"))).toMatch(
      /is no IPv4 address/,
    );
    expect(one((e) => (e.hosts.host01.overlayAddresses = ["192.168.0.1/24"]))).toMatch(
      /is no IP address: give it without a prefix/,
    );
  });
  test("neither all nor none", () => {
    expect(one((e) => (e.overlay.overlayIngress = "some"))).toMatch(
      /^overlay\.overlayIngress: "some" is neither/,
    );
  });

  test("everything at once, shape and meaning alike", () => {
    const found = problems((e) => {
      e.overlay.vxlanId = 1;
      e.overlay.vni = -1;
      e.hosts.host01.overlayAddresses = ["192.168.1.1"];
      delete e.hosts.host02.existing.hostKey;
      e.colour = "blue";
    });
    expect(found.map((line) => line.split(":")[0])).toEqual([
      "overlay.vxlanId",
      "colour",
      "hosts.host02.existing.hostKey",
      "overlay.vni",
      "hosts.host01.overlayAddresses[0]",
    ]);
  });
});
