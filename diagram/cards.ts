import type { HTMLString, Node } from "@viz-js/viz";
import { box } from "./boxes.ts";
import { GRADE_COLOURS } from "./health.ts";
import { bold, inColumns, mutedLine, plainLine, smallLine, stackLines } from "./labels.ts";
import type { Line } from "./labels.ts";
import type { TopologyHost } from "./model.ts";
import type { ColourName } from "./palette.ts";

/** The cards of hosts and of their VTEPs: several lines, or in a large fleet one row with columns. */

export const hostNode = (name: string) => `host ${name}`;
export const vtepNode = (name: string) => `vtep ${name}`;

export function hostCards(hosts: readonly TopologyHost[], isCompact: boolean): Map<string, Node> {
  const labels = cardLabels(
    hosts.map((host) => [
      bold(host.name),
      plainLine(host.underlayAddress ?? "address by Oracle"),
      ...hostDetails(host, isCompact).map(mutedLine),
      ...(host.health?.note === undefined
        ? []
        : [smallLine(host.health.note, GRADE_COLOURS[host.health.grade])]),
    ]),
    isCompact,
  );
  return new Map(
    hosts.map(({ name, health }, index) => {
      const line = health && health.grade !== "good" ? GRADE_COLOURS[health.grade] : "border";
      return [name, card(hostNode(name), line, labels[index])] as const;
    }),
  );
}

const hostDetails = ({ publicAddress, shape, isJumpHost, isDown }: TopologyHost, isCompact: boolean) => [
  ...(publicAddress === undefined ? [] : [`public ${publicAddress}`]),
  ...(shape === undefined || isCompact ? [] : [shape]),
  ...(isJumpHost ? ["jump host"] : []),
  ...(isDown ? ["down on purpose"] : []),
];

/** @param withPaths whether the cards say how the paths of their host are */
export function vtepCards(hosts: readonly TopologyHost[], isCompact: boolean, withPaths: boolean): Node[] {
  const labels = cardLabels(
    hosts.map(({ overlayAddresses, mac, health }) => [
      ...overlayAddresses.map(plainLine),
      ...(mac === undefined ? [] : [mutedLine(mac)]),
      ...(health && withPaths ? [smallLine(health.pathNote, GRADE_COLOURS[health.pathGrade])] : []),
    ]),
    isCompact,
  );
  return hosts.map((host, index) => card(vtepNode(host.name), pathColour(host), labels[index]));
}

/** The colour of all paths of a host. */
export const pathColour = ({ health }: TopologyHost): ColourName =>
  health ? GRADE_COLOURS[health.pathGrade] : "planeLine";

const cardLabels = (rows: readonly (readonly Line[])[], isCompact: boolean): HTMLString[] =>
  isCompact ? inColumns(rows) : rows.map(stackLines);

const card = (name: string, line: ColourName, label: HTMLString = stackLines([])): Node => ({
  name,
  attributes: { ...box("card", line), margin: "0.1,0.04", height: 0.1, label },
});
