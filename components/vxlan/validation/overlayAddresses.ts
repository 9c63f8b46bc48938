import { addressAt, contains, parseAddress, usableRange } from "../addresses.ts";
import type { Address, Cidr } from "../addresses.ts";
import type { Problem } from "../problems.ts";
import type { HostMap } from "../settings.ts";
import { firstPaths, validateUnique } from "./addresses.ts";
import type { AddressInput } from "./addresses.ts";
import type { PartialHost } from "./overlay.ts";

export function validateOverlayAddresses(
  cidrs: readonly (Cidr | undefined)[],
  hosts: HostMap<PartialHost>,
): Problem[] {
  const validCidrs = cidrs.filter((cidr) => cidr !== undefined);
  const hostInputs = Object.entries(hosts).map(([name, { overlayAddresses }]) => {
    const path = `hosts.${name}.overlayAddresses`;
    return { path, inputs: overlayAddresses.map((text, index) => ({ text, path: `${path}[${index}]` })) };
  });
  const pathsByAddress = firstPaths(hostInputs.flatMap(({ inputs }) => inputs));
  return hostInputs.flatMap(({ path, inputs }) => [
    ...inputs.flatMap((input) => validateOverlayAddress(input, validCidrs, pathsByAddress)),
    ...validateFamilies(inputs, validCidrs, path),
  ]);
}

function validateOverlayAddress(
  input: AddressInput,
  cidrs: readonly Cidr[],
  pathsByAddress: ReadonlyMap<string, string>,
): Problem[] {
  const { text, path } = input;
  const address = parseAddress(text);
  if (!address) {
    const message = `"${text}" is no IP address: give it without a prefix length, such as 192.168.0.1.`;
    return [{ path, message }];
  }
  const message = problemWithPlace(address, text, cidrs);
  const problems = message === undefined ? [] : [{ path, message }];
  return [...problems, ...validateUnique(input, pathsByAddress)];
}

/** An overlay address has to lie in a network of the overlay, and must not be reserved there. */
function problemWithPlace(address: Address, text: string, cidrs: readonly Cidr[]): string | undefined {
  if (cidrs.length === 0) return undefined;
  const cidr = cidrs.find((candidate) => contains(candidate, address));
  if (!cidr) {
    return `${text} lies outside ${cidrs.map((candidate) => candidate.text).join(" and ")}: use an address from ${cidrs.map(usableRange).join(" or ")}.`;
  }
  const isFirst = address.toString() === cidr.network.toString();
  const isLast = cidr.family === 4 && address.toString() === addressAt(cidr, -1).toString();
  if (!isFirst && !isLast) return undefined;
  return `${text} is reserved as the ${isFirst ? "network" : "broadcast"} address of ${cidr.text}: use an address from ${usableRange(cidr)}.`;
}

/** Each host needs exactly one address in each network of the overlay. */
function validateFamilies(inputs: readonly AddressInput[], cidrs: readonly Cidr[], path: string): Problem[] {
  const addresses = inputs.map(({ text }) => ({ text, address: parseAddress(text) }));
  const isIn = (cidr: Cidr, address: Address | undefined) => address !== undefined && contains(cidr, address);
  const isMisplaced = addresses.some(({ address }) => !cidrs.some((cidr) => isIn(cidr, address)));
  return cidrs.flatMap((cidr) => {
    const textsInside = addresses.filter(({ address }) => isIn(cidr, address)).map(({ text }) => text);
    if (textsInside.length === 1) return [];
    // A misplaced address is reported by itself, and may be meant for this network.
    if (textsInside.length === 0 && isMisplaced) return [];
    const message =
      textsInside.length === 0
        ? `no address in ${cidr.text}: add one from ${usableRange(cidr)}.`
        : `${textsInside.join(" and ")} both lie in ${cidr.text}: give one of them (others can be added on the host and stay).`;
    return [{ path, message }];
  });
}
