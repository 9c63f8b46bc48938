import type { Attributes, Edge, Node, Subgraph } from "@viz-js/viz";
import { box, cluster } from "./boxes.ts";
import { pathColour, vtepCards, vtepNode } from "./cards.ts";
import { GRADE_COLOURS } from "./health.ts";
import type { PairHealth } from "./health.ts";
import { bold, mutedLine, smallLine, stackLines } from "./labels.ts";
import { pathsToShow } from "./model.ts";
import type { Topology, TopologyHost } from "./model.ts";
import { colour } from "./palette.ts";

/**
 * The overlay: the hosts' VTEPs, and what joins them. That is one segment with a tap for each VTEP, as of a switch. With
 * a status report it is each path, in a small fleet; in a larger one those paths that have something to say are drawn
 * beyond the segment.
 */

const tapNode = (name: string) => `tap ${name}`;

export interface OverlayPlane {
  plane: Subgraph;
  edges: Edge[];
}

export function overlayPlane(
  topology: Topology,
  hosts: readonly TopologyHost[],
  isCompact: boolean,
): OverlayPlane {
  const { isMesh, drawnPairs, hiddenPairs } = pathsToShow(topology);
  const anchor = isMesh ? vtepNode : tapNode;
  const outwardEdge = (inner: string, outer: string, attributes: Attributes): Edge =>
    isCompact ? { tail: inner, head: outer, attributes } : { tail: outer, head: inner, attributes };
  const plane = cluster(
    "overlay",
    captionOf(topology, hiddenPairs),
    { ...box("plane", "planeLine"), labelloc: "t" },
    {
      nodes: [...vtepCards(hosts, isCompact, !isMesh), ...drawnPairs.map((pair) => pathLabel(pair, !isMesh))],
      subgraphs: isMesh ? [] : [segment(hosts)],
    },
  );
  const ports = hosts.map((host) =>
    outwardEdge(vtepNode(host.name), tapNode(host.name), {
      color: colour(pathColour(host)),
      penwidth: 2,
      weight: 1000,
    }),
  );
  const paths = drawnPairs.flatMap((pair) =>
    pair.between.map((end) =>
      outwardEdge(anchor(end), pathNode(pair), {
        color: colour(GRADE_COLOURS[pair.grade]),
        penwidth: 1.5,
        // No line runs below another label then.
        ...(isCompact ? { headport: "w" } : { tailport: "s" }),
      }),
    ),
  );
  return { plane, edges: [...(isMesh ? [] : ports), ...paths] };
}

function captionOf({ overlay }: Topology, hidden: number) {
  const { device, vni, port, cidrs, mtu } = overlay;
  const details = [
    `device ${device}`,
    `VNI ${vni}`,
    `UDP ${port}`,
    ...(mtu === undefined ? [] : [`MTU ${mtu}`]),
  ];
  const hiddenLine = hidden === 0 ? [] : [smallLine(`and ${hidden} more pairs of hosts with trouble`, "bad")];
  return [bold(`Overlay ${cidrs.join(", ")}`), mutedLine(details.join(", ")), ...hiddenLine];
}

function segment(hosts: readonly TopologyHost[]): Subgraph {
  const taps = hosts.map(({ name }): Node => ({ name: tapNode(name), attributes: TAP }));
  const edges = taps.slice(1).map(({ name }, index): Edge => ({
    tail: taps[index]?.name ?? "",
    head: name,
    attributes: { color: colour("planeLine"), penwidth: 5, headclip: false, tailclip: false },
  }));
  return { graphAttributes: { rank: "same" }, nodes: taps, edges };
}

const TAP: Attributes = { shape: "point", width: 0.06, height: 0.06, color: colour("planeLine"), label: "" };

const pathNode = ({ between }: PairHealth) => `path ${between.join(" ")}`;

function pathLabel(pair: PairHealth, withNames: boolean): Node {
  const { between, grade, note } = pair;
  const text = withNames ? `${between.join(" and ")}: ${note}` : note;
  return {
    name: pathNode(pair),
    attributes: {
      ...box("card", GRADE_COLOURS[grade]),
      margin: "0.06,0.02",
      height: 0.1,
      label: stackLines([smallLine(text, GRADE_COLOURS[grade])]),
    },
  };
}
