import ipaddr from "ipaddr.js";

/** An IP address of either family, parsed by ipaddr.js. */
export type Address = ipaddr.IPv4 | ipaddr.IPv6;

/** A network in CIDR notation whose host bits are zero. */
export interface Cidr {
  /** Canonical text, for example `192.168.0.0/24`. */
  text: string;
  family: 4 | 6;
  network: Address;
  /** Prefix length in bits. */
  prefix: number;
}

/**
 * Reads an IP address: four decimal octets, or IPv6. Other spellings that old resolvers accept, such as `10.1`,
 * `0x7f000001` and `010.0.0.1`, are refused, since they rarely mean what their author thinks.
 */
export function parseAddress(text: string): Address | undefined {
  if (ipaddr.IPv4.isValidFourPartDecimal(text) && !/(^|\.)0\d/.test(text)) return ipaddr.IPv4.parse(text);
  if (text.includes(":") && !text.includes("%") && ipaddr.IPv6.isValid(text)) return ipaddr.IPv6.parse(text);
  return undefined;
}

/** Reads `address/prefix`, with any host bits. */
function parseInterface(text: string): { address: Address; prefix: number } | undefined {
  const match = /^([^/]+)\/(\d{1,3})$/.exec(text);
  const address = match?.[1] === undefined ? undefined : parseAddress(match[1]);
  const prefix = Number(match?.[2]);
  if (!address || prefix > address.toByteArray().length * 8) return undefined;
  return { address, prefix };
}

const networkOf = (address: Address, prefix: number): Address =>
  address.kind() === "ipv4"
    ? ipaddr.IPv4.networkAddressFromCIDR(`${address.toString()}/${prefix}`)
    : ipaddr.IPv6.networkAddressFromCIDR(`${address.toString()}/${prefix}`);

/** The network of an interface address such as `10.196.218.222/30`; undefined where it cannot be read. */
export function networkContaining(text: string): Cidr | undefined {
  const parsedInterface = parseInterface(text);
  if (!parsedInterface) return undefined;
  const network = networkOf(parsedInterface.address, parsedInterface.prefix);
  return {
    text: `${network.toString()}/${parsedInterface.prefix}`,
    family: network.kind() === "ipv4" ? 4 : 6,
    network,
    prefix: parsedInterface.prefix,
  };
}

/** Reads a CIDR; undefined where it cannot be read, or where bits are set behind the prefix. */
export function parseCidr(text: string): Cidr | undefined {
  const cidr = networkContaining(text);
  const address = parseInterface(text)?.address;
  return cidr && address?.toString() === cidr.network.toString() ? cidr : undefined;
}

/** Whether the address lies in the network. Families never mix. */
export function contains(cidr: Cidr, address: Address): boolean {
  return (
    address.kind() === cidr.network.kind() &&
    networkOf(address, cidr.prefix).toString() === cidr.network.toString()
  );
}

/** Whether two networks share an address. */
export function overlaps(a: Cidr, b: Cidr): boolean {
  return contains(a, b.network) || contains(b, a.network);
}

/** The network's address at an offset from its first; a negative offset counts from its last (-1). */
export function addressAt(cidr: Cidr, offset: number): Address {
  const bytes = cidr.network.toByteArray();
  const bits = BigInt(bytes.length * 8);
  const first = bytes.reduce((value, byte) => (value << 8n) | BigInt(byte), 0n);
  const size = 1n << (bits - BigInt(cidr.prefix));
  const value = first + (offset < 0 ? size + BigInt(offset) : BigInt(offset));
  return ipaddr.fromByteArray(
    bytes.map((_, index) => Number((value >> (bits - 8n * BigInt(index + 1))) & 0xffn)),
  );
}

/** The addresses that hosts can have, as text for an error message. */
export function usableRange(cidr: Cidr): string {
  return `${addressAt(cidr, 1).toString()} to ${addressAt(cidr, cidr.family === 4 ? -2 : -1).toString()}`;
}

/** An address in the kernel's spelling, since a host compares the text of its tables with its settings. */
export function canonical(text: string): string {
  return parseAddress(text)?.toString() ?? text;
}
