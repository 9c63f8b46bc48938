import { canonical } from "./addresses.ts";
import { fleetMtu } from "./mtu.ts";
import type { DeviceReport } from "./phases/device.ts";
import type { HostSettings, OverlaySettings } from "./settings.ts";

/** A host whose device is up. */
export interface ReportedHost extends HostSettings {
  report: DeviceReport;
}

/** A host as its peers need it, for their FDB and neighbour tables. */
export interface Peer {
  name: string;
  mac: string;
  underlayAddress: string;
  overlayAddresses: string[];
}

/** All hosts of an overlay, as they enter each other's tables. */
export interface Mesh {
  /** MTU of the VXLAN devices in bytes, the same on every host. */
  mtu: number;
  /** Sorted by name, so that the order in the config changes nothing. */
  members: Peer[];
}

/** What phase peers sets up on one host. */
export interface PeersPlan {
  /** The host's installation id. As an input of the phase, it makes a re-installed host get its peers again. */
  installation: string;
  /** MTU of the VXLAN device in bytes. */
  mtu: number;
  peers: Peer[];
}

/**
 * Plans the full mesh.
 *
 * @throws Error where the configured MTU, or IPv6, does not fit through a host's NIC
 */
export function planMesh(
  overlay: Pick<OverlaySettings, "cidrs" | "mtu">,
  hosts: readonly ReportedHost[],
): Mesh {
  const members = hosts.map(({ report, underlayAddress, overlayAddresses }): Peer => ({
    name: report.host,
    mac: report.mac,
    underlayAddress: canonical(underlayAddress),
    overlayAddresses: overlayAddresses.map(canonical),
  }));
  const mtu = fleetMtu(
    overlay,
    hosts.map(({ report }) => report),
  );
  return { mtu, members: members.sort((a, b) => (a.name < b.name ? -1 : 1)) };
}

/** The part of the mesh that one host gets: every host but itself. */
export function planPeers({ mtu, members }: Mesh, { host, installation }: DeviceReport): PeersPlan {
  return { installation, mtu, peers: members.filter(({ name }) => name !== host) };
}

/**
 * Refuses a fleet in which two hosts have one MAC. Images that were cloned from a host of the overlay lead to that.
 *
 * @param removal command that removes this overlay from a host; the next `up` draws a new MAC there
 * @throws Error that names two hosts with one MAC, and the cure
 */
export function refuseEqualMacs(device: string, reports: readonly DeviceReport[], removal: string): void {
  const hostsByMac = new Map<string, string>();
  for (const { host, mac } of reports) {
    const other = hostsByMac.get(mac);
    if (other !== undefined) {
      throw new Error(
        `${[other, host].sort().join(" and ")} both have MAC ${mac} on ${device}: one was cloned from the other after its overlay was set up. ` +
          `On one of them run "sudo ${removal}", raise its "generation" by one, then run pulumi up again.`,
      );
    }
    hostsByMac.set(mac, host);
  }
}
