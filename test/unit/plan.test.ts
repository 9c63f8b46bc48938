import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { DeviceReport } from "../../components/vxlan/phases/device.ts";
import { removeOverlay } from "../../components/vxlan/phases/removal.ts";
import { fleetMtu } from "../../components/vxlan/mtu.ts";
import { interfaceAddresses } from "../../components/vxlan/phases/device.ts";
import { planMesh, refuseEqualMacs } from "../../components/vxlan/plan.ts";
import type { HostSettings } from "../../components/vxlan/settings.ts";

const OVERLAY = { cidrs: ["192.168.0.0/24"] };

/** A fleet of any size: settings and reports by host name, addresses and MACs derived from the index. */
const fleet = fc
  .uniqueArray(fc.stringMatching(/^[a-z][a-z0-9]{0,8}$/), { minLength: 2, maxLength: 12 })
  .map((names) => {
    const hosts: Record<string, HostSettings> = {};
    const reports: Record<string, DeviceReport> = {};
    names.forEach((name, index) => {
      hosts[name] = { underlayAddress: `10.0.${index}.2`, overlayAddresses: [`192.168.0.${index + 1}`] };
      reports[name] = {
        mac: `02:00:00:00:00:${(index + 16).toString(16)}`,
        underlayMtu: 9000 - index,
        installation: `i${index}`,
      };
    });
    return { names, hosts, reports };
  });

describe("the mesh", () => {
  test("is symmetric, complete, and holds nobody as their own peer", () => {
    fc.assert(
      fc.property(fleet, ({ names, hosts, reports }) => {
        const plans = planMesh(OVERLAY, hosts, reports);
        for (const name of names) {
          const peers = plans[name]?.peers ?? [];
          expect(peers.map((peer) => peer.name)).toEqual(names.filter((other) => other !== name).sort());
          for (const peer of peers) {
            expect(peer.mac).toBe(reports[peer.name]?.mac);
            expect(peer.underlayAddress).toBe(hosts[peer.name]?.underlayAddress);
            expect(plans[peer.name]?.peers.some((back) => back.name === name)).toBe(true);
          }
        }
      }),
    );
  });

  test("is the same whatever the order of the hosts", () => {
    fc.assert(
      fc.property(fleet, ({ hosts, reports }) => {
        const reversed = <T>(map: Record<string, T>) => Object.fromEntries(Object.entries(map).reverse());
        expect(JSON.stringify(planMesh(OVERLAY, reversed(hosts), reversed(reports)))).toBe(
          JSON.stringify(planMesh(OVERLAY, hosts, reports)),
        );
      }),
    );
  });

  test("gives every host one MTU: the smallest underlay's less 50", () => {
    fc.assert(
      fc.property(fleet, ({ names, hosts, reports }) => {
        const mtus = new Set(Object.values(planMesh(OVERLAY, hosts, reports)).map((plan) => plan.mtu));
        expect([...mtus]).toEqual([9000 - (names.length - 1) - 50]);
      }),
    );
  });
});

