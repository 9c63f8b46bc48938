import type { HostReport, OverlayStatus, PathReport, StatusReport } from "../../status/report.ts";

/** Reports about made-up stacks, for the tests of their output. */

const NOW = "2026-11-26T09:00:00.000Z";

/** The hosts of a made-up stack, all well, at 10.0.0.N and 192.168.0.N. */
function hostReports(count: number): HostReport[] {
  return Array.from({ length: count }, (_, index) => {
    const number = index + 1;
    const mac = `42:00:00:00:00:${number.toString(16).padStart(2, "0")}`;
    const [underlayAddress, overlayAddress] = [`10.0.0.${number}`, `192.168.0.${number}`];
    return {
      name: `host${String(number).padStart(2, "0")}`,
      state: "in sync",
      sshAddress: underlayAddress,
      underlayAddress,
      overlayAddresses: [overlayAddress],
      mac,
      mtu: 8950,
      bootedAt: "2026-11-24T08:00:00.000Z",
      uptimeSeconds: 176_400,
      release: "0.1.0",
      programVersion: 2,
      unit: "active",
      device: {
        state: "up",
        mtu: 8950,
        mac,
        vni: 100,
        port: 4789,
        underlayAddress,
        addresses: [overlayAddress],
      },
      events: [],
      problems: [],
      warnings: [],
    };
  });
}

const pathsBetween = (hosts: readonly HostReport[]): PathReport[] =>
  hosts.flatMap((from) =>
    hosts
      .filter((to) => to !== from)
      .map((to) => ({
        from: from.name,
        to: to.name,
        address: to.overlayAddresses[0] ?? "",
        state: "passes",
        icmpBytes: 8922,
        sent: 5,
        received: 5,
        milliseconds: 0.25,
        tcp: "passes",
      })),
  );

/** A report about a stack that is well, then changed. */
export function statusReport(
  count: number,
  change: (overlay: OverlayStatus) => void = () => undefined,
): StatusReport {
  const hosts = hostReports(count);
  const overlay: OverlayStatus = {
    name: "overlay",
    id: "prod.overlay",
    device: "vxlan0",
    vni: 100,
    port: 4789,
    mtu: 8950,
    cidrs: ["192.168.0.0/24"],
    hosts,
    paths: pathsBetween(hosts),
    findings: [],
    totalPaths: count * (count - 1),
  };
  change(overlay);
  return { time: NOW, project: "oci-vxlan", stack: "prod", state: "well", overlays: [overlay] };
}
