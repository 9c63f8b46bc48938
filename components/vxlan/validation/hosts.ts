import { addressAt, contains, parseAddress, usableRange } from "../addresses.ts";
import type { Address, Cidr } from "../addresses.ts";
import type { Problem } from "../problems.ts";
import type { HostMap } from "../settings.ts";
import type { PartialHost, Paths } from "./overlay.ts";
import { UNUSABLE } from "./ranges.ts";

export function validateNames(hosts: HostMap<unknown>): Problem[] {
  const names = Object.keys(hosts);
  const problems: Problem[] = names
    .filter((name) => !/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(name))
    .map((name) => ({
      path: `hosts.${name}`,
      message: `"${name}" is no host name: use lower-case letters, digits and inner hyphens, at most 63 characters.`,
    }));
  if (names.length < 2) {
    problems.push({
      path: "hosts",
      message: `an overlay joins two hosts or more, and ${names.length === 0 ? "none is" : "only one is"} given.`,
    });
  }
  return problems;
}

export function validateUnderlay(hosts: HostMap<PartialHost>, paths: Paths): Problem[] {
  const problems: Problem[] = [];
  const seen = new Map<string, string>();
  for (const [name, { underlayAddress }] of Object.entries(hosts)) {
    if (underlayAddress === undefined) continue;
    const path = paths.underlayAddress(name);
    const address = parseAddress(underlayAddress);
    if (address?.kind() !== "ipv4") {
      problems.push({
        path,
        message: `"${underlayAddress}" is no IPv4 address: give the address that the host's own NIC carries, such as 10.196.218.222.`,
      });
      continue;
    }
    const range = UNUSABLE[address.range()];
    if (range !== undefined) {
      problems.push({ path, message: `${underlayAddress} is ${range}, which no NIC can carry as its own.` });
    }
    problems.push(...givenTwice(seen, address.toString(), path));
  }
  return problems;
}

export function validateOverlayAddresses(
  cidrs: readonly (Cidr | undefined)[],
  hosts: HostMap<PartialHost>,
): Problem[] {
  const problems: Problem[] = [];
  const seen = new Map<string, string>();
  const known = cidrs.filter((cidr) => cidr !== undefined);
  for (const [name, { overlayAddresses }] of Object.entries(hosts)) {
    const path = `hosts.${name}.overlayAddresses`;
    overlayAddresses.forEach((text, index) => {
      const where = `${path}[${index}]`;
      const address = parseAddress(text);
      if (!address) {
        problems.push({
          path: where,
          message: `"${text}" is no IP address: give it without a prefix length, such as 192.168.0.1.`,
        });
        return;
      }
      const wrong = problemWithOverlayAddress(address, text, known);
      if (wrong !== undefined) problems.push({ path: where, message: wrong });
      problems.push(...givenTwice(seen, address.toString(), where));
    });
    problems.push(...validateFamilies(overlayAddresses, known, path));
  }
  return problems;
}

function problemWithOverlayAddress(
  address: Address,
  text: string,
  cidrs: readonly Cidr[],
): string | undefined {
  if (cidrs.length === 0) return undefined;
  const cidr = cidrs.find((candidate) => contains(candidate, address));
  if (!cidr) {
    return `${text} lies outside ${cidrs.map((candidate) => candidate.text).join(" and ")}: use an address from ${cidrs.map(usableRange).join(" or ")}.`;
  }
  const first = address.toString() === cidr.network.toString();
  const last = cidr.family === 4 && address.toString() === addressAt(cidr, -1).toString();
  if (!first && !last) return undefined;
  return `${text} is reserved as the ${first ? "network" : "broadcast"} address of ${cidr.text}: use an address from ${usableRange(cidr)}.`;
}

/** Each host needs one address, and only one, in each of the overlay's networks. */
function validateFamilies(texts: readonly string[], cidrs: readonly Cidr[], path: string): Problem[] {
  return cidrs.flatMap((cidr) => {
    const inside = texts.filter((text) => {
      const address = parseAddress(text);
      return address && contains(cidr, address);
    });
    if (inside.length === 1) return [];
    const outside = texts.some(
      (text) => !parseAddress(text) || !cidrs.some((c) => contains(c, parseAddress(text) as Address)),
    );
    if (inside.length === 0 && outside) return []; // Said already, about the address itself.
    return [
      {
        path,
        message:
          inside.length === 0
            ? `no address in ${cidr.text}: add one from ${usableRange(cidr)}.`
            : `${inside.join(" and ")} both lie in ${cidr.text}: give one of them (others can be added on the host and stay).`,
      },
    ];
  });
}

function givenTwice(seen: Map<string, string>, address: string, path: string): Problem[] {
  const other = seen.get(address);
  if (other !== undefined) return [{ path, message: `${address} is given twice: ${other} has it too.` }];
  seen.set(address, path);
  return [];
}
