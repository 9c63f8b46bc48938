import { html, raw } from "hono/html";
import type { OverlayStatus, StatusReport } from "../report.ts";
import { findingsOf, pathSummary, shortTime } from "../summary.ts";
import { eventTable } from "./eventTable.ts";
import { hostTable } from "./hostTable.ts";
import { pathMatrix } from "./pathMatrix.ts";
import { STYLE } from "./style.ts";
import { lines, scrollable } from "./tables.ts";
import type { Html } from "./tables.ts";

/** What goes onto the page beside the report. */
export interface PageExtras {
  /** The picture of the stack as SVG, or why there is none. */
  picture: { svg: string } | { reason: string };
  /** Seconds after which a browser loads the page again. */
  reload?: number | undefined;
}

/** The page sends no request of any kind, even if a name or a text of a host is HTML. */
const POLICY = "default-src 'none'; style-src 'unsafe-inline'";

/** The report as one HTML file that needs no other. */
export async function statusPage(report: StatusReport, extras: PageExtras): Promise<string> {
  const { project, stack, state, time, overlays, cloud } = report;
  const document = html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta http-equiv="Content-Security-Policy" content="${POLICY}" />
        ${extras.reload === undefined ? "" : html`<meta http-equiv="refresh" content="${extras.reload}" />`}
        <title>${stack}: ${state}, ${shortTime(time)}</title>
        <style>
          ${raw(STYLE)}
        </style>
      </head>
      <body>
        <header>
          <h1>${project}, stack ${stack} <strong class="${state}">${state}</strong></h1>
          <p>As of <time datetime="${time}">${shortTime(time)}</time></p>
        </header>
        <main>
          ${overlays.map((overlay) => overlaySection(overlay, time))} ${cloudSection(cloud)}
          ${pictureSection(extras.picture)} ${overlays.map((overlay) => eventTable(overlay))}
        </main>
        <footer>
          <p>Written by <code>npm run status -- --html</code>.</p>
        </footer>
      </body>
    </html>`;
  return `${String(await document)}\n`;
}

function overlaySection(overlay: OverlayStatus, now: string): Html {
  const { id, device, vni, port, mtu, cidrs } = overlay;
  const { problems, causes, warnings } = findingsOf(overlay);
  return html`<section aria-labelledby="overlay-${id}">
    <h2 id="overlay-${id}">Overlay ${id}</h2>
    <p>${device}, VNI ${vni}, UDP port ${port}, MTU ${mtu}, ${cidrs.join(" and ")}</p>
    ${lines("Wrong", "wrong", problems)} ${lines("Why, and what to do", "wrong", causes)}
    ${lines("Warnings", "warning", warnings)}
    <h3>Hosts</h3>
    ${hostTable(overlay, now)}
    <h3>Paths</h3>
    <p>${pathSummary(overlay)}</p>
    ${pathMatrix(overlay)}
  </section>`;
}

function cloudSection(cloud: StatusReport["cloud"]): Html {
  if (!cloud) return "";
  if (cloud.resources.length === 0) return html`<p>The cloud is as in the stack.</p>`;
  const changes = cloud.resources.map(({ name, type, change, properties }) =>
    change === "deleted" ? `${name} (${type}) was deleted` : `${name} (${type}): ${properties.join(", ")}`,
  );
  return lines("Changed in the cloud, outside of the stack; pulumi up puts it back", "wrong", changes);
}

function pictureSection(picture: PageExtras["picture"]): Html {
  const content =
    "svg" in picture
      ? scrollable("Picture of the stack", raw(picture.svg))
      : html`<p>There is none: ${picture.reason}</p>`;
  return html`<section aria-labelledby="picture">
    <h2 id="picture">Picture</h2>
    ${content}
  </section>`;
}
