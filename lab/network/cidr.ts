import ipaddr from "ipaddr.js";

/** IPv4 arithmetic. Addresses are plain numbers, so that they can be added and compared. */

export interface Cidr {
  /** First address. */
  first: number;
  prefix: number;
  /** Number of addresses in it. */
  size: number;
}

const numberOf = (address: ipaddr.IPv4) => address.octets.reduce((sum, octet) => sum * 256 + octet, 0);

/** An address as a number; undefined where the text is not four decimal octets. */
export const parseAddress = (text: string): number | undefined =>
  ipaddr.IPv4.isValidFourPartDecimal(text) ? numberOf(ipaddr.IPv4.parse(text)) : undefined;

export const formatAddress = (value: number): string =>
  [24, 16, 8, 0].map((shift) => Math.floor(value / 2 ** shift) % 256).join(".");

export const formatCidr = ({ first, prefix }: Cidr): string => `${formatAddress(first)}/${prefix}`;

/**
 * The block that a CIDR or an interface address names: 10.0.0.0/24 for 10.0.0.5/24.
 *
 * @throws Error where the text is neither
 */
export function cidrOf(text: string): Cidr {
  const [address, prefix] = ipaddr.IPv4.parseCIDR(text);
  const size = 2 ** (32 - prefix);
  const value = numberOf(address);
  return { first: value - (value % size), prefix, size };
}

/** A CIDR block; undefined where the text is none, or names another address than the first of the block. */
export function parseCidr(text: string): Cidr | undefined {
  if (!ipaddr.IPv4.isValidCIDR(text)) return undefined;
  const cidr = cidrOf(text);
  return formatCidr(cidr) === text ? cidr : undefined;
}

export const overlaps = (a: Cidr, b: Cidr) => a.first < b.first + b.size && b.first < a.first + a.size;

export const contains = (outer: Cidr, inner: Cidr) =>
  outer.first <= inner.first && inner.first + inner.size <= outer.first + outer.size;

/** Oracle's gateway has the second address of its subnet. */
export const gatewayOf = ({ first }: Cidr): string => formatAddress(first + 1);
