import type { HTMLString } from "@viz-js/viz";
import { colour } from "./palette.ts";
import type { ColourName } from "./palette.ts";

/** Labels as tables of Graphviz. Each text has a cell that is wide enough for it in whatever font a viewer has. */

/** One line of text. */
export interface Line {
  text: string;
  size: number;
  isBold: boolean;
  colour: ColourName;
}

export const FONT = "Helvetica";
/** Graphviz places the letters of `<B>` higher than those of a bold font. */
const BOLD_FONT = "Helvetica-Bold";

export const bold = (text: string): Line => ({ text, size: 13, isBold: true, colour: "text" });
export const plainLine = (text: string): Line => ({ text, size: 13, isBold: false, colour: "text" });
export const smallLine = (text: string, colour: ColourName): Line => ({
  text,
  size: 11,
  isBold: false,
  colour,
});
export const mutedLine = (text: string): Line => smallLine(text, "muted");

/** Lines below each other. */
export const stackLines = (lines: readonly Line[]): HTMLString => table(lines.map((line) => [line]));

/** Labels of one row each, whose columns are as wide as if they stood in one table. */
export function inColumns(rows: readonly (readonly Line[])[]): HTMLString[] {
  const count = Math.max(...rows.map((row) => row.length));
  const columns = Array.from({ length: count }, (_, column) =>
    Math.max(...rows.map((row) => widthOf(row[column] ?? plainLine("")))),
  );
  return rows.map((row) => table([columns.map((_, column) => row[column] ?? plainLine(""))], columns));
}

function table(rows: readonly (readonly Line[])[], widths: readonly number[] = []): HTMLString {
  const cells = rows.map(
    (row) => `<TR>${row.map((line, column) => cell(line, widths[column])).join("")}</TR>`,
  );
  return {
    html: `<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="1">${cells.join("")}</TABLE>`,
  };
}

/** Aligned to the left, since only then a wider font moves nothing. */
function cell(line: Line, width = widthOf(line)): string {
  const { text, size, isBold } = line;
  // Graphviz refuses a font without text.
  if (text === "") return `<TD WIDTH="${width}"></TD>`;
  const font = `FACE="${isBold ? BOLD_FONT : FONT}" POINT-SIZE="${size}" COLOR="${colour(line.colour)}"`;
  return `<TD ALIGN="LEFT" WIDTH="${width}"><FONT ${font}>${escapeXml(text)}</FONT></TD>`;
}

/** Width in points in DejaVu Sans, the widest of the fonts that stand in for Helvetica. */
function widthOf({ text, size, isBold }: Line): number {
  return Math.ceil(text.length * size * (isBold ? 0.7 : 0.62));
}

/** Text in HTML or XML. Graphviz reads labels as such. */
export const escapeXml = (text: string) =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
