import type { Attributes, Edge, Graph, Subgraph } from "@viz-js/viz";
import { box, cluster } from "./boxes.ts";
import type { Content } from "./boxes.ts";
import { hostCards, hostNode, vtepNode } from "./cards.ts";
import { bold, FONT, mutedLine, stackLines } from "./labels.ts";
import type { Line } from "./labels.ts";
import { allHosts } from "./model.ts";
import type { Topology, TopologyHost } from "./model.ts";
import { overlayPlane } from "./overlayPlane.ts";
import { colour } from "./palette.ts";

/**
 * The graph that Graphviz lays out: hosts in the underlay, their VTEPs in the overlay, and the segment that joins all
 * VTEPs. Each is a rank, so that a host, its VTEP and its tap on the segment form a line.
 */

/** From this number on, hosts stand below each other, a line each. */
const COMPACT_FROM = 6;

/** The two ways to draw a fleet. */
interface Style {
  isCompact: boolean;
  graph: Attributes;
  /** Where captions of the underlay stand, so that no line crosses them. */
  underlayCaption: "t" | "b";
}

const ROOMY_STYLE: Style = {
  isCompact: false,
  graph: { rankdir: "TB", ranksep: 0.6, nodesep: 0.35 },
  underlayCaption: "b",
};
const COMPACT: Style = {
  isCompact: true,
  graph: { rankdir: "LR", ranksep: 0.9, nodesep: 0.06 },
  underlayCaption: "t",
};

export function graphOf(topology: Topology): Graph {
  const hosts = allHosts(topology);
  const style = hosts.length < COMPACT_FROM ? ROOMY_STYLE : COMPACT;
  const { isCompact } = style;
  const { plane, edges } = overlayPlane(topology, hosts, isCompact);
  const subgraphs = [...underlay(topology, style), plane];
  return {
    name: topology.stack,
    directed: false,
    graphAttributes: {
      label: stackLines([bold(`Stack ${topology.stack}`), ...topology.notes.map(mutedLine)]),
      labelloc: "t",
      labeljust: "l",
      fontname: FONT,
      bgcolor: colour("page"),
      pad: 0.2,
      splines: "line",
      // A second search for fewer crossings would put hosts into another order.
      remincross: false,
      ...style.graph,
    },
    nodeAttributes: { shape: "box", fontname: FONT },
    subgraphs: isCompact ? reverseSubgraphs(subgraphs) : subgraphs,
    edges: [...hosts.map(({ name }) => encapsulation(name, isCompact)), ...edges],
  };
}

function encapsulation(name: string, isCompact: boolean): Edge {
  const [host, vtep] = [hostNode(name), vtepNode(name)];
  const attributes = { color: colour("muted"), style: "dotted", penwidth: 1.5, weight: 1000 };
  return isCompact ? { tail: host, head: vtep, attributes } : { tail: vtep, head: host, attributes };
}

/** From left to right, Graphviz draws the first things of a rank at the bottom. */
function reverseSubgraphs(subgraphs: readonly Subgraph[]): Subgraph[] {
  return subgraphs.toReversed().map((subgraph) => ({
    ...subgraph,
    nodes: subgraph.nodes?.toReversed() ?? [],
    edges:
      subgraph.edges?.map(({ tail, head, ...edge }) => ({ ...edge, tail: head, head: tail })).toReversed() ??
      [],
    subgraphs: reverseSubgraphs(subgraph.subgraphs ?? []),
  }));
}

function underlay(topology: Topology, style: Style): Subgraph[] {
  const { vcn, existingHosts } = topology;
  const cards = hostCards(allHosts(topology), style.isCompact);
  const cardsOf = (hosts: readonly TopologyHost[]) => hosts.flatMap(({ name }) => cards.get(name) ?? []);
  const underlayCluster = (name: string, caption: readonly Line[], colours: Attributes, content: Content) =>
    cluster(name, caption, { ...colours, labelloc: style.underlayCaption }, content);
  const existing: Subgraph[] =
    existingHosts.length === 0
      ? []
      : [
          underlayCluster("existing", [bold("Existing hosts")], box("outside", "border"), {
            nodes: cardsOf(existingHosts),
          }),
        ];
  if (!vcn) return existing;
  const inside = (isGuarded: boolean) =>
    vcn.subnets
      .filter((subnet) => subnet.isGuarded === isGuarded)
      .map(({ name, label, access, hosts }) =>
        underlayCluster(
          `subnet ${name}`,
          [bold(`Subnet ${name}`), mutedLine(`${label}, ${access}`)],
          box("subnet", "vcnLine"),
          { nodes: cardsOf(hosts) },
        ),
      );
  const sourcesCluster = underlayCluster(
    "security",
    [bold(vcn.security.label), ...vcn.security.admits.map(mutedLine)],
    { ...box("vcn", "guardLine"), style: "rounded,dashed" },
    { subgraphs: inside(true) },
  );
  return [
    underlayCluster("vcn", [bold(`VCN ${vcn.label}`)], box("vcn", "vcnLine"), {
      subgraphs: [...(inside(true).length > 0 ? [sourcesCluster] : []), ...inside(false)],
    }),
    ...existing,
  ];
}
