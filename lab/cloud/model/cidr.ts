/** IPv4 arithmetic over plain numbers. */

export interface Cidr {
  /** First address. */
  base: number;
  prefix: number;
  /** How many addresses it holds. */
  size: number;
}

/** An address as a number, or undefined where the text is none. */
export function parseAddress(text: string): number | undefined {
  const octets = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text)?.slice(1).map(Number);
  if (octets === undefined || octets.some((octet) => octet > 255)) return undefined;
  return octets.reduce((sum, octet) => sum * 256 + octet, 0);
}

export const formatAddress = (value: number) =>
  [24, 16, 8, 0].map((shift) => Math.floor(value / 2 ** shift) % 256).join(".");

/** A CIDR block, or undefined where the text is none or names an address inside the block. */
export function parseCidr(text: string): Cidr | undefined {
  const [address = "", length = "", ...rest] = text.split("/");
  const base = parseAddress(address);
  if (base === undefined || rest.length > 0 || !/^\d{1,2}$/.test(length) || Number(length) > 32)
    return undefined;
  const size = 2 ** (32 - Number(length));
  return base % size === 0 ? { base, prefix: Number(length), size } : undefined;
}

export const overlaps = (a: Cidr, b: Cidr) => a.base < b.base + b.size && b.base < a.base + a.size;

export const holds = (outer: Cidr, inner: Cidr) =>
  outer.base <= inner.base && inner.base + inner.size <= outer.base + outer.size;

/** Oracle reserves a subnet's first two addresses and its last. */
export const isReserved = ({ base, size }: Cidr, address: number) =>
  address < base + 2 || address >= base + size - 1;
