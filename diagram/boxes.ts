import type { Attributes, Subgraph } from "@viz-js/viz";
import { FONT, stackLines } from "./labels.ts";
import type { Line } from "./labels.ts";
import { colour } from "./palette.ts";
import type { ColourName } from "./palette.ts";

/** Look of a filled box. Lines that say that something is wrong are thick. */
export const box = (fill: ColourName, line: ColourName): Attributes => ({
  style: "rounded,filled",
  fillcolor: colour(fill),
  color: colour(line),
  penwidth: line === "bad" || line === "poor" ? 2 : 1,
});

export type Content = Pick<Subgraph, "nodes" | "subgraphs">;

/** A box around other things. */
export function cluster(
  name: string,
  caption: readonly Line[],
  attributes: Attributes,
  content: Content,
): Subgraph {
  return {
    name: `cluster ${name}`,
    graphAttributes: {
      label: stackLines(caption),
      labeljust: "l",
      fontname: FONT,
      margin: 12,
      ...attributes,
    },
    ...content,
  };
}
