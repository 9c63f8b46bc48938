import type { StatusReport } from "../status/report.ts";
import { healthOf } from "./health.ts";
import { topologyOf, withHealth } from "./model.ts";
import type { StackOutputs } from "./outputs.ts";
import { CannotDraw, readPlan } from "./stack.ts";
import { svgOf } from "./svg.ts";

/** The picture of a stack with its status, from the report and the stack's config; or why there is none. */
export async function statusPicture(report: StatusReport): Promise<{ svg: string } | { reason: string }> {
  try {
    const topology = topologyOf(report.stack, readPlan(report.stack), outputsIn(report));
    return { svg: await svgOf(withHealth(topology, healthOf(report))) };
  } catch (error) {
    if (!(error instanceof CannotDraw)) throw error;
    return { reason: error.message };
  }
}

/** Those of the stack's outputs that stand in a report. */
function outputsIn({ overlays: [overlay] }: StatusReport): StackOutputs {
  const hosts = overlay?.hosts ?? [];
  return {
    mtu: overlay?.mtu,
    macs: Object.fromEntries(hosts.map(({ name, mac }) => [name, mac])),
    addresses: Object.fromEntries(
      hosts.map(({ name, underlayAddress }) => [name, { privateIp: underlayAddress }]),
    ),
  };
}
