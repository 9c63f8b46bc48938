import { html } from "hono/html";
import type { HostReport, OverlayStatus } from "../report.ts";
import { age } from "../summary.ts";
import { table } from "./tables.ts";
import type { Html } from "./tables.ts";

const HEAD = ["Host", "State", "Booted", "Underlay", "Overlay", "MAC", "MTU", "Last repair", "Release"];

const CLASSES = { "in sync": "well", differs: "wrong", unreachable: "wrong", down: "off" } as const;

export function hostTable({ id, hosts }: OverlayStatus, now: string): Html {
  return table(
    `Hosts of ${id}`,
    HEAD,
    hosts.map((host) => hostRow(host, now)),
  );
}

function hostRow(host: HostReport, now: string): Html {
  const { name, state, bootedAt, underlayAddress, overlayAddresses, device, lastRepair, unit } = host;
  const ago = (time: string) => `${age(time, now)} ago`;
  const cells = [
    bootedAt === undefined ? "-" : ago(bootedAt),
    underlayAddress,
    overlayAddresses.join(" "),
    device?.mac ?? host.mac,
    device?.mtu ?? "-",
    lastRepair ? ago(lastRepair.time) : unit === undefined ? "-" : "none",
    host.release ?? "-",
  ];
  return html`<tr>
    <th scope="row">${name}</th>
    <td class="${CLASSES[state]}">${state}</td>
    ${cells.map((cell) => html`<td>${cell}</td>`)}
  </tr>`;
}
