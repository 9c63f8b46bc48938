import { describe, expect, test } from "vitest";
import { fleetMtu } from "../../components/vxlan/mtu.ts";
import { planMesh } from "../../components/vxlan/plan.ts";

const OVERLAY = { cidrs: ["192.168.0.0/24"] };

/** Reports of host01, host02 and so on, whose NICs have these MTUs. */
const reports = (...mtus: number[]) =>
  mtus.map((underlayMtu, index) => ({ host: `host0${index + 1}`, mac: "", underlayMtu, installation: "" }));

describe("fleetMtu", () => {
  test("keeps a configured MTU that fits", () =>
    expect(fleetMtu({ ...OVERLAY, mtu: 1400 }, reports(9000, 1500))).toBe(1400));
  test("refuses one that does not, naming the host and the largest that fits", () =>
    expect(() => fleetMtu({ ...OVERLAY, mtu: 8950 }, reports(9000, 1500))).toThrow(
      "mtu 8950 does not fit on host02: its NIC carries 1500 bytes",
    ));
});

describe("with an IPv6 network, which needs 1280 bytes, fleetMtu", () => {
  test("takes a NIC that carries exactly 1330", () =>
    expect(fleetMtu({ cidrs: ["fd00:77::/64"] }, reports(9000, 1330))).toBe(1280));
  test("refuses one that carries a byte less, with the cause and both cures", () =>
    expect(() => fleetMtu({ cidrs: ["fd00:77::/64"] }, reports(9000, 1329))).toThrow(
      "IPv6 does not fit: host02's NIC has an MTU of 1329 bytes, VXLAN takes 50 of them, and IPv6 needs 1280. " +
        'Raise the MTU of each NIC named here to 1330 or more and the host\'s "generation" by one, which has it measured again; ' +
        'or take fd00:77::/64 out of the overlay\'s "cidrs", and the hosts\' addresses in it out of "overlayAddresses".',
    ));
  test("names every NIC that is too small, not the smallest alone", () =>
    expect(() => fleetMtu({ cidrs: ["fd00:77::/64"] }, reports(1300, 9000, 1200))).toThrow(
      /host01's NIC has an MTU of 1300 bytes, host03's NIC has an MTU of 1200 bytes, VXLAN/,
    ));
  test("refuses it beside an IPv4 network too", () =>
    expect(() => fleetMtu({ cidrs: ["192.168.0.0/24", "fd00:77::/64"] }, reports(1300))).toThrow(
      /^IPv6 does not fit: host01's NIC/,
    ));
  test("reports that rather than advise a configured MTU that IPv6 cannot have", () =>
    expect(() => fleetMtu({ cidrs: ["fd00:77::/64"], mtu: 1400 }, reports(1300))).toThrow(
      /^IPv6 does not fit: host01's NIC/,
    ));
  test("leaves an IPv4 overlay on such a NIC alone", () =>
    expect(fleetMtu(OVERLAY, reports(9000, 1300))).toBe(1250));
  test("fails the plan of the whole fleet", () => {
    const hosts = reports(9000, 1300).map((report, index) => ({
      report,
      underlayAddress: `10.0.0.${index + 1}`,
      overlayAddresses: [`fd00:77::${index + 1}`],
    }));
    expect(() => planMesh({ cidrs: ["fd00:77::/64"] }, hosts)).toThrow(/^IPv6 does not fit: host02's NIC/);
  });
});
