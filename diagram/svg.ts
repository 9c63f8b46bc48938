import { instance } from "@viz-js/viz";
import type { Graph } from "@viz-js/viz";
import { graphOf } from "./graphviz.ts";
import { escapeXml } from "./labels.ts";
import type { Topology } from "./model.ts";
import { darkStyle } from "./palette.ts";

/** The picture as SVG. It fits light and dark pages: a viewer chooses by its reader's setting. */
export async function svgOf(topology: Topology): Promise<string> {
  const svg = await layOut(graphOf(topology));
  const title = `Stack ${topology.stack}: hosts in the underlay and in the overlay`;
  return svg
    .slice(svg.indexOf("<svg"))
    .replace(/width="(\d+)pt" height="(\d+)pt"/, 'width="$1" height="$2" role="img"')
    .replace(/>/, `>\n<title>${escapeXml(title)}</title>\n<style>\n${darkStyle()}\n</style>`);
}

/** @throws Error where Graphviz finds anything wrong, since it then leaves labels out */
async function layOut(graph: Graph): Promise<string> {
  const { output = "", errors } = (await instance()).render(graph, { format: "svg", engine: "dot" });
  // It has no metrics of the bold font and needs none, since each cell has a width.
  const problems = errors.map(({ message }) => message).filter((message) => !message.includes("metrics"));
  if (problems.length > 0) throw new Error(`Graphviz: ${problems.join("; ")}`);
  return output;
}
