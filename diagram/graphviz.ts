import type { Attributes, Edge, Graph, HTMLString, Node, Subgraph } from "@viz-js/viz";
import { bold, FONT, inColumns, muted, plain, stacked } from "./labels.ts";
import type { Line } from "./labels.ts";
import { allHosts } from "./model.ts";
import type { Topology, TopologyHost } from "./model.ts";
import { colour } from "./palette.ts";
import type { ColourName } from "./palette.ts";

/**
 * The graph that Graphviz lays out: hosts in the underlay, their VTEPs in the overlay, and the segment that joins all
 * VTEPs as a switch would. Each of the three is a rank, so a host, its VTEP and its tap on the segment form a line.
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

const ROOMY: Style = {
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
  const style = hosts.length < COMPACT_FROM ? ROOMY : COMPACT;
  const { isCompact } = style;
  const subgraphs = [...underlay(topology, style), overlay(topology, hosts, style)];
  return {
    name: topology.stack,
    directed: false,
    graphAttributes: {
      label: stacked([bold(`Stack ${topology.stack}`), ...topology.notes.map(muted)]),
      labelloc: "t",
      labeljust: "l",
      fontname: FONT,
      bgcolor: colour("page"),
      pad: 0.2,
      splines: "line",
      ...style.graph,
    },
    nodeAttributes: { shape: "box", fontname: FONT },
    subgraphs: isCompact ? reversed(subgraphs) : subgraphs,
    edges: hosts.flatMap(({ name }): Edge[] => {
      const [host, vtep, tap] = [hostNode(name), vtepNode(name), tapNode(name)];
      const encapsulation = { color: colour("muted"), style: "dotted", penwidth: 1.5, weight: 1000 };
      const port = { color: colour("planeLine"), penwidth: 2, weight: 1000 };
      return isCompact
        ? [
            { tail: host, head: vtep, attributes: encapsulation },
            { tail: vtep, head: tap, attributes: port },
          ]
        : [
            { tail: vtep, head: host, attributes: encapsulation },
            { tail: tap, head: vtep, attributes: port },
          ];
    }),
  };
}

/** From left to right, Graphviz draws the first things of a rank at the bottom. */
function reversed(subgraphs: readonly Subgraph[]): Subgraph[] {
  return subgraphs.toReversed().map((subgraph) => ({
    ...subgraph,
    nodes: subgraph.nodes?.toReversed() ?? [],
    edges:
      subgraph.edges?.map(({ tail, head, ...edge }) => ({ ...edge, tail: head, head: tail })).toReversed() ??
      [],
    subgraphs: reversed(subgraph.subgraphs ?? []),
  }));
}

const hostNode = (name: string) => `host ${name}`;
const vtepNode = (name: string) => `vtep ${name}`;
const tapNode = (name: string) => `tap ${name}`;

function underlay(topology: Topology, style: Style): Subgraph[] {
  const { vcn, existingHosts } = topology;
  const cards = hostCards(allHosts(topology), style);
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
          [bold(`Subnet ${name}`), muted(`${label}, ${access}`)],
          box("subnet", "vcnLine"),
          { nodes: cardsOf(hosts) },
        ),
      );
  const guarded = underlayCluster(
    "security",
    [bold(vcn.security.label), ...vcn.security.admits.map(muted)],
    { ...box("vcn", "guardLine"), style: "rounded,dashed" },
    { subgraphs: inside(true) },
  );
  return [
    underlayCluster("vcn", [bold(`VCN ${vcn.label}`)], box("vcn", "vcnLine"), {
      subgraphs: [...(inside(true).length > 0 ? [guarded] : []), ...inside(false)],
    }),
    ...existing,
  ];
}

function overlay({ overlay }: Topology, hosts: readonly TopologyHost[], style: Style): Subgraph {
  const { device, vni, port, cidrs, mtu } = overlay;
  const details = [
    `device ${device}`,
    `VNI ${vni}`,
    `UDP ${port}`,
    ...(mtu === undefined ? [] : [`MTU ${mtu}`]),
  ];
  const caption = [bold(`Overlay ${cidrs.join(", ")}`), muted(details.join(", "))];
  const taps = hosts.map(({ name }): Node => ({ name: tapNode(name), attributes: TAP }));
  const segment = taps.slice(1).map(({ name }, index): Edge => ({
    tail: taps[index]?.name ?? "",
    head: name,
    attributes: { color: colour("planeLine"), penwidth: 5, headclip: false, tailclip: false },
  }));
  return cluster(
    "overlay",
    caption,
    { ...box("plane", "planeLine"), labelloc: "t" },
    {
      nodes: vtepCards(hosts, style),
      subgraphs: [{ graphAttributes: { rank: "same" }, nodes: taps, edges: segment }],
    },
  );
}

const TAP: Attributes = { shape: "point", width: 0.06, height: 0.06, color: colour("planeLine"), label: "" };

type Content = Pick<Subgraph, "nodes" | "subgraphs">;

/** A box around other things. */
function cluster(name: string, caption: readonly Line[], attributes: Attributes, content: Content): Subgraph {
  return {
    name: `cluster ${name}`,
    graphAttributes: { label: stacked(caption), labeljust: "l", fontname: FONT, margin: 12, ...attributes },
    ...content,
  };
}

const box = (fill: ColourName, line: ColourName): Attributes => ({
  style: "rounded,filled",
  fillcolor: colour(fill),
  color: colour(line),
});

function hostCards(hosts: readonly TopologyHost[], { isCompact }: Style): Map<string, Node> {
  const labels = cardLabels(
    hosts.map((host) => [
      bold(host.name),
      plain(host.underlayAddress ?? "address by Oracle"),
      ...hostDetails(host, isCompact).map(muted),
    ]),
    isCompact,
  );
  return new Map(
    hosts.map(({ name }, index) => [name, card(hostNode(name), "border", labels[index])] as const),
  );
}

const hostDetails = ({ publicAddress, shape, isJumpHost, isDown }: TopologyHost, isCompact: boolean) => [
  ...(publicAddress === undefined ? [] : [`public ${publicAddress}`]),
  ...(shape === undefined || isCompact ? [] : [shape]),
  ...(isJumpHost ? ["jump host"] : []),
  ...(isDown ? ["down on purpose"] : []),
];

function vtepCards(hosts: readonly TopologyHost[], { isCompact }: Style): Node[] {
  const labels = cardLabels(
    hosts.map(({ overlayAddresses, mac }) => [
      ...overlayAddresses.map(plain),
      ...(mac === undefined ? [] : [muted(mac)]),
    ]),
    isCompact,
  );
  return hosts.map(({ name }, index) => card(vtepNode(name), "planeLine", labels[index]));
}

const cardLabels = (rows: readonly (readonly Line[])[], isCompact: boolean): HTMLString[] =>
  isCompact ? inColumns(rows) : rows.map(stacked);

const card = (name: string, line: ColourName, label: HTMLString = stacked([])): Node => ({
  name,
  attributes: { ...box("card", line), margin: "0.1,0.04", height: 0.1, label },
});
