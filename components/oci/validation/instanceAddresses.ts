import { addressAt, contains, parseAddress, parseCidr } from "../../vxlan/addresses.ts";
import type { Cidr } from "../../vxlan/addresses.ts";
import { joinPath } from "../../vxlan/problems.ts";
import type { Problem } from "../../vxlan/problems.ts";
import { subnetOf } from "../settings.ts";
import type { InstanceSettings, NetworkSettings, SubnetSettings } from "../settings.ts";

/** Addresses of a subnet that OCI reserves, as offsets: the first two and the last. */
const RESERVED_OFFSETS = [0, 1, -1];

type Instances = Readonly<Record<string, InstanceSettings>>;

/**
 * All problems of instances in their subnets. Equal addresses are reported by the overlay's checks.
 *
 * @param at path of a host's instance in the user's input
 */
export function validateInstanceAddresses(
  instances: Instances,
  { subnets = {} }: NetworkSettings,
  at: (host: string) => string,
): Problem[] {
  if (Object.keys(subnets).length === 0) return []; // The network's checks report that.
  const hostsBySubnet = new Map<string, string[]>(Object.keys(subnets).map((subnet) => [subnet, []]));
  const problems = Object.entries(instances).flatMap(([host, instance]) => {
    const subnet = subnetOf(instance, subnets);
    if (subnet === undefined) return [unknownSubnet(instance, Object.keys(subnets), at(host))];
    hostsBySubnet.get(subnet)?.push(host);
    const cidr = validCidr(subnets[subnet]?.cidr);
    return [
      ...(cidr ? validatePrivateIp(instance, cidr, subnet, joinPath(at(host), "privateIp")) : []),
      ...validatePublicIp(instance, subnet, subnets[subnet], joinPath(at(host), "publicIp")),
    ];
  });
  return [
    ...problems,
    ...[...hostsBySubnet].flatMap(([subnet, hosts]) =>
      validateCapacity(validCidr(subnets[subnet]?.cidr), subnetPath(subnet, subnets), hosts),
    ),
  ];
}

function unknownSubnet({ subnet }: InstanceSettings, names: readonly string[], at: string): Problem {
  return {
    path: joinPath(at, "subnet"),
    message:
      subnet === undefined
        ? `missing: there are several subnets, so name one of ${names.join(", ")}.`
        : `there is no subnet "${subnet}": known are ${names.join(", ")}.`,
  };
}

/** A subnet's network; undefined for a CIDR that the network's checks refuse. */
function validCidr(text: string | undefined): Cidr | undefined {
  const cidr = parseCidr(text ?? "");
  return cidr?.family === 4 && cidr.prefix <= 30 ? cidr : undefined;
}

function validatePrivateIp(
  { privateIp = "" }: InstanceSettings,
  cidr: Cidr,
  subnet: string,
  path: string,
): Problem[] {
  const address = parseAddress(privateIp);
  if (address?.kind() !== "ipv4") return [];
  const usableRange = `${addressAt(cidr, 2).toString()} to ${addressAt(cidr, -2).toString()}`;
  if (!contains(cidr, address)) {
    const message = `${privateIp} lies outside subnet ${subnet}, ${cidr.text}: use an address from ${usableRange}.`;
    return [{ path, message }];
  }
  if (!RESERVED_OFFSETS.some((offset) => addressAt(cidr, offset).toString() === address.toString()))
    return [];
  const message = `${privateIp} is kept by OCI for itself, as are the first two addresses and the last of every subnet: use an address from ${usableRange}.`;
  return [{ path, message }];
}

function validatePublicIp(
  { publicIp }: InstanceSettings,
  subnet: string,
  settings: SubnetSettings | undefined,
  path: string,
): Problem[] {
  if (publicIp !== true || settings?.private !== true) return [];
  const reason = settings.id === undefined ? "is private" : "prohibits public addresses";
  const message = `true, and subnet ${subnet} ${reason}: leave publicIp out, or put the host into another subnet.`;
  return [{ path, message }];
}

/** Where the user's input gives a subnet. */
const subnetPath = (subnet: string, subnets: NonNullable<NetworkSettings["subnets"]>) =>
  joinPath("network.subnets", subnet, subnets[subnet]?.id === undefined ? "cidr" : "id");

function validateCapacity(cidr: Cidr | undefined, path: string, hosts: readonly string[]): Problem[] {
  if (!cidr) return [];
  const capacity = 2 ** (32 - cidr.prefix) - RESERVED_OFFSETS.length;
  if (hosts.length <= capacity) return [];
  return [
    {
      path,
      message:
        `${cidr.text} has room for ${capacity} host${capacity === 1 ? "" : "s"}, since OCI keeps three addresses for itself, and ${hosts.length} are in it ` +
        `(${hosts.join(", ")}): use a shorter prefix, or a subnet each.`,
    },
  ];
}
