import { describe, expect, test } from "vitest";
import { TCP_PEERS, probePlan } from "../../status/probePlan.ts";

/** Which peers `npm run status` has each host of a fleet probe. */
describe("the probes of a run", () => {
  const fleetOf = (count: number) =>
    Array.from({ length: count }, (_, index) => `h${String(index).padStart(3, "0")}`);

  test.each([2, 17])("test all paths of %i hosts, by TCP too", (count) => {
    const fleet = fleetOf(count);
    for (const name of fleet) {
      const { peers, tcpPeers } = probePlan(fleet, name, 5);
      expect(peers).toEqual(fleet.filter((other) => other !== name));
      expect(tcpPeers.toSorted()).toEqual(peers);
    }
  });

  test.each([18, 32])("send echoes on all paths of %i hosts, and test TCP on some", (count) => {
    const fleet = fleetOf(count);
    for (const name of fleet) {
      const { peers, tcpPeers } = probePlan(fleet, name, 5);
      expect(peers).toEqual(fleet.filter((other) => other !== name));
      expect(tcpPeers).toHaveLength(TCP_PEERS);
    }
  });

  test("probe some peers of each host in a larger fleet, those for TCP among them", () => {
    const fleet = fleetOf(100);
    for (let turn = 0; turn < 25; turn++) {
      const { peers, tcpPeers } = probePlan(fleet, "h042", turn);
      expect(peers.length).toBeGreaterThanOrEqual(16);
      expect(peers.length).toBeLessThanOrEqual(20);
      expect(peers).toEqual(expect.arrayContaining([...tcpPeers]));
    }
  });

  test.each([18, 33, 100])(
    "test TCP to each of %i hosts as often as from it, and to all in time",
    (count) => {
      const fleet = fleetOf(count);
      const pairs = new Set<string>();
      for (let turn = 7; turn < 7 + Math.ceil((count - 1) / TCP_PEERS); turn++) {
        const plans = fleet.map((name) => ({ name, ...probePlan(fleet, name, turn) }));
        for (const { name, tcpPeers } of plans) {
          for (const peer of tcpPeers) pairs.add(`${name} ${peer}`);
          expect(plans.filter((plan) => plan.tcpPeers.includes(name))).toHaveLength(TCP_PEERS);
        }
      }
      expect(pairs.size).toBe(count * (count - 1));
    },
  );

  test.each([2, 5, 18, 40])("have each of %i hosts send a transfer to one that tests TCP to it", (count) => {
    const fleet = fleetOf(count);
    const plans = fleet.map((name) => probePlan(fleet, name, 3));
    expect(plans.map(({ sender }) => sender).sort()).toEqual(fleet);
    for (const { tcpPeers, sender } of plans) expect(tcpPeers).toContain(sender);
    expect(probePlan(["only"], "only", 3)).toEqual({ peers: [], tcpPeers: [], sender: undefined });
  });
});
