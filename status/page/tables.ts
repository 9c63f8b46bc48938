import { html } from "hono/html";

/** Parts of the page, with every value in them escaped. */
export type Html = ReturnType<typeof html> | "";

/** Content that is wider than the page scrolls in a box of its own, by the keyboard too. */
export const scrollable = (label: string, content: unknown): Html =>
  html`<div class="scrollable" role="region" aria-label="${label}" tabindex="0">${content}</div>`;

/** A table whose columns have heads. Rows begin with a cell that heads them. */
export function table(caption: string, head: readonly string[], rows: readonly Html[]): Html {
  const cells = head.map((text) => html`<th scope="col">${text}</th>`);
  return scrollable(
    caption,
    html`<table>
      <caption>
        ${caption}
      </caption>
      <thead>
        <tr>
          ${cells}
        </tr>
      </thead>
      <tbody>
        ${rows}
      </tbody>
    </table>`,
  );
}

/** A titled list; nothing where there is nothing to list. */
export function lines(title: string, kind: "wrong" | "warning", items: readonly string[]): Html {
  if (items.length === 0) return "";
  return html`<div class="notice ${kind}">
    <h3>${title}</h3>
    <ul>
      ${items.map((item) => html`<li>${item}</li>`)}
    </ul>
  </div>`;
}
