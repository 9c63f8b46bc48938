import { networkContaining, parseCidr } from "../addresses.ts";
import type { Problem } from "../problems.ts";
import { unusableRange } from "./addresses.ts";

/** Checks an overlay's CIDRs: one at least, and one of each family at most. */
export function validateCidrs(texts: readonly string[], path: string): Problem[] {
  const problems: Problem[] = [];
  if (texts.length === 0) {
    problems.push({ path, message: "no overlay network is given: give one CIDR, such as 192.168.0.0/24." });
  }
  const cidrByFamily = new Map<number, string>();
  texts.forEach((text, index) => {
    const cidrPath = `${path}[${index}]`;
    const message = problemWithCidr(text);
    if (message !== undefined) problems.push({ path: cidrPath, message });
    const family = parseCidr(text)?.family;
    if (family === undefined) return;
    const other = cidrByFamily.get(family);
    if (other !== undefined) {
      problems.push({
        path: cidrPath,
        message: `${text} is the second IPv${family} network after ${other}: an overlay has one of each family at most.`,
      });
    }
    cidrByFamily.set(family, text);
  });
  return problems;
}

function problemWithCidr(text: string): string | undefined {
  const cidr = parseCidr(text);
  if (!cidr) {
    const network = networkContaining(text);
    return network
      ? `${text} has bits set behind its prefix: did you mean ${network.text}?`
      : `"${text}" is no CIDR: write a network and its prefix length, such as 192.168.0.0/24.`;
  }
  const [shortest, longest] = cidr.family === 4 ? [8, 30] : [16, 126];
  if (cidr.prefix < shortest || cidr.prefix > longest) {
    return `${text} cannot hold an overlay: use a prefix length from /${shortest} to /${longest}.`;
  }
  const range = unusableRange(cidr.network);
  return range === undefined
    ? undefined
    : `${text} starts with ${range}: use a private network, such as 192.168.0.0/24.`;
}
