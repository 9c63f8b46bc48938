import { networkContaining, parseCidr } from "../../vxlan/addresses.ts";
import type { Problem } from "../../vxlan/problems.ts";

/**
 * Checks the CIDR of a VCN or subnet: IPv4, /16 to /30.
 *
 * @param kind for the message, for example "a VCN"
 */
export function validateCidr(text: string, path: string, kind: string): Problem[] {
  const cidr = parseCidr(text);
  if (!cidr) return [{ path, message: notACidr(text, "10.0.0.0/16") }];
  if (cidr.family !== 4) {
    return [
      { path, message: `${text} is an IPv6 network: the hosts' underlay is IPv4, so give an IPv4 CIDR.` },
    ];
  }
  if (cidr.prefix < 16 || cidr.prefix > 30) {
    return [
      { path, message: `${text} is not what OCI takes for ${kind}: use a prefix length from /16 to /30.` },
    ];
  }
  return [];
}

/** The message about text that is no CIDR. */
export function notACidr(text: string, example: string): string {
  const network = networkContaining(text);
  return network
    ? `${text} has bits set behind its prefix: did you mean ${network.text}?`
    : `"${text}" is no CIDR: write a network and its prefix length, such as ${example}.`;
}
