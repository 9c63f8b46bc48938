import { describe, expect, test } from "vitest";
import { healthOf } from "../../diagram/health.ts";
import { mermaidOf } from "../../diagram/mermaid.ts";
import { allHosts, withHealth } from "../../diagram/model.ts";
import type { Topology } from "../../diagram/model.ts";
import { PALETTE } from "../../diagram/palette.ts";
import { svgOf } from "../../diagram/svg.ts";
import type { OverlayStatus } from "../../status/report.ts";
import { fleetTopology } from "./diagramFleet.ts";
import { breakPath, losePackets, switchOff } from "./brokenReports.ts";
import { statusReport } from "./statusReports.ts";

const fleet = (hosts: number, change?: (overlay: OverlayStatus) => void): Topology =>
  withHealth(fleetTopology({ hosts }), healthOf(statusReport(hosts, change)));

/** The texts of an SVG in the colour of one grade. */
const textsIn = (svg: string, colour: "planeLine" | "poor" | "bad"): string[] =>
  [...svg.matchAll(new RegExp(`fill="${PALETTE[colour].light}">([^<]+)</text>`, "g"))].map(
    ([, text = ""]) => text,
  );

describe("a picture with the status", () => {
  test("of a small fleet has every path with its round trip", async () => {
    const topology = fleet(3);
    const svg = await svgOf(topology);
    expect(textsIn(svg, "planeLine")).toEqual(["0.25 ms", "0.25 ms", "0.25 ms"]);
    expect(svg).toContain("09:00:00 UTC: well, 6 of 6 paths pass");
    expect(mermaidOf(topology).match(/v\d ---\|"0\.25 ms"\| v\d/g)).toHaveLength(3);
  });

  test("of a larger fleet has the mean round trip of each host", async () => {
    const topology = fleet(8);
    expect(textsIn(await svgOf(topology), "planeLine")).toEqual(Array(8).fill("0.25 ms"));
    expect(mermaidOf(topology).match(/v\d\["192\.168\.0\.\d 0\.25 ms"\]/g)).toHaveLength(8);
  });

  test.each([4, 8])("of %d hosts names a path that fails", async (hosts) => {
    const topology = fleet(hosts, (overlay) => breakPath(overlay, "host02", "host04"));
    const svg = await svgOf(topology);
    expect(textsIn(svg, "bad")).toEqual([hosts === 4 ? "fails" : "host02 and host04: fails"]);
    expect(svg).toContain(`stroke="${PALETTE.bad.light}"`);
    expect(mermaidOf(topology)).toContain('v1 x--x|"fails"| v3');
    expect(mermaidOf(topology)).toMatch(/class v1 poor\n.*\n {2}class v2 good/);
  });

  test("tells echoes that are lost, and TCP that fails, from paths that fail", async () => {
    const svg = await svgOf(
      fleet(8, (overlay) => {
        losePackets(overlay, "host01", "host02");
        breakPath(overlay, "host03", "host04", "tcp");
      }),
    );
    expect(textsIn(svg, "poor")).toContain("host01 and host02: 0.25 ms, 2 of 5 lost");
    expect(textsIn(svg, "bad")).toEqual(["host03 and host04: TCP fails"]);
  });

  test("says of a dead host that it is unreachable, and nothing of it at its peers", async () => {
    const svg = await svgOf(fleet(8, (overlay) => switchOff(overlay, "host05")));
    expect(textsIn(svg, "bad")).toEqual(["unreachable", "no path"]);
    expect(textsIn(svg, "poor")).toEqual([]);
    expect(textsIn(svg, "planeLine")).toHaveLength(7);
  });

  test("draws twelve paths at most, and counts the others", async () => {
    const svg = await svgOf(
      fleet(30, (overlay) => {
        for (let number = 10; number < 30; number++) breakPath(overlay, "host01", `host${number}`);
      }),
    );
    expect(textsIn(svg, "bad").filter((text) => text.includes(": fails"))).toHaveLength(12);
    expect(textsIn(svg, "bad")).toContain("and 8 more pairs of hosts with trouble");
  });

  test("leaves out hosts that the config does not have any more", async () => {
    const topology = withHealth(fleetTopology({ hosts: 2 }), healthOf(statusReport(3)));
    const svg = await svgOf(topology);
    expect(textsIn(svg, "planeLine")).toEqual(["0.25 ms"]);
    expect(svg).not.toContain("host03");
  });

  test("keeps the hosts in their order, whatever path fails", async () => {
    const topology = fleet(16, (overlay) => {
      for (const [a, b] of [
        ["01", "03"],
        ["02", "14"],
        ["02", "16"],
        ["05", "09"],
      ])
        breakPath(overlay, `host${a}`, `host${b}`);
    });
    const svg = await svgOf(topology);
    const places = allHosts(topology).map(({ name }) =>
      Number(new RegExp(`y="(\\S+)"[^>]*>${name}<`).exec(svg)?.[1]),
    );
    expect(places).toEqual(places.toSorted((a, b) => a - b));
  });
});
