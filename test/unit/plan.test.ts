import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { removeOverlay } from "../../components/vxlan/phases/removal.ts";
import { planMesh, planPeers, refuseEqualMacs } from "../../components/vxlan/plan.ts";
import type { ReportedHost } from "../../components/vxlan/plan.ts";

const OVERLAY = { cidrs: ["192.168.0.0/24"] };

/** A fleet of any size, with addresses and MACs derived from the index of each host. */
const fleet = fc
  .uniqueArray(fc.stringMatching(/^[a-z][a-z0-9]{0,8}$/), { minLength: 2, maxLength: 12 })
  .map((names) =>
    names.map((host, index): ReportedHost => ({
      underlayAddress: `10.0.${index}.2`,
      overlayAddresses: [`192.168.0.${index + 1}`],
      report: {
        host,
        mac: `02:00:00:00:00:${(index + 16).toString(16)}`,
        underlayMtu: 9000 - index,
        installation: `i${index}`,
      },
    })),
  );

/** The plans of all hosts, by name. */
const plansOf = (hosts: readonly ReportedHost[]) => {
  const mesh = planMesh(OVERLAY, hosts);
  return Object.fromEntries(hosts.map(({ report }) => [report.host, planPeers(mesh, report)]));
};

describe("the mesh", () => {
  test("is symmetric, complete, and holds nobody as their own peer", () => {
    fc.assert(
      fc.property(fleet, (hosts) => {
        const plans = plansOf(hosts);
        const names = hosts.map(({ report }) => report.host);
        for (const name of names) {
          const peers = plans[name]?.peers ?? [];
          expect(peers.map((peer) => peer.name)).toEqual(names.filter((other) => other !== name).sort());
          for (const peer of peers) {
            const host = hosts.find(({ report }) => report.host === peer.name);
            expect(peer.mac).toBe(host?.report.mac);
            expect(peer.underlayAddress).toBe(host?.underlayAddress);
            expect(plans[peer.name]?.peers.some((back) => back.name === name)).toBe(true);
          }
        }
      }),
    );
  });

  test("is the same whatever the order of the hosts", () => {
    fc.assert(
      fc.property(fleet, (hosts) => {
        expect(planMesh(OVERLAY, [...hosts].reverse())).toEqual(planMesh(OVERLAY, hosts));
      }),
    );
  });

  test("gives every host one MTU: the smallest underlay's less 50", () => {
    fc.assert(
      fc.property(fleet, (hosts) => {
        const mtus = new Set(Object.values(plansOf(hosts)).map((plan) => plan.mtu));
        expect([...mtus]).toEqual([9000 - (hosts.length - 1) - 50]);
      }),
    );
  });

  test("has each address in the kernel's spelling", () => {
    const host = (name: string, overlayAddress: string): ReportedHost => ({
      underlayAddress: "10.0.0.2",
      overlayAddresses: [overlayAddress],
      report: { host: name, mac: "02:00:00:00:00:01", underlayMtu: 9000, installation: "" },
    });
    const { members } = planMesh({ cidrs: ["fd00::/64"] }, [
      host("a", "FD00:0:0:0::0A"),
      host("b", "fd00::b"),
    ]);
    expect(members[0]?.overlayAddresses).toEqual(["fd00::a"]);
  });
});

test("two hosts with one MAC are refused, by name and with a cure that leaves other overlays alone", () => {
  const report = (host: string, mac: string) => ({ host, mac, underlayMtu: 9000, installation: "" });
  const first = report("host01", "02:00:00:00:00:01");
  const removal = removeOverlay({ overlay: "lab.overlay" });
  const clone = report("host02", "02:00:00:00:00:01");
  expect(() => refuseEqualMacs("vxlan0", [clone, first], removal)).toThrow(
    /^host01 and host02 both have MAC 02:00:00:00:00:01 on vxlan0: .*run "sudo \S+ remove lab\.overlay", raise its "generation"/,
  );
  const other = report("host02", "02:00:00:00:00:02");
  expect(() => refuseEqualMacs("vxlan0", [first, other], removal)).not.toThrow();
});
