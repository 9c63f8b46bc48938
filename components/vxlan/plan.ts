import { canonical } from "./addresses.ts";
import { fleetMtu } from "./mtu.ts";
import type { DeviceReport } from "./phases/device.ts";
import type { HostMap, HostSettings, OverlaySettings } from "./settings.ts";

/** What a host is told about one of its peers. */
export interface Peer {
  name: string;
  mac: string;
  underlayAddress: string;
  overlayAddresses: string[];
}

/** What one host's peers phase installs. */
export interface PeersPlan {
  /** This host's own installation id: re-installed hosts get their peers again because it is an input. */
  installation: string;
  /** MTU of the VXLAN device in bytes, the same on every host. */
  mtu: number;
  /** Every other host, sorted by name, so that the order of the map changes nothing. */
  peers: Peer[];
}

/**
 * Refuses a fleet in which two hosts have one MAC, which is what images cloned after the first `up` have.
 *
 * @param removal command that takes this overlay, and no other, off a host: the next `up` draws a MAC there
 * @throws naming the hosts and the cure
 */
export function refuseEqualMacs(device: string, reports: HostMap<DeviceReport>, removal: string): void {
  const owners = new Map<string, string>();
  for (const host of Object.keys(reports).sort()) {
    const mac = reports[host]?.mac ?? "";
    const other = owners.get(mac);
    if (other !== undefined) {
      throw new Error(
        `${other} and ${host} both have MAC ${mac} on ${device}: one was cloned from the other after its overlay was set up. ` +
          `On one of them run "sudo ${removal}", raise its "generation" by one, then run pulumi up again.`,
      );
    }
    owners.set(mac, host);
  }
}

/** What every host is told about its peers: a full mesh in which no host is its own peer. */
export function planMesh(
  overlay: Pick<OverlaySettings, "cidrs" | "mtu">,
  hosts: HostMap<HostSettings>,
  reports: HostMap<DeviceReport>,
): Record<string, PeersPlan> {
  const fleet = fleetMtu(overlay, reports);
  const names = Object.keys(hosts).sort();
  const everyone = names.map((name): Peer => {
    const host = hosts[name] as HostSettings;
    return {
      name,
      mac: reportOf(reports, name).mac,
      underlayAddress: canonical(host.underlayAddress),
      overlayAddresses: host.overlayAddresses.map(canonical),
    };
  });
  return Object.fromEntries(
    names.map((name) => [
      name,
      {
        installation: reportOf(reports, name).installation,
        mtu: fleet,
        peers: everyone.filter((peer) => peer.name !== name),
      },
    ]),
  );
}

function reportOf(reports: HostMap<DeviceReport>, host: string): DeviceReport {
  const report = reports[host];
  if (!report) throw new Error(`${host} has not reported its device`);
  return report;
}
