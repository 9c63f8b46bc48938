import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  addressAt,
  contains,
  networkContaining,
  overlaps,
  parseAddress,
  parseCidr,
  usableRange,
} from "../../components/vxlan/addresses.ts";
import type { Cidr } from "../../components/vxlan/addresses.ts";

const cidr = fc
  .tuple(fc.ipV4(), fc.integer({ min: 8, max: 30 }))
  .map(([address, prefix]) => networkContaining(`${address}/${prefix}`) as Cidr);

describe("addresses", () => {
  test.each(["10.1", "010.0.0.1", "0x7f.0.0.1", "1.2.3.4.5", "256.0.0.1", "fe80::1%eth0", "host01", ""])(
    "%j is none",
    (text) => expect(parseAddress(text)).toBeUndefined(),
  );
  test.each(["10.196.218.222/33", "10.196.218.222", "/30", "10.0.0.0/x", "fd00::/129"])(
    "%j is no CIDR",
    (text) => expect(networkContaining(text)).toBeUndefined(),
  );
  test("a CIDR has no bits behind its prefix", () => {
    expect(parseCidr("10.196.218.220/30")?.text).toBe("10.196.218.220/30");
    expect(parseCidr("10.196.218.222/30")).toBeUndefined();
  });
  test("the reference environment's /30 has .221 and .222 for hosts", () =>
    expect(usableRange(parseCidr("10.196.218.220/30") as Cidr)).toBe("10.196.218.221 to 10.196.218.222"));
  test("a network contains its first and last address, and not the ones beside them", () => {
    fc.assert(
      fc.property(cidr, (network) => {
        expect(contains(network, addressAt(network, 0))).toBe(true);
        expect(contains(network, addressAt(network, -1))).toBe(true);
        const next = addressAt(network, 2 ** (32 - network.prefix));
        expect(contains(network, next)).toBe(false);
      }),
    );
  });
  test("networks overlap where one contains the other, in either order", () => {
    fc.assert(fc.property(cidr, cidr, (a, b) => overlaps(a, b) === overlaps(b, a)));
    expect(overlaps(parseCidr("10.0.0.0/8") as Cidr, parseCidr("10.1.0.0/16") as Cidr)).toBe(true);
    expect(overlaps(parseCidr("10.0.0.0/16") as Cidr, parseCidr("10.1.0.0/16") as Cidr)).toBe(false);
  });
  test("families never mix", () =>
    expect(contains(parseCidr("fd00::/64") as Cidr, parseAddress("10.0.0.1")!)).toBe(false));
});
