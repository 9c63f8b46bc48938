import { canonical, contains, parseAddress, parseCidr } from "./addresses.ts";
import { SMALLEST_MTU, VXLAN_OVERHEAD } from "./settings.ts";
import type { HostMap, HostSettings, OverlaySettings } from "./settings.ts";
import type { DeviceReport } from "./deviceReport.ts";

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

/** A host's overlay addresses with the prefix lengths of the networks they lie in. */
export function interfaceAddresses(overlay: Pick<OverlaySettings, "cidrs">, host: HostSettings): string[] {
  return host.overlayAddresses.map((text) => {
    const address = parseAddress(text);
    const cidr = overlay.cidrs
      .map(parseCidr)
      .find((candidate) => candidate && address && contains(candidate, address));
    if (!address || !cidr) throw new Error(`${text} lies in none of ${overlay.cidrs.join(", ")}`);
    return `${address.toString()}/${cidr.prefix}`;
  });
}

/**
 * The MTU that every VXLAN device of the fleet gets: what was configured, or the smallest underlay MTU less
 * the overhead. One host with another MTU would black-hole large frames, so it is never decided host by host.
 *
 * @throws when a configured MTU does not fit through a host's NIC, or IPv6 does not
 */
export function fleetMtu(
  { cidrs, mtu: configured }: Pick<OverlaySettings, "cidrs" | "mtu">,
  reports: HostMap<DeviceReport>,
): number {
  refuseSmallNics(cidrs, reports);
  const [smallest] = Object.entries(reports).sort(([, a], [, b]) => a.underlayMtu - b.underlayMtu);
  if (!smallest) throw new Error("no host has reported an underlay MTU");
  const [host, { underlayMtu }] = smallest;
  const largest = underlayMtu - VXLAN_OVERHEAD;
  if (configured !== undefined && configured > largest) {
    throw new Error(
      `mtu ${configured} does not fit on ${host}: its NIC carries ${underlayMtu} bytes and VXLAN takes ${VXLAN_OVERHEAD} of them. ` +
        `Set mtu to ${largest} or less, or leave it out to have it measured.`,
    );
  }
  return configured ?? largest;
}

/** @throws naming every host whose NIC is too small for an overlay with an IPv6 network */
function refuseSmallNics(cidrs: readonly string[], reports: HostMap<DeviceReport>): void {
  const ipv6Network = cidrs.find((text) => parseCidr(text)?.family === 6);
  const smallest = SMALLEST_MTU[6] + VXLAN_OVERHEAD;
  const smallNics = Object.entries(reports)
    .filter(([, { underlayMtu }]) => underlayMtu < smallest)
    .map(([host, { underlayMtu }]) => `${host}'s NIC has an MTU of ${underlayMtu} bytes`)
    .sort();
  if (ipv6Network === undefined || smallNics.length === 0) return;
  throw new Error(
    `IPv6 does not fit: ${smallNics.join(", ")}, VXLAN takes ${VXLAN_OVERHEAD} of them, and IPv6 needs ${SMALLEST_MTU[6]}. ` +
      `Raise the MTU of each NIC named here to ${smallest} or more and the host's "generation" by one, which has it measured ` +
      `again; or take ${ipv6Network} out of the overlay's "cidrs", and the hosts' addresses in it out of "overlayAddresses".`,
  );
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
