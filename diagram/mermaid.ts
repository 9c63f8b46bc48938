import { allHosts } from "./model.ts";
import type { Topology, TopologyHost } from "./model.ts";

/** The text of a Mermaid flowchart, which GitHub and GitLab draw in a Markdown file or a comment. */
export function mermaidOf(topology: Topology): string {
  const { stack, overlay, notes } = topology;
  const hosts = allHosts(topology);
  const indexes = new Map(hosts.map(({ name }, index) => [name, index] as const));
  const indexOf = ({ name }: TopologyHost) => indexes.get(name) ?? 0;
  const details = [
    `device ${overlay.device}`,
    `VNI ${overlay.vni}`,
    `UDP ${overlay.port}`,
    ...(overlay.mtu === undefined ? [] : [`MTU ${overlay.mtu}`]),
  ];
  return [
    "---",
    `title: ${JSON.stringify([`Stack ${stack}`, ...notes].join(", "))}`,
    "---",
    "flowchart LR",
    ...indented(underlay(topology, (host) => `h${indexOf(host)}[${label([hostWords(host).join(" ")])}]`)),
    ...indented(
      box(
        "overlay",
        [`Overlay ${overlay.cidrs.join(", ")}`, details.join(", ")],
        [
          `segment(["one layer-2 segment"])`,
          ...hosts.map((host) => `v${indexOf(host)}[${label([host.overlayAddresses.join(" ")])}]`),
        ],
      ),
    ),
    ...hosts.map((host) => `  h${indexOf(host)} -.- v${indexOf(host)}`),
    ...hosts.map((host) => `  v${indexOf(host)} --- segment`),
    "",
  ].join("\n");
}

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

function hostWords({ name, underlayAddress, isJumpHost, isDown }: TopologyHost): string[] {
  return [
    name,
    underlayAddress ?? "address by Oracle",
    ...(isJumpHost ? ["jump host"] : []),
    ...(isDown ? ["down on purpose"] : []),
  ];
}

function box(id: string, title: readonly string[], content: readonly string[]): string[] {
  return [`subgraph ${id} [${label(title)}]`, ...indented(content), "end"];
}

const indented = (lines: readonly string[]) => lines.map((line) => `  ${line}`);

const label = (lines: readonly string[]) => `"${lines.map(escaped).join("<br>")}"`;

/** Whatever may mean something to Mermaid or in HTML is written by its number. */
const escaped = (text: string) =>
  text.replace(/[^\p{L}\p{N} .,:;/()_-]/gu, (character) => `#${character.codePointAt(0)};`);
