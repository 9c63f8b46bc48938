import { parseCidr } from "./addresses.ts";
import type { Cidr } from "./addresses.ts";
import type { DeviceReport } from "./phases/device.ts";
import type { Problem } from "./problems.ts";
import type { OverlaySettings } from "./settings.ts";

/** Bytes that VXLAN over IPv4 adds to a frame: outer Ethernet payload of IPv4 20, UDP 8, VXLAN 8, inner Ethernet 14. */
export const VXLAN_OVERHEAD = 50;

/** Smallest MTU in bytes by IP version. Below 1280 the kernel disables IPv6 on a device. */
export const SMALLEST_MTU = { 4: 576, 6: 1280 } as const;

/** Bytes of the largest IP packet. NICs differ, and phase device refuses what a host's own NIC does not carry. */
const LARGEST_PACKET = 65_535;

/** Checks a configured MTU before any host is known. Whether it fits through each host's NIC, `fleetMtu` checks. */
export function validateMtu(
  { mtu }: OverlaySettings,
  cidrs: readonly (Cidr | undefined)[],
  path: string,
): Problem[] {
  if (mtu === undefined) return [];
  const largest = LARGEST_PACKET - VXLAN_OVERHEAD;
  const family = cidrs.some((cidr) => cidr?.family === 6) ? 6 : 4;
  const smallest = SMALLEST_MTU[family];
  if (Number.isInteger(mtu) && mtu >= smallest && mtu <= largest) return [];
  const cause =
    mtu < smallest
      ? `${mtu} is too small: IPv${family} needs ${smallest} bytes`
      : mtu > largest
        ? `${mtu} cannot fit: VXLAN adds ${VXLAN_OVERHEAD} bytes and an IP packet has ${LARGEST_PACKET} at most`
        : `${mtu} is no number of bytes`;
  return [
    {
      path,
      message: `${cause}, so use a whole number from ${smallest} to ${largest}, or leave it out to have it measured.`,
    },
  ];
}

/**
 * The MTU of every VXLAN device: the configured one, or the smallest underlay MTU less the overhead. It is one for all
 * hosts, since a device with a smaller MTU drops the large frames of the others.
 *
 * @throws Error where the configured MTU, or IPv6, does not fit through a host's NIC
 */
export function fleetMtu(
  { cidrs, mtu: configuredMtu }: Pick<OverlaySettings, "cidrs" | "mtu">,
  reports: readonly DeviceReport[],
): number {
  refuseSmallNics(cidrs, reports);
  const [smallest] = [...reports].sort((a, b) => a.underlayMtu - b.underlayMtu);
  if (!smallest) throw new Error("no host has reported an underlay MTU");
  const { host, underlayMtu } = smallest;
  const largest = underlayMtu - VXLAN_OVERHEAD;
  if (configuredMtu !== undefined && configuredMtu > largest) {
    throw new Error(
      `mtu ${configuredMtu} does not fit on ${host}: its NIC carries ${underlayMtu} bytes and VXLAN takes ${VXLAN_OVERHEAD} of them. ` +
        `Set mtu to ${largest} or less, or leave it out to have it measured.`,
    );
  }
  return configuredMtu ?? largest;
}

/** @throws Error that names every host whose NIC is too small for an overlay with an IPv6 network */
function refuseSmallNics(cidrs: readonly string[], reports: readonly DeviceReport[]): void {
  const ipv6Network = cidrs.find((text) => parseCidr(text)?.family === 6);
  const smallest = SMALLEST_MTU[6] + VXLAN_OVERHEAD;
  const smallNics = reports
    .filter(({ underlayMtu }) => underlayMtu < smallest)
    .map(({ host, underlayMtu }) => `${host}'s NIC has an MTU of ${underlayMtu} bytes`)
    .sort();
  if (ipv6Network === undefined || smallNics.length === 0) return;
  throw new Error(
    `IPv6 does not fit: ${smallNics.join(", ")}, VXLAN takes ${VXLAN_OVERHEAD} of them, and IPv6 needs ${SMALLEST_MTU[6]}. ` +
      `Raise the MTU of each NIC named here to ${smallest} or more and the host's "generation" by one, which has it measured ` +
      `again; or take ${ipv6Network} out of the overlay's "cidrs", and the hosts' addresses in it out of "overlayAddresses".`,
  );
}
