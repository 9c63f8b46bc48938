import { canonical, contains, parseAddress } from "../addresses.ts";
import type { Cidr } from "../addresses.ts";
import { joinPath } from "../problems.ts";
import type { Problem } from "../problems.ts";
import type { HostMap } from "../settings.ts";
import { lockOut } from "./sshAddresses.ts";

/** A jump host that is no host of the overlay. An address that is no text, such as an output, is not checked. */
export interface JumpHostSettings {
  address?: unknown;
  /** IPv4 address from which its connections arrive at the hosts. */
  sourceAddress?: string;
  hostKey?: unknown;
  /** Its own; undefined where it takes the key of the hosts. */
  privateKey?: unknown;
}

/** Address from which a jump host's connections arrive at the hosts. */
export const sourceOf = ({ sourceAddress, address }: JumpHostSettings) => sourceAddress ?? address;

/**
 * Checks a jump host that is no host of the overlay.
 *
 * @param path of the jump host in the user's input
 * @param cidrsPath of the overlay's CIDRs
 * @param members addresses of the overlay's hosts, by name
 */
export function validateJumpHost(
  jumpHost: JumpHostSettings,
  path: string,
  cidrs: readonly (Cidr | undefined)[],
  cidrsPath: string,
  members: HostMap<readonly unknown[]>,
): Problem[] {
  const { address, sourceAddress } = jumpHost;
  const problems: Problem[] = [];
  if (sourceAddress !== undefined && parseAddress(sourceAddress)?.kind() !== "ipv4") {
    const message = `"${sourceAddress}" is no IPv4 address: give the one from which the jump host's connections arrive at the hosts.`;
    problems.push({ path: joinPath(path, "sourceAddress"), message });
  }
  for (const [host, addresses] of Object.entries(members)) {
    if (typeof address !== "string" || !addresses.includes(address)) continue;
    const message = `${address} is ${host}, a host of this overlay: set ssh.via to ${host} instead, so that it is removed after the hosts behind it.`;
    problems.push({ path: joinPath(path, "address"), message });
  }
  const source = parseAddress(String(sourceOf(jumpHost)));
  return [
    ...problems,
    ...cidrs.flatMap((cidr, index) => {
      if (!cidr || !source || !contains(cidr, source)) return [];
      const message = `${cidr.text} holds ${canonical(source.toString())}, from which the jump host at ${path} reaches the hosts: ${lockOut(cidr)}.`;
      return [{ path: `${cidrsPath}[${index}]`, message }];
    }),
  ];
}

/** How SSH reaches a host. */
export interface HostReach {
  /** Name of the host that is its jump host. */
  via?: string;
  hasJumpHost: boolean;
  down?: boolean;
}

/**
 * Checks a host that is the jump host of others.
 *
 * @param path where its name stands in the user's input
 */
export function validateVia(name: string, hosts: HostMap<HostReach>, path: string): Problem[] {
  const jumpHost = hosts[name];
  const message = jumpHost ? problemWithVia(name, jumpHost) : unknownVia(name, Object.keys(hosts));
  return message === undefined ? [] : [{ path, message }];
}

const unknownVia = (name: string, hosts: readonly string[]) =>
  `there is no host "${name}": name one of ${hosts.join(", ")}, which SSH reaches directly.`;

function problemWithVia(name: string, { via, hasJumpHost, down }: HostReach): string | undefined {
  if (via !== undefined || hasJumpHost)
    return `${name} has a jump host itself, and SSH takes one on its way at most: name a host that SSH reaches directly.`;
  if (down === true)
    return `${name} is set to down, and the others are reached through it: name another host, or take down: true back.`;
  return undefined;
}
