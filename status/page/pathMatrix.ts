import { html } from "hono/html";
import { pathCell } from "../pathCell.ts";
import type { OverlayStatus } from "../report.ts";
import { table } from "./tables.ts";
import type { Html } from "./tables.ts";

const CLASSES = {
  passes: "well",
  loses: "poor",
  fails: "wrong",
  unknown: "off",
  "not probed": "off",
} as const;

/** One row a sender, one column a peer. */
export function pathMatrix({ id, hosts, paths }: OverlayStatus): Html {
  const names = hosts.map(({ name }) => name);
  const cell = (from: string, to: string): Html => {
    if (from === to) return html`<td class="off">–</td>`;
    const { state, text } = pathCell(paths.filter((path) => path.from === from && path.to === to));
    return html`<td class="${CLASSES[state]}">${text}</td>`;
  };
  const rows = names.map(
    (from) =>
      html`<tr>
        <th scope="row">${from}</th>
        ${names.map((to) => cell(from, to))}
      </tr>`,
  );
  return table(`Round trips in ${id}, from the row's host to the column's`, ["From \\ to", ...names], rows);
}
