import { describe, expect, test } from "vitest";
import {
  PEERS_A_RUN,
  choosePeers,
  transferPeer,
} from "../../components/vxlan/connectivityTest/peerChoice.ts";

describe("the peers of a turn", () => {
  const names = (count: number) =>
    Array.from({ length: count }, (_, index) => `h${String(index).padStart(3, "0")}`);

  test("are all of them in a fleet of up to seventeen", () => {
    const fleet = names(PEERS_A_RUN + 1);
    for (const name of fleet) {
      expect(choosePeers(fleet, name, 5).sort()).toEqual(fleet.filter((other) => other !== name));
    }
    expect(choosePeers(["only"], "only", 0)).toEqual([]);
  });

  test.each([18, 33, 40, 100])(
    "are sixteen of %i hosts, each probed by sixteen, and all pairs in few turns",
    (count) => {
      const fleet = names(count);
      const turns = Math.ceil((count - 1) / PEERS_A_RUN);
      const pairs = new Set<string>();
      for (let turn = 7; turn < 7 + turns; turn++) {
        const probedBy = new Map<string, number>();
        for (const name of fleet) {
          const peers = choosePeers(fleet, name, turn);
          expect(new Set(peers).size).toBe(PEERS_A_RUN);
          expect(peers).not.toContain(name);
          for (const peer of peers) {
            pairs.add(`${name} ${peer}`);
            probedBy.set(peer, (probedBy.get(peer) ?? 0) + 1);
          }
        }
        expect([...probedBy.values()]).toEqual(fleet.map(() => PEERS_A_RUN));
      }
      expect(pairs.size).toBe(count * (count - 1));
    },
  );

  test("a transfer comes from another host to each, and from each to another", () => {
    const fleet = names(5);
    expect(fleet.map((name) => transferPeer(fleet, name))).toEqual(["h001", "h002", "h003", "h004", "h000"]);
    expect(transferPeer(["only"], "only")).toBeUndefined();
  });
});