describe("fleetMtu", () => {
  const reports = {
    host01: { mac: "", underlayMtu: 9000, installation: "" },
    host02: { mac: "", underlayMtu: 1500, installation: "" },
  };
  test("keeps a configured MTU that fits", () =>
    expect(fleetMtu({ ...OVERLAY, mtu: 1400 }, reports)).toBe(1400));
  test("refuses one that does not, naming the host and the largest that fits", () =>
    expect(() => fleetMtu({ ...OVERLAY, mtu: 8950 }, reports)).toThrow(
      "mtu 8950 does not fit on host02: its NIC carries 1500 bytes",
    ));

  describe("with an IPv6 network, which needs 1280 bytes", () => {
    const nics = (...mtus: number[]) =>
      Object.fromEntries(
        mtus.map((underlayMtu, index) => [`host0${index + 1}`, { mac: "", underlayMtu, installation: "" }]),
      );

    test("takes a NIC that carries exactly 1330", () =>
      expect(fleetMtu({ cidrs: ["fd00:77::/64"] }, nics(9000, 1330))).toBe(1280));
    test("refuses one that carries a byte less, with the cause and both ways out", () =>
      expect(() => fleetMtu({ cidrs: ["fd00:77::/64"] }, nics(9000, 1329))).toThrow(
        "IPv6 does not fit: host02's NIC has an MTU of 1329 bytes, VXLAN takes 50 of them, and IPv6 needs 1280. " +
          'Raise the MTU of each NIC named here to 1330 or more and the host\'s "generation" by one, which has it measured again; ' +
          'or take fd00:77::/64 out of the overlay\'s "cidrs", and the hosts\' addresses in it out of "overlayAddresses".',
      ));
    test("names every NIC that is too small, not the smallest alone", () =>
      expect(() => fleetMtu({ cidrs: ["fd00:77::/64"] }, nics(1300, 9000, 1200))).toThrow(
        /host01's NIC has an MTU of 1300 bytes, host03's NIC has an MTU of 1200 bytes, VXLAN/,
      ));
    test("refuses it beside an IPv4 network too", () =>
      expect(() => fleetMtu({ cidrs: ["192.168.0.0/24", "fd00:77::/64"] }, nics(1300))).toThrow(
        /^IPv6 does not fit: host01's NIC/,
      ));
    test("says so rather than advise a configured MTU that IPv6 cannot have", () =>
      expect(() => fleetMtu({ cidrs: ["fd00:77::/64"], mtu: 1400 }, nics(1300))).toThrow(
        /^IPv6 does not fit: host01's NIC/,
      ));
    test("leaves an IPv4 overlay on such a NIC alone", () =>
      expect(fleetMtu(OVERLAY, nics(9000, 1300))).toBe(1250));
    test("fails the plan of the whole fleet", () =>
      expect(() =>
        planMesh(
          { cidrs: ["fd00:77::/64"] },
          {
            host01: { underlayAddress: "10.0.0.1", overlayAddresses: ["fd00:77::1"] },
            host02: { underlayAddress: "10.0.0.2", overlayAddresses: ["fd00:77::2"] },
          },
          nics(9000, 1300),
        ),
      ).toThrow(/^IPv6 does not fit: host02's NIC/));
  });
});

test("two hosts with one MAC are refused, by name and with a cure that leaves other overlays alone", () => {
  const report = { mac: "02:00:00:00:00:01", underlayMtu: 9000, installation: "" };
  const removal = removeOverlay({ overlay: "lab.overlay" });
  expect(() => refuseEqualMacs("vxlan0", { host02: report, host01: report }, removal)).toThrow(
    /^host01 and host02 both have MAC 02:00:00:00:00:01 on vxlan0: .*run "sudo \S+ remove lab\.overlay", raise its "generation"/,
  );
  const other = { ...report, mac: "02:00:00:00:00:02" };
  expect(() => refuseEqualMacs("vxlan0", { host01: report, host02: other }, removal)).not.toThrow();
});

test("overlay addresses get the prefix length of the network they lie in", () => {
  const host = { underlayAddress: "10.0.0.1", overlayAddresses: ["fd00::1", "192.168.0.1"] };
  expect(interfaceAddresses({ cidrs: ["192.168.0.0/24", "fd00::/64"] }, host)).toEqual([
    "fd00::1/64",
    "192.168.0.1/24",
  ]);
});

test("peers are named by their addresses as the kernel spells them", () => {
  const host = (underlayAddress: string, overlayAddress: string): HostSettings => ({
    underlayAddress,
    overlayAddresses: [overlayAddress],
  });
  const report = { mac: "02:00:00:00:00:01", underlayMtu: 9000, installation: "" };
  const plans = planMesh(
    { cidrs: ["fd00::/64"] },
    { a: host("10.0.0.2", "FD00:0:0:0::0A"), b: host("10.0.0.3", "fd00::b") },
    { a: report, b: { ...report, mac: "02:00:00:00:00:02" } },
  );
  expect(plans["b"]?.peers[0]?.overlayAddresses).toEqual(["fd00::a"]);
});
