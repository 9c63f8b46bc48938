import { describe, expect, test } from "vitest";
import { describePaths, measuredPeers, parsePaths } from "../../components/vxlan/connectivityTest/pathMtu.ts";

const peer = (name: string, underlayAddress: string) => ({
  name,
  mac: "",
  underlayAddress,
  overlayAddresses: [],
});
const BETA = peer("beta", "10.0.0.1");
const ALPHA = peer("alpha", "10.0.0.2");
const GAMMA = peer("gamma", "10.0.0.3");

const paths = (...bytes: number[]) =>
  parsePaths(
    BETA,
    [ALPHA, GAMMA],
    [
      "Welcome",
      ...bytes.map((size, index) => `oci-vxlan path ${index === 0 ? "alpha" : "gamma"} x ${size}`),
    ].join("\n"),
  );

describe("a path that carries less than the overlay needs", () => {
  test("is described with both hosts, both sizes, and the line of the config for the smallest", () => {
    expect(describePaths(paths(1500, 1420), 8950, ["192.168.0.0/24"])).toBe(
      "the path from beta to alpha (10.0.0.1 -> 10.0.0.2) carries 1500 bytes unfragmented, " +
        "the path from beta to gamma (10.0.0.1 -> 10.0.0.3) carries 1420 bytes unfragmented, " +
        "and the overlay needs 9000, 8950 and what VXLAN adds. Set this in the config, or raise what the path carries " +
        '(a host remembers an old limit for ten minutes, or until "sudo ip route flush cache"), then run pulumi up again:\n' +
        "  overlay.mtu: 1370",
    );
  });

  test("is refused for IPv6's sake where it leaves less than 1280, rather than with an MTU that IPv6 cannot have", () => {
    const text = describePaths(paths(1329), 8950, ["192.168.0.0/24", "fd00:77::/64"]);
    expect(text).toContain(
      "This leaves 1279 bytes, and IPv6 needs 1280: raise what the path carries to 1330 or more",
    );
    expect(text).toContain("or take fd00:77::/64 out of overlay.cidrs");
    expect(text).not.toContain("overlay.mtu:");
    expect(describePaths(paths(1330), 8950, ["fd00:77::/64"])).toContain("overlay.mtu: 1280");
  });
});

test("each host measures the paths to all its peers, and in a large fleet to 16 of them", () => {
  expect(measuredPeers({ mtu: 8950, members: [ALPHA, BETA, GAMMA] }, "beta")).toEqual([ALPHA, GAMMA]);
  const members = Array.from({ length: 20 }, (_, index) => ({ ...BETA, name: `host${index}` }));
  expect(measuredPeers({ mtu: 8950, members }, "host3")).toHaveLength(16);
});
