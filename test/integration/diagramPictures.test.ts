import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { healthOf } from "../../diagram/health.ts";
import { mermaidOf } from "../../diagram/mermaid.ts";
import { allHosts, pathsToShow, topologyOf, withHealth } from "../../diagram/model.ts";
import type { Topology } from "../../diagram/model.ts";
import { PALETTE } from "../../diagram/palette.ts";
import { svgOf } from "../../diagram/svg.ts";
import { parsePlan } from "../../stacks/load.ts";
import { DOWNLOAD_LIMIT, useBrowser } from "../browser.ts";
import { npmPackage } from "../npmPackage.ts";
import { drawMermaid, groundColour, pictureBoxes } from "../browserSide.mjs";
import { breakPath, switchOff } from "../unit/brokenReports.ts";
import { committedEnvironment } from "../unit/configProblems.ts";
import { fleetTopology } from "../unit/diagramFleet.ts";
import { statusReport } from "../unit/statusReports.ts";

/** The pictures as a browser draws them. */

const MERMAID = {
  name: "mermaid",
  version: "12.3.0",
  integrity:
    "sha512-4113TdXeLAsMruJ79OpFL5O8+LTFXhQqZ260rF3tgUmiNAtRm4Uume04I+65PRN6yZ69J4f8rVYWW8zRk65UYw==",
};

const browser = useBrowser();

/** A fleet with a broken path and a dead host. */
function troubledTopology(hosts: number): Topology {
  const report = statusReport(hosts, (overlay) => {
    breakPath(overlay, "host01", "host03", "tcp");
    switchOff(overlay, "host02");
  });
  return withHealth(fleetTopology({ hosts }), healthOf(report));
}

const TOPOLOGIES: [string, Topology][] = [
  ["2 hosts", fleetTopology({ hosts: 2 })],
  ["stack lab before its first up", topologyOf("lab", parsePlan(committedEnvironment("lab")))],
  ["5 hosts of several kinds", fleetTopology({ hosts: 5, subnets: 2, existing: 2 })],
  ["16 hosts of several kinds", fleetTopology({ hosts: 16, subnets: 3, existing: 2 })],
  ["30 hosts in one subnet", fleetTopology({ hosts: 30 })],
  ["4 hosts with their status", troubledTopology(4)],
  ["30 hosts with their status", troubledTopology(30)],
];

/** A rectangle of the picture, and the name of the thing in it. */
interface Box {
  of: string;
  left: number;
  right: number;
  top: number;
  bottom: number;
}

async function openPicture(svg: string, scheme: "light" | "dark" = "light") {
  const page = await browser.get().newPage();
  await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }]);
  await page.goto(`data:image/svg+xml;base64,${Buffer.from(svg).toString("base64")}`);
  return page;
}

/** Pixels of a line of text, above and below, in which no letter is. */
const LEADING = 3;

const overlap = (a: Box, b: Box) =>
  a.left < b.right &&
  b.left < a.right &&
  a.top + LEADING < b.bottom - LEADING &&
  b.top + LEADING < a.bottom - LEADING;

describe.each(TOPOLOGIES)("the picture of %s", (_, topology) => {
  test("is XML in which no text lies over another, or leaves its card", async () => {
    const page = await openPicture(await svgOf(topology));
    const { root, texts, cards } = await page.evaluate(pictureBoxes);
    await page.close();
    expect(root).toBe("svg");
    expect(cards).toHaveLength(2 * allHosts(topology).length + pathsToShow(topology).drawnPairs.length);
    const pairs = texts.flatMap((a, index) => texts.slice(index + 1).map((b): [Box, Box] => [a, b]));
    expect(pairs.filter(([a, b]) => overlap(a, b)).map(([a, b]) => [a.of, b.of])).toEqual([]);
    const overflowingLines = cards.flatMap(({ card, texts: lines }) =>
      lines.filter(({ left, right }) => left < card.left || right > card.right),
    );
    expect(overflowingLines).toEqual([]);
  });
});

test(
  "Mermaid draws the same from their texts",
  async () => {
    const page = await browser.get().newPage();
    const folder = await npmPackage(MERMAID);
    await page.addScriptTag({ path: join(folder, "dist", "mermaid.min.js") });
    for (const [, topology] of TOPOLOGIES) {
      const picture = await page.evaluate(drawMermaid, mermaidOf(topology));
      for (const { name } of allHosts(topology)) expect(picture).toContain(name);
    }
    await page.close();
  },
  DOWNLOAD_LIMIT,
);

test.each(["light", "dark"] as const)("a picture has the colours of a %s page", async (scheme) => {
  const page = await openPicture(await svgOf(fleetTopology({ hosts: 2 })), scheme);
  const ground = await page.evaluate(groundColour);
  await page.close();
  const numbers = [1, 3, 5].map((start) => parseInt(PALETTE.page[scheme].slice(start, start + 2), 16));
  expect(ground).toBe(`rgb(${numbers.join(", ")})`);
});
