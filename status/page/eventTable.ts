import { html } from "hono/html";
import type { OverlayStatus } from "../report.ts";
import { shortTime } from "../summary.ts";
import { table } from "./tables.ts";
import type { Html } from "./tables.ts";

/** Events of all hosts that the page has. */
const LAST = 30;

/** What the hosts have written into their journals, the newest first. */
export function eventTable({ id, hosts }: OverlayStatus): Html {
  const events = hosts
    .flatMap(({ name, events: hostEvents }) => hostEvents.toReversed().map((event) => ({ name, ...event })))
    .sort((a, b) => Date.parse(b.time) - Date.parse(a.time))
    .slice(0, LAST);
  const rows = events.map(
    ({ name, time, text }) =>
      html`<tr>
        <td><time datetime="${time}">${shortTime(time)}</time></td>
        <th scope="row">${name}</th>
        <td class="text">${text}</td>
      </tr>`,
  );
  return html`<section aria-labelledby="events-${id}">
    <h2 id="events-${id}">Last events</h2>
    ${
      rows.length === 0
        ? html`<p>None of the hosts has any.</p>`
        : table(`Journals of ${id}, by the clock of each host`, ["Time", "Host", "Event"], rows)
    }
  </section>`;
}
