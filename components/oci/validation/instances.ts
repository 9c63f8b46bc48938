import { addressAt, contains, parseAddress, parseCidr } from "../../vxlan/addresses.ts";
import type { Cidr } from "../../vxlan/addresses.ts";
import { joinPath } from "../../vxlan/problems.ts";
import type { Problem } from "../../vxlan/problems.ts";
import { problemWithOcid } from "../ocid.ts";
import { ANY_FAULT_DOMAIN, DEFAULT_SHAPE, FAULT_DOMAINS, isFlexible, subnetOf } from "../settings.ts";
import type { InstanceSettings, NetworkSettings } from "../settings.ts";

/** Memory for each OCPU of a flexible shape, in GB. */
const LARGEST_MEMORY_RATIO = 64;

/** OCI keeps the first two addresses of a subnet and its last. */
const RESERVED = 3;

/** What OCI would refuse about one instance, whatever its network. */
export function validateInstance(instance: InstanceSettings, at: string): Problem[] {
  return [
    ...validateShape(instance, at),
    ...validateImage(instance, joinPath(at, "image")),
    ...validatePlacement(instance, at),
    ...(instance.privateIp !== undefined && parseAddress(instance.privateIp)?.kind() !== "ipv4"
      ? [
          {
            path: joinPath(at, "privateIp"),
            message: `"${instance.privateIp}" is no IPv4 address: give one of the subnet's, or leave it out.`,
          },
        ]
      : []),
  ];
}

function validateShape(
  { shape = DEFAULT_SHAPE, ocpus, memoryInGBs }: InstanceSettings,
  at: string,
): Problem[] {
  const problems: Problem[] = [];
  if (!/^(VM|BM)(\.[A-Za-z0-9]+)+$/.test(shape)) {
    problems.push({
      path: joinPath(at, "shape"),
      message: `"${shape}" is no shape: use one such as ${DEFAULT_SHAPE}, VM.Standard.A1.Flex or VM.Standard.E2.1.Micro.`,
    });
    return problems;
  }
  if (!isFlexible(shape)) {
    for (const key of ["ocpus", "memoryInGBs"] as const) {
      if ({ ocpus, memoryInGBs }[key] === undefined) continue;
      problems.push({
        path: joinPath(at, key),
        message: `${shape} has a fixed size: leave ${key} out, or choose a shape that ends in .Flex.`,
      });
    }
    return problems;
  }
  if (ocpus !== undefined && !(ocpus >= 1 && ocpus <= 1000)) {
    problems.push({ path: joinPath(at, "ocpus"), message: `${ocpus} OCPUs cannot be had: use 1 or more.` });
  }
  if (memoryInGBs !== undefined) {
    const most = LARGEST_MEMORY_RATIO * (ocpus ?? 1);
    if (!(memoryInGBs >= (ocpus ?? 1) && memoryInGBs <= most)) {
      problems.push({
        path: joinPath(at, "memoryInGBs"),
        message: `${memoryInGBs} GB do not go with ${ocpus ?? 1} OCPU: use ${ocpus ?? 1} to ${most} GB.`,
      });
    }
  }
  return problems;
}

function validateImage({ image }: InstanceSettings, path: string): Problem[] {
  if (!image) return [];
  const { id, operatingSystem, version } = image;
  if (id !== undefined && (operatingSystem !== undefined || version !== undefined)) {
    return [
      {
        path,
        message:
          "given by id and by operatingSystem: keep id to pin an image, or the names to have it looked up.",
      },
    ];
  }
  if (version !== undefined && operatingSystem === undefined) {
    return [
      {
        path: joinPath(path, "operatingSystem"),
        message: `version ${version} of what? Give operatingSystem, such as "Canonical Ubuntu" or "Oracle Linux".`,
      },
    ];
  }
  return problemWithOcid(id, "image", joinPath(path, "id"));
}

