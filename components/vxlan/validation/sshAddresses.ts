import { canonical, contains, parseAddress } from "../addresses.ts";
import type { Cidr } from "../addresses.ts";
import { joinPath } from "../problems.ts";
import type { Problem } from "../problems.ts";
import type { HostMap } from "../settings.ts";
import type { PartialHost, Paths } from "./overlay.ts";

/** An overlay network that contains the address of an SSH connection cuts off that connection. */
export function validateSshAddresses(
  cidrs: readonly (Cidr | undefined)[],
  hosts: HostMap<PartialHost>,
  paths: Paths,
): Problem[] {
  return Object.entries(hosts).flatMap(([name, { sshAddress, underlayAddress }]) => {
    if (typeof sshAddress !== "string") return [];
    const address = parseAddress(sshAddress); // A name is not checked, since its address may change.
    // validateSeparation reports an underlay address.
    const isUnderlay =
      typeof underlayAddress === "string" && canonical(sshAddress) === canonical(underlayAddress);
    if (!address || isUnderlay) return [];
    return cidrs.flatMap((cidr, index) => {
      if (!cidr || !contains(cidr, address)) return [];
      return [
        {
          path: `${joinPath(paths.overlay, "cidrs")}[${index}]`,
          message: `${cidr.text} holds ${sshAddress}, the SSH address at ${paths.sshAddress(name)}: ${lockOut(cidr)}.`,
        },
      ];
    });
  });
}

/** Why an overlay network must not overlap the network of an SSH connection, and which network to use instead. */
export function lockOut({ family }: Cidr): string {
  const ranges = family === 4 ? "10.0.0.0/8, 172.16.0.0/12 or 192.168.0.0/16" : "fd00::/8";
  return (
    "the host would send its answers to you into the overlay, and nobody could log in any more. " +
    `Choose a part of ${ranges} that is in use neither where you come from nor at the hosts`
  );
}
