import { canonical } from "../addresses.ts";
import type { Address } from "../addresses.ts";
import type { Problem } from "../problems.ts";

/** Ranges whose addresses no host can have: the name that ipaddr.js gives them, and the words for an error. */
const UNUSABLE_RANGES: Readonly<Record<string, string>> = {
  unspecified: "the unspecified address",
  broadcast: "the broadcast address",
  multicast: "a multicast address",
  linkLocal: "a link-local address",
  loopback: "a loopback address",
};

/** What an address is that no host can have, for example "a loopback address"; undefined for any other. */
export function unusableRange(address: Address): string | undefined {
  return UNUSABLE_RANGES[address.range()];
}

/** An address as text, and where it stands in the user's input. */
export interface AddressInput {
  text: string;
  path: string;
}

/** The path where each address stands first, by the address in its canonical spelling. */
export function firstPaths(inputs: readonly AddressInput[]): Map<string, string> {
  const paths = new Map<string, string>();
  for (const { text, path } of inputs) {
    const address = canonical(text);
    if (!paths.has(address)) paths.set(address, path);
  }
  return paths;
}

/**
 * Refuses an address that stands at another path too.
 *
 * @param paths by `firstPaths`
 */
export function validateUnique({ text, path }: AddressInput, paths: ReadonlyMap<string, string>): Problem[] {
  const address = canonical(text);
  const otherPath = paths.get(address) ?? path;
  return otherPath === path ? [] : [{ path, message: `${address} is given twice: ${otherPath} has it too.` }];
}