function validatePlacement(
  { faultDomain, bootTimeout, availabilityDomain }: InstanceSettings,
  at: string,
): Problem[] {
  const problems: Problem[] = [];
  const choices: readonly string[] = [...FAULT_DOMAINS, ANY_FAULT_DOMAIN];
  if (faultDomain !== undefined && !choices.includes(faultDomain)) {
    problems.push({
      path: joinPath(at, "faultDomain"),
      message: `"${faultDomain}" is no fault domain: use ${FAULT_DOMAINS.join(", ")}, or any to let Oracle choose.`,
    });
  }
  if (availabilityDomain?.trim() === "") {
    problems.push({
      path: joinPath(at, "availabilityDomain"),
      message: "is empty: give a name such as AD-1, or leave it out for the first one.",
    });
  }
  if (
    bootTimeout !== undefined &&
    !(Number.isInteger(bootTimeout) && bootTimeout >= 10 && bootTimeout <= 3600)
  ) {
    problems.push({
      path: joinPath(at, "bootTimeout"),
      message: `${bootTimeout} is no time to wait for a host: use whole seconds from 10 to 3600.`,
    });
  }
  return problems;
}

/** What OCI would refuse about the instances' addresses in their subnets; equal ones are the overlay's to find. */
export function validateAddresses(
  instances: Readonly<Record<string, InstanceSettings>>,
  { subnets = {} }: NetworkSettings,
  at: (host: string) => string,
): Problem[] {
  const problems: Problem[] = [];
  const names = Object.keys(subnets);
  const members = new Map<string, string[]>();
  for (const [host, instance] of Object.entries(instances)) {
    const subnet = subnetOf(instance, subnets);
    if (subnet === undefined) {
      if (names.length === 0) continue; // Said already, about the network.
      problems.push({
        path: joinPath(at(host), "subnet"),
        message:
          instance.subnet === undefined
            ? `missing: there are several subnets, so name one of ${names.join(", ")}.`
            : `there is no subnet "${instance.subnet}": known are ${names.join(", ")}.`,
      });
      continue;
    }
    members.set(subnet, [...(members.get(subnet) ?? []), host]);
    problems.push(
      ...validateAddress(instance.privateIp, subnetCidr(subnets[subnet]?.cidr), subnet, at(host)),
    );
  }
  for (const [subnet, hosts] of members) {
    const cidr = subnetCidr(subnets[subnet]?.cidr);
    if (!cidr) continue;
    const room = 2 ** (32 - cidr.prefix) - RESERVED;
    if (hosts.length > room) {
      problems.push({
        path: `network.subnets.${subnet}.cidr`,
        message:
          `${cidr.text} has room for ${room} host${room === 1 ? "" : "s"}, since OCI keeps three addresses for itself, and ${hosts.length} are in it ` +
          `(${hosts.join(", ")}): use a shorter prefix, or a subnet each.`,
      });
    }
  }
  return problems;
}

/** A subnet's network; undefined for one that cannot be a subnet, which is said about the network. */
function subnetCidr(text: string | undefined): Cidr | undefined {
  const cidr = parseCidr(text ?? "");
  return cidr?.family === 4 && cidr.prefix <= 30 ? cidr : undefined;
}

function validateAddress(
  privateIp: string | undefined,
  cidr: Cidr | undefined,
  subnet: string,
  at: string,
): Problem[] {
  const address = parseAddress(privateIp ?? "");
  if (address?.kind() !== "ipv4") return [];
  const path = joinPath(at, "privateIp");
  if (!cidr) return [];
  const usable = `${addressAt(cidr, 2).toString()} to ${addressAt(cidr, -2).toString()}`;
  if (!contains(cidr, address)) {
    return [
      {
        path,
        message: `${privateIp} lies outside subnet ${subnet}, ${cidr.text}: use an address from ${usable}.`,
      },
    ];
  }
  const reserved = [0, 1, -1].some((offset) => addressAt(cidr, offset).toString() === address.toString());
  return reserved
    ? [
        {
          path,
          message: `${privateIp} is kept by OCI for itself, as are the first two addresses and the last of every subnet: use an address from ${usable}.`,
        },
      ]
    : [];
}
