import { describe, expect, test } from "vitest";
import { statusSchema } from "../../status/report.ts";
import { statusText } from "../../status/table.ts";
import { statusReport } from "./statusReports.ts";

/** What `npm run status` prints of a report. */
const linesOf = (...args: Parameters<typeof statusReport>) =>
  statusText(statusReport(...args), false).split("\n");

test("a report about made-up hosts is of the schema", () => {
  expect(statusSchema.safeParse(statusReport(3)).error).toBeUndefined();
});

describe("the tables", () => {
  test("show each host and each path", () => {
    expect(linesOf(2)).toEqual([
      "oci-vxlan, stack prod: well, 2026-11-26 09:00:00 UTC",
      "",
      "overlay prod.overlay: vxlan0, VNI 100, UDP port 4789, MTU 8950, 192.168.0.0/24",
      "",
      "host    state    booted   underlay  overlay      MAC                MTU   last repair  release",
      "host01  in sync  2 d ago  10.0.0.1  192.168.0.1  42:00:00:00:00:01  8950  none         0.1.0",
      "host02  in sync  2 d ago  10.0.0.2  192.168.0.2  42:00:00:00:00:02  8950  none         0.1.0",
      "",
      "from \\ to  host01   host02",
      "host01              0.25 ms",
      "host02     0.25 ms",
      "",
      "2 of 2 paths pass: echoes of 8922 bytes, unfragmented, in 0.25 ms to 0.25 ms, TCP to sshd too",
    ]);
  });

  test("are plain text unless colours are asked for", () => {
    const report = statusReport(2);
    expect(statusText(report, false)).not.toContain("\x1b");
    expect(statusText(report, true)).toContain("\x1b[32mwell");
  });

  test("name a failed path with its causes below", () => {
    const lines = linesOf(3, ({ paths, findings }) => {
      Object.assign(paths[0] ?? {}, {
        state: "fails",
        tcp: "not tested",
        problem: "host01 -> host02: timed out",
      });
      findings.push({
        from: "host01",
        to: "host02",
        causes: ["host02: its NIC is down: sudo ip link set up."],
      });
    });
    expect(lines).toContain("host01              FAILS    0.25 ms");
    expect(lines.slice(-5)).toEqual([
      "Wrong:",
      "  host01 -> host02: timed out",
      "",
      "Why, and what to do:",
      "  host02: its NIC is down: sudo ip link set up.",
    ]);
  });

  test("tell a host that is off from one that only SSH does not reach", () => {
    const linesWithPaths = (state: "passes" | "fails") =>
      linesOf(3, ({ hosts, paths }) => {
        Object.assign(hosts[2] ?? {}, { state: "unreachable", problems: ["host03: no SSH session."] });
        for (const path of paths.filter(({ to }) => to === "host03"))
          Object.assign(path, {
            state,
            problem: state === "fails" ? `${path.from} -> host03: timed out` : undefined,
          });
      }).join("\n");
    expect(linesWithPaths("passes")).toContain("host03 is up, since peers reach it over the overlay");
    expect(linesWithPaths("fails")).toContain(
      "host03 is reached by none of its peers either: it is most likely off.",
    );
    expect(linesWithPaths("fails")).not.toContain("timed out");
  });

  test("of many failed paths list some, and the host that all have in common", () => {
    const lines = linesOf(10, ({ paths }) => {
      for (const path of paths.filter(({ from, to }) => from === "host04" || to === "host04"))
        Object.assign(path, { state: "fails", problem: `${path.from} -> ${path.to}: timed out` });
    });
    const problemLines = lines.slice(lines.indexOf("Wrong:") + 1);
    expect(problemLines.slice(0, 2)).toEqual([
      "  host01 -> host04: timed out",
      "  host02 -> host04: timed out",
    ]);
    expect(problemLines.slice(8)).toEqual([
      "  and 10 more paths",
      "  All 18 of these paths begin or end at host04.",
    ]);
  });

  test("tell how many hosts have received a transfer, and where one fails", () => {
    const summaryOf = (transfer: "passes" | "fails") =>
      linesOf(2, ({ paths }) => {
        Object.assign(paths[0] ?? {}, { transfer: "passes" });
        Object.assign(
          paths[1] ?? {},
          transfer === "passes" ? { transfer } : { transfer, state: "fails", tcp: "fails" },
        );
      });
    expect(summaryOf("passes").at(-1)).toMatch(/^2 of 2 .*, TCP to sshd too, 256 KiB to 2 of 2 hosts$/);
    expect(summaryOf("fails")).toContain("host02     TCP FAILS");
    expect(summaryOf("fails").at(-1)).toMatch(/^1 of 2 .*, 256 KiB to 1 of 2 hosts$/);
  });

  test("tell on how many paths TCP was tested, where it was not on all", () => {
    const summary = linesOf(30, ({ paths }) =>
      paths.forEach((path, index) => (path.tcp = index % 7 === 0 ? "passes" : "not tested")),
    ).at(-1);
    expect(summary).toMatch(/^870 of 870 paths pass: .*, TCP to sshd on 125 of them$/);
  });

  test("show lost echoes", () => {
    const lines = linesOf(2, ({ paths }) => Object.assign(paths[0] ?? {}, { received: 4 }));
    expect(lines).toContain("host01              0.25 ms, 1 of 5 lost");
  });

  test("of a large fleet list only what has something to say", () => {
    expect(linesOf(30).slice(2)).toEqual([
      "overlay prod.overlay: vxlan0, VNI 100, UDP port 4789, MTU 8950, 192.168.0.0/24",
      "",
      "30 hosts: 30 in sync",
      "",
      "870 of 870 paths pass: echoes of 8922 bytes, unfragmented, in 0.25 ms to 0.25 ms, TCP to sshd too",
    ]);
    const text = linesOf(30, ({ hosts }) => {
      Object.assign(hosts[6] ?? {}, { state: "differs", problems: ["host07: vxlan0 is down: repair it."] });
    }).join("\n");
    expect(text).toContain("30 hosts: 29 in sync, 1 differs");
    expect(text).toMatch(/^host07 {2}differs/m);
    expect(text).not.toMatch(/^host08/m);
  });

  /** The matrix and what follows it, of 30 hosts. */
  const matrixOf = (
    isBad: (from: string, to: string) => boolean,
    change: object = { state: "fails" },
    otherFields: object = {},
  ) => {
    const lines = linesOf(30, ({ paths }) => {
      for (const path of paths) Object.assign(path, isBad(path.from, path.to) ? change : otherFields);
    });
    const start = lines.findIndex((line) => line.startsWith("from"));
    return lines.slice(start, lines.indexOf("", start));
  };

  test("of a large fleet have a matrix of the paths that fail, and count the other hosts", () => {
    const isBad = (from: string, to: string) => to === "host07" && ["host02", "host29"].includes(from);
    expect(matrixOf(isBad)).toEqual([
      "from \\ to  host07",
      "host02     FAILS",
      "host29     FAILS",
      "28 other hosts reach all peers that they probed",
    ]);
    expect(matrixOf((from, to) => from === "host02" && to === "host07", { received: 4 })).toEqual([
      "from \\ to  host07",
      "host02     0.25 ms, 1 of 5 lost",
      "29 other hosts reach all peers that they probed",
    ]);
  });

  test("of a large fleet show the hosts with most failed paths, and count the others", () => {
    const lines = matrixOf((from, to) => from === "host20" || to === "host20");
    expect(lines).toHaveLength(1 + 16 + 1);
    expect(lines[0]).toMatch(/^from \\ to  host01 .* host20$/);
    expect(lines).toContainEqual(expect.stringMatching(/^host20( +FAILS){15}$/));
    expect(lines.at(-1)).toBe("14 more hosts with paths that fail or lose echoes");
  });

  test("of a large fleet show a path that fails before many that lose echoes", () => {
    const isBad = (from: string, to: string) => from === "host28" && to === "host29";
    const lines = matrixOf(isBad, { state: "fails", received: undefined }, { received: 4 });
    expect(lines[0]).toMatch(/ host29$/);
    expect(lines).toContainEqual(expect.stringMatching(/^host28 .* FAILS$/));
  });
});
