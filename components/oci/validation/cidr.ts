import { networkContaining, parseCidr } from "../../vxlan/addresses.ts";
import type { Problem } from "../../vxlan/problems.ts";

/** A network of a size that OCI takes: IPv4, /16 to /30. */
export function validateCidr(text: string, path: string, what: string): Problem[] {
  const cidr = parseCidr(text);
  if (!cidr) return [{ path, message: notACidr(text, "10.0.0.0/16") }];
  if (cidr.family !== 4) {
    return [
      { path, message: `${text} is an IPv6 network: the hosts' underlay is IPv4, so give an IPv4 CIDR.` },
    ];
  }
  if (cidr.prefix < 16 || cidr.prefix > 30) {
    return [
      { path, message: `${text} is not what OCI takes for ${what}: use a prefix length from /16 to /30.` },
    ];
  }
  return [];
}

export function notACidr(text: string, example: string): string {
  const meant = networkContaining(text);
  return meant
    ? `${text} has bits set behind its prefix: did you mean ${meant.text}?`
    : `"${text}" is no CIDR: write a network and its prefix length, such as ${example}.`;
}
