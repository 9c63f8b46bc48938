import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import axe from "axe-core";
import type { Page } from "puppeteer-core";
import { afterAll, describe, expect, test } from "vitest";
import { statusPicture } from "../../diagram/statusPicture.ts";
import { statusPage } from "../../status/page/page.ts";
import type { PageExtras } from "../../status/page/page.ts";
import type { StatusReport } from "../../status/report.ts";
import { useBrowser } from "../browser.ts";
import { runAxe, tableFacts } from "../browserSide.mjs";
import { breakPath, losePackets, switchOff } from "../unit/brokenReports.ts";
import { statusReport } from "../unit/statusReports.ts";

/** The page of `npm run status -- --html`, in a browser. */

const browser = useBrowser();
const folder = mkdtempSync(join(tmpdir(), "status-page-"));
afterAll(() => rmSync(folder, { recursive: true }));

const healthyReport = statusReport(2, ({ hosts }) => {
  for (const [index, { events }] of hosts.entries())
    for (const eventText of ["found a fault", "repaired the FDB"])
      events.push({ time: `2026-11-26T08:0${index}:00.000Z`, text: `${eventText} of host0${index + 1}` });
});
healthyReport.stack = "lab";

const troubledReport: StatusReport = {
  ...statusReport(30, (overlay) => {
    breakPath(overlay, "host01", "host03", "tcp");
    losePackets(overlay, "host02", "host09");
    switchOff(overlay, "host05");
    overlay.findings.push({
      from: "host01",
      to: "host03",
      causes: ["a rule on host03. Run this:\n    sudo iptables -D INPUT 7"],
    });
    Object.assign(overlay.hosts[6] ?? {}, { state: "differs", problems: ["host07 has other settings"] });
    Object.assign(overlay.hosts[7] ?? {}, { warnings: ["host08: 200 % CPU"] });
  }),
  state: "wrong",
  cloud: {
    resources: [{ urn: "u", type: "oci:Core/vcn:Vcn", name: "vcn", change: "changed", properties: ["cidr"] }],
  },
};

/** Opens the page of a report; `requests` are the addresses that it asks for, its own first. */
async function open(report: StatusReport, width = 1200, scheme = "light", extras: Partial<PageExtras> = {}) {
  const file = join(folder, `${width}-${scheme}.html`);
  writeFileSync(file, await statusPage(report, { picture: await statusPicture(report), ...extras }));
  const page = await browser.get().newPage();
  const requests: string[] = [];
  page.on("request", (request) => requests.push(request.url()));
  await page.setViewport({ width, height: 800 });
  await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }]);
  await page.goto(`file://${file}`, { waitUntil: "networkidle0" });
  return { page, requests, address: `file://${file}` };
}

const textOf = (page: Page) => page.evaluate("document.body.innerText") as Promise<string>;

describe.each([
  ["two hosts that are well", healthyReport],
  ["thirty hosts with troubles", troubledReport],
])("the page of %s", (_, report) => {
  test.each([
    [360, "light"],
    [360, "dark"],
    [1200, "light"],
    [1200, "dark"],
  ])("is accessible at %d pixels on a %s page, and does not scroll sideways", async (width, scheme) => {
    const { page } = await open(report, width, scheme);
    await page.evaluate(axe.source);
    expect(await page.evaluate(runAxe)).toEqual([]);
    expect(await page.evaluate("document.documentElement.scrollWidth")).toBe(width);
    await page.close();
  });

  test("asks for nothing but itself", async () => {
    const { page, requests, address } = await open(report);
    expect(requests).toEqual([address]);
    await page.close();
  });

  test("has a title, a language, and tables with a caption and heads of columns and rows", async () => {
    const { page } = await open(report);
    const { title, language, tables } = await page.evaluate(tableFacts);
    expect(title).toBe(`${report.stack}: ${report.state}, 2026-11-26 09:00:00 UTC`);
    expect(language).toBe("en");
    expect(tables.length).toBeGreaterThanOrEqual(2);
    for (const { caption, columns, rows, rowsWithHead } of tables) {
      expect(caption).not.toBe("");
      expect(columns.every(({ scope }) => scope === "col")).toBe(true);
      expect(rowsWithHead).toBe(rows);
    }
    await page.close();
  });
});

test("the page shows hosts, paths, picture and events", async () => {
  const { page } = await open(healthyReport);
  const text = await textOf(page);
  for (const words of [
    "stack lab well",
    "As of 2026-11-26 09:00:00 UTC",
    "host02\tin sync\t2 d ago\t10.0.0.2\t192.168.0.2\t42:00:00:00:00:02\t8950",
    "host01\t–\t0.25 ms",
    "2 of 2 paths pass: echoes of 8922 bytes, unfragmented",
  ])
    expect(text).toContain(words);
  expect(text).toMatch(
    /08:01:00 UTC\thost02\trepaired the FDB of host02\s+2026-11-26 08:01:00 UTC\thost02\tfound a fault/,
  );
  expect(await page.$$eval("svg text", (texts) => texts.map(({ textContent }) => textContent))).toContain(
    "VCN 10.196.218.192/26",
  );
  await page.close();
});

test("the page begins with what is wrong, why, and what hosts warn about", async () => {
  const { page } = await open(troubledReport);
  const text = await textOf(page);
  const order = [
    "stack prod wrong",
    "host07 has other settings",
    "host05 is reached by none of its peers either",
    "host01 -> host03 (192.168.0.3): tcp fails",
    "Run this:\nsudo iptables -D INPUT 7",
    "host08: 200 % CPU",
    "host05\tunreachable",
    "TCP FAILS",
    "vcn (oci:Core/vcn:Vcn): cidr",
  ].map((words) => text.indexOf(words));
  expect(order).toEqual(order.toSorted((a, b) => a - b));
  expect(order[0]).toBeGreaterThanOrEqual(0);
  expect(text).toContain("There is none: there is no stack prod");
  await page.close();
});

test("what a host has written is text on the page, and no part of it", async () => {
  const htmlText = `</td><script>document.title = "hit"</script><img src="https://198.51.100.1/x">"'&amp;`;
  const report = statusReport(2, ({ hosts: [host] }) => {
    host?.events.push({ time: "2026-11-26T08:00:00.000Z", text: htmlText });
    host?.warnings.push(htmlText);
  });
  const { page, requests, address } = await open(report);
  const text = await textOf(page);
  expect(text.split(htmlText)).toHaveLength(3);
  expect(await page.title()).not.toBe("hit");
  expect(requests).toEqual([address]);
  await page.close();
});

test("the page of --watch loads itself again", async () => {
  const { page } = await open(healthyReport, 1200, "light", { reload: 86_400 });
  expect(await page.$eval("meta[http-equiv=refresh]", (meta) => meta.getAttribute("content"))).toBe("86400");
  await page.close();
  const { page: other } = await open(healthyReport);
  expect(await other.$("meta[http-equiv=refresh]")).toBeNull();
  await other.close();
});
