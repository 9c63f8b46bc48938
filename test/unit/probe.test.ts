import { describe, expect, test } from "vitest";
import { describeFailure } from "../../components/vxlan/connectivityTest/failedProbe.ts";
import {
  PROBE_COMMAND,
  parseProbeReport,
  probeInput,
  probeProblem,
} from "../../components/vxlan/connectivityTest/probe.ts";
import type { ProbeEffort, ProbedHost } from "../../components/vxlan/connectivityTest/probe.ts";
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

/** What the script reads, one line an item. */
const inputLines = (overlay: Partial<OverlaySettings> = {}, effort: ProbeEffort = {}) =>
  probeInput(withDefaults({ cidrs: CIDRS, ...overlay }), [HOST02], 8950, effort)
    .split("\nmain\n")[1]
    ?.trim()
    .split("\n");

describe("what a host probes", () => {
  test("is every address of its peers, on the port of each one's SSH connection", () => {
    expect(inputLines()).toEqual([
      "mtu 8950",
      "tries many",
      "target host02 192.168.0.2 2222",
      "target host02 fd00::2 2222",
      "end",
    ]);
  });

  test("is on the configured port of all hosts", () => {
    expect(inputLines({ verifyPort: 10022 })?.[2]).toMatch(/ 10022$/);
  });

  test("leaves TCP out where this program does not open the hosts' firewalls", () => {
    expect(inputLines({ overlayIngress: "none" })?.[2]).toMatch(/ -$/);
    expect(inputLines({ hostFirewall: "leave" })?.[2]).toMatch(/ -$/);
  });

  test("leaves TCP out to peers that are not dialled in this run", () => {
    expect(inputLines({}, { tcpPeers: ["host02"] })?.[2]).toMatch(/ 2222$/);
    expect(inputLines({}, { tcpPeers: ["host03"] })?.[2]).toMatch(/ 0$/);
    expect(inputLines({ overlayIngress: "none" }, { tcpPeers: ["host03"] })?.[2]).toMatch(/ -$/);
  });

  test("goes in through standard input, so that the command shows no address", () => {
    expect(PROBE_COMMAND).not.toMatch(/host0|192\.168|10\.196/);
  });
});

describe("a host's report", () => {
  const summary = "oci-vxlan probed time=2026-11-23T12:00:00Z targets=2";
  const passes = (address: string) => `oci-vxlan probe host02 ${address} all passes`;
  const allPass = [passes("192.168.0.2"), passes("fd00::2")].join("\n");

  test("is read past a login banner", () => {
    expect(parseProbeReport(HOST01, [HOST02], `Welcome!\n${allPass}\n${summary}\n`)).toEqual({
      time: "2026-11-23T12:00:00Z",
      targets: 2,
      failures: [],
      echoes: [],
    });
  });

  test("names each probe without the right answer", () => {
    const lines = [
      "oci-vxlan probe host02 192.168.0.2 icmp:8922 silent",
      "oci-vxlan probe host02 fd00::2 tcp:2222 refused",
      "oci-vxlan probe unknown 192.168.0.9 icmp:8922 silent",
    ];
    const { failures } = parseProbeReport(HOST01, [HOST02], [...lines, summary].join("\n"));
    expect(failures.map(describeFailure)).toEqual([
      "host01 -> host02 (192.168.0.2, by 10.196.218.222 -> 10.196.218.226): ICMP of 8922 bytes timed out",
      "host01 -> host02 (fd00::2, by 10.196.218.222 -> 10.196.218.226): TCP to port 2222 was refused",
    ]);
  });

  test("of an address without a result is a failure", () => {
    const { failures } = parseProbeReport(HOST01, [HOST02], `${passes("192.168.0.2")}\n${summary}`);
    expect(failures.map(describeFailure)).toEqual([
      "host01 -> host02 (fd00::2, by 10.196.218.222 -> 10.196.218.226): its probes ended without a result",
    ]);
  });

  test("without its last line is refused", () => {
    expect(() => parseProbeReport(HOST01, [HOST02], "Welcome!")).toThrow(
      /^expected a line "oci-vxlan probed/,
    );
  });

  test.each([124, 137, undefined])("that does not come in time is explained (%s)", (status) => {
    expect(probeProblem(status, "")).toMatch(
      /^its probes did not end within 50 s\. .*ping, hangs, .*overloaded\. On the host: ps -ef \| grep ping, and uptime$/,
    );
    expect(probeProblem(status, "busy\n")).toMatch(/uptime\. Their last output: busy$/);
  });

  test("of a failure is what the host said, or its exit code", () => {
    expect(probeProblem(1, "host01 has no ping\n")).toBe("host01 has no ping");
    expect(probeProblem(1, "")).toBe("its probes ended with 1");
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
