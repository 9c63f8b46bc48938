import { allHosts, pathsToShow } from "./model.ts";
import type { Topology, TopologyHost } from "./model.ts";

/** The text of a Mermaid flowchart, which GitHub and GitLab draw in a Markdown file or a comment. */
export function mermaidOf(topology: Topology): string {
  const { stack, overlay, notes } = topology;
  const hosts = allHosts(topology);
  const ids = new Map(hosts.map(({ name }, index) => [name, `${index}`] as const));
  const id: Id = (name) => ids.get(name) ?? "";
  const details = [
    `device ${overlay.device}`,
    `VNI ${overlay.vni}`,
    `UDP ${overlay.port}`,
    ...(overlay.mtu === undefined ? [] : [`MTU ${overlay.mtu}`]),
  ];
  const { isMesh } = pathsToShow(topology);
  const vteps = hosts.map((host) => `v${id(host.name)}[${label([vtepWords(host, isMesh).join(" ")])}]`);
  return [
    "---",
    `title: ${JSON.stringify([`Stack ${stack}`, ...notes].join(", "))}`,
    "---",
    "flowchart LR",
    ...indentLines(underlay(topology, (host) => `h${id(host.name)}[${label([hostWords(host).join(" ")])}]`)),
    ...indentLines(
      box(
        "overlay",
        [`Overlay ${overlay.cidrs.join(", ")}`, details.join(", ")],
        [...vteps, ...(isMesh ? [] : [`segment(["one layer-2 segment"])`])],
      ),
    ),
    ...indentLines(edges(topology, id)),
    ...(topology.pairs ? indentLines([...grades(hosts, id), ...CLASSES]) : []),
    "",
  ].join("\n");
}

/** The number of a host, by which Mermaid knows it and its VTEP. */
type Id = (name: string) => string;

function edges(topology: Topology, id: Id): string[] {
  const hosts = allHosts(topology);
  const { isMesh, drawnPairs } = pathsToShow(topology);
  return [
    ...hosts.map(({ name }) => `h${id(name)} -.- v${id(name)}`),
    ...(isMesh ? [] : hosts.map(({ name }) => `v${id(name)} --- segment`)),
    ...drawnPairs.map(
      ({ between: [a, b], grade, note }) =>
        `v${id(a)} ${grade === "bad" ? "x--x" : "---"}|${label([note])}| v${id(b)}`,
    ),
  ];
}

const grades = (hosts: readonly TopologyHost[], id: Id): string[] =>
  hosts.flatMap(({ name, health }) =>
    health ? [`class h${id(name)} ${health.grade}`, `class v${id(name)} ${health.pathGrade}`] : [],
  );

/** Borders that can be seen on a light and on a dark page. */
const CLASSES = [
  "classDef good stroke:#1a7f37",
  "classDef poor stroke:#9a6700,stroke-width:3px",
  "classDef bad stroke:#d1242f,stroke-width:3px",
  "classDef unknown stroke:#6e7781,stroke-dasharray:4",
];

function underlay({ vcn, existingHosts }: Topology, card: (host: TopologyHost) => string): string[] {
  const existing =
    existingHosts.length === 0 ? [] : box("existing", ["Existing hosts"], existingHosts.map(card));
  if (!vcn) return existing;
  const subnets = vcn.subnets.map(({ name, label: cidr, access, isGuarded, hosts }, index) => ({
    isGuarded,
    lines: box(`subnet${index}`, [`Subnet ${name}`, `${cidr}, ${access}`], hosts.map(card)),
  }));
  const inside = (isGuarded: boolean) =>
    subnets.filter((subnet) => subnet.isGuarded === isGuarded).flatMap(({ lines }) => lines);
  const { label: security, admits } = vcn.security;
  const guard = inside(true).length > 0 ? box("security", [security, ...admits], inside(true)) : [];
  return [...box("vcn", [`VCN ${vcn.label}`], [...guard, ...inside(false)]), ...existing];
}

function vtepWords({ overlayAddresses, health }: TopologyHost, isMesh: boolean): string[] {
  return [...overlayAddresses, ...(health && !isMesh ? [health.pathNote] : [])];
}

function hostWords({ name, underlayAddress, isJumpHost, isDown, health }: TopologyHost): string[] {
  return [
    name,
    underlayAddress ?? "address by Oracle",
    ...(isJumpHost ? ["jump host"] : []),
    ...(isDown ? ["down on purpose"] : []),
    ...(health?.note === undefined ? [] : [health.note]),
  ];
}

function box(id: string, title: readonly string[], content: readonly string[]): string[] {
  return [`subgraph ${id} [${label(title)}]`, ...indentLines(content), "end"];
}

const indentLines = (lines: readonly string[]) => lines.map((line) => `  ${line}`);

const label = (lines: readonly string[]) => `"${lines.map(escapeText).join("<br>")}"`;

/** Characters that have a meaning in Mermaid or HTML are written by their code. */
const escapeText = (text: string) =>
  text.replace(/[^\p{L}\p{N} .,:;/()_-]/gu, (character) => `#${character.codePointAt(0)};`);
