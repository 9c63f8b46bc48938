import { describe, expect, test } from "vitest";
import { describeFailure } from "../../components/vxlan/connectivityTest/failedProbe.ts";
import { lastVerified } from "../../components/vxlan/connectivityTest/lastVerified.ts";
import {
  PEERS_A_RUN,
  choosePeers,
  transferPeer,
} from "../../components/vxlan/connectivityTest/peerChoice.ts";
import {
  PROBE_COMMAND,
  parseProbeReport,
  probeInput,
} from "../../components/vxlan/connectivityTest/probe.ts";
import { validateVerify } from "../../components/vxlan/validation/verifyPort.ts";
import type { ProbedHost, VerifySettings } from "../../components/vxlan/connectivityTest/probe.ts";
import { withDefaults } from "../../components/vxlan/settings.ts";
import type { OverlaySettings } from "../../components/vxlan/settings.ts";

const HOST01: ProbedHost = {
  name: "host01",
  underlayAddress: "10.196.218.222",
  overlayAddresses: ["192.168.0.1", "FD00::1"],
  sshPort: 22,
};
const HOST02: ProbedHost = {
  name: "host02",
  underlayAddress: "10.196.218.226",
  overlayAddresses: ["192.168.0.2", "FD00::2"],
  sshPort: 2222,
};
const CIDRS = ["192.168.0.0/24", "fd00::/64"];

const data = (overlay: Partial<OverlaySettings> = {}, settings: VerifySettings = {}) =>
  probeInput(withDefaults({ cidrs: CIDRS, ...overlay }), settings, [HOST02], 8950)
    .split("\nmain\n")[1]
    ?.trim()
    .split("\n");

describe("what a host probes", () => {
  test("is every address of its peers, on the port of each one's SSH connection", () => {
    expect(data()).toEqual([
      "mtu 8950",
      "tries many",
      "target host02 192.168.0.2 2222",
      "target host02 fd00::2 2222",
      "end",
    ]);
  });

  test("on the port that is given for all", () => {
    expect(data({}, { verifyPort: 10022 })?.[2]).toMatch(/ 10022$/);
  });

  test("leaves TCP out where this program does not open the hosts' firewalls", () => {
    expect(data({ overlayIngress: "none" })?.[2]).toMatch(/ -$/);
    expect(data({ hostFirewall: "leave" })?.[2]).toMatch(/ -$/);
  });

  test("goes in through standard input, so that the command shows no address", () => {
    expect(PROBE_COMMAND).not.toMatch(/host0|192\.168|10\.196/);
  });
});

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

describe("a host's report", () => {
  const summary = "oci-vxlan probed time=2026-11-23T12:00:00Z targets=2";

  test("is read past a login banner", () => {
    expect(parseProbeReport(HOST01, [HOST02], `Welcome!\n${summary}\n`)).toEqual({
      time: "2026-11-23T12:00:00Z",
      targets: 2,
      failures: [],
    });
  });

  test("names each probe that stayed without its answer", () => {
    const lines = [
      "oci-vxlan probe host02 192.168.0.2 icmp:8922 silent",
      "oci-vxlan probe host02 fd00::2 tcp:2222 refused",
      "oci-vxlan probe stranger 192.168.0.9 icmp:8922 silent",
    ];
    const { failures } = parseProbeReport(HOST01, [HOST02], [...lines, summary].join("\n"));
    expect(failures.map(describeFailure)).toEqual([
      "host01 -> host02 (192.168.0.2, by 10.196.218.222 -> 10.196.218.226): ICMP of 8922 bytes timed out",
      "host01 -> host02 (fd00::2, by 10.196.218.222 -> 10.196.218.226): TCP to port 2222 was refused",
    ]);
  });

  test("that has no end shows nothing", () => {
    expect(() => parseProbeReport(HOST01, [HOST02], "Welcome!")).toThrow(
      /^expected a line "oci-vxlan probed/,
    );
  });

  test.each([
    ["only-small", "timed out, while a small one is answered"],
    ["too-long", "is too long for this host's device"],
    ["prohibited", "was refused by a firewall"],
    ["unreachable", "found its destination unreachable"],
    ["not-permitted", "may not be sent from this host"],
    ["no-banner", "connected, and no SSH banner came"],
    ["late", "not probed"],
  ])("says %s in words", (answer, words) => {
    const [failure] = parseProbeReport(
      HOST01,
      [HOST02],
      `oci-vxlan probe host02 192.168.0.2 icmp:8922 ${answer}\n${summary}`,
    ).failures;
    expect(failure && describeFailure(failure)).toContain(words);
  });
});

test("of a whole overlay, the earliest time and what passed are kept", () => {
  const overlay = withDefaults({ cidrs: CIDRS });
  const reports = [
    { time: "2026-11-23T12:00:02Z", targets: 2 },
    { time: "2026-11-23T12:00:01Z", targets: 2 },
  ];
  expect(lastVerified(overlay, reports, 2, 2, 8950)).toEqual({
    time: "2026-11-23T12:00:01Z",
    what: "4 of 4 directions: ICMP of 8922 and 8902 bytes that may not fragment, TCP to sshd with its banner read, 256 KiB by TCP to 2 of 2 hosts",
  });
  const without = lastVerified({ ...overlay, overlayIngress: "none" }, reports, 2, 0, 8950).what;
  expect(without).not.toContain("TCP");
});

test("a port that is none is refused", () => {
  expect(validateVerify({ verifyPort: 70000 }, (key) => `overlay.${key}`)).toEqual([
    { path: "overlay.verifyPort", message: expect.stringContaining("70000 is no TCP port") },
  ]);
  expect(validateVerify({ verifyPort: 22 }, (key) => key)).toEqual([]);
});
