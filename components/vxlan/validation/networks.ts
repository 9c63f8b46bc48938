import { canonical, contains, networkContaining, parseAddress, parseCidr } from "../addresses.ts";
import type { Cidr } from "../addresses.ts";
import type { Problem } from "../problems.ts";
import type { HostMap } from "../settings.ts";
import type { PartialHost, Paths } from "./overlay.ts";
import { UNUSABLE } from "./ranges.ts";

export function validateCidrs(texts: readonly string[], path: string): Problem[] {
  const problems: Problem[] = [];
  if (texts.length === 0) {
    problems.push({ path, message: "no overlay network is given: give one CIDR, such as 192.168.0.0/24." });
  }
  const families = new Map<number, string>();
  texts.forEach((text, index) => {
    const wrong = problemWithCidr(text);
    if (wrong !== undefined) problems.push({ path: `${path}[${index}]`, message: wrong });
    const family = parseCidr(text)?.family;
    if (family === undefined) return;
    const other = families.get(family);
    if (other !== undefined) {
      problems.push({
        path: `${path}[${index}]`,
        message: `${text} is the second IPv${family} network after ${other}: an overlay has one of each family at most.`,
      });
    }
    families.set(family, text);
  });
  return problems;
}

function problemWithCidr(text: string): string | undefined {
  const cidr = parseCidr(text);
  if (!cidr) {
    const meant = networkContaining(text);
    return meant
      ? `${text} has bits set behind its prefix: did you mean ${meant.text}?`
      : `"${text}" is no CIDR: write a network and its prefix length, such as 192.168.0.0/24.`;
  }
  const [shortest, longest] = cidr.family === 4 ? [8, 30] : [16, 126];
  if (cidr.prefix < shortest || cidr.prefix > longest) {
    return `${text} cannot hold an overlay: use a prefix length from /${shortest} to /${longest}.`;
  }
  const range = UNUSABLE[cidr.network.range()];
  return range === undefined
    ? undefined
    : `${text} starts with ${range}: use a private network, such as 192.168.0.0/24.`;
}

/** An overlay network that holds an underlay address would route the tunnel into itself. */
export function validateSeparation(
  cidrs: readonly (Cidr | undefined)[],
  hosts: HostMap<PartialHost>,
  path: string,
  paths: Paths,
): Problem[] {
  const problems: Problem[] = [];
  for (const [name, { underlayAddress }] of Object.entries(hosts)) {
    const address = parseAddress(underlayAddress ?? "");
    cidrs.forEach((cidr, index) => {
      if (!address || !cidr || !contains(cidr, address)) return;
      problems.push({
        path: `${path}[${index}]`,
        message:
          `${cidr.text} overlaps the underlay: it holds ${underlayAddress}, the underlay address at ` +
          `${paths.underlayAddress(name)}. Choose an overlay network that no underlay address lies in.`,
      });
    });
  }
  return problems;
}

/** An overlay network that holds the address behind an SSH connection cuts that connection off. */
export function validateSshAddresses(
  cidrs: readonly (Cidr | undefined)[],
  hosts: HostMap<PartialHost>,
  path: string,
  paths: Paths,
): Problem[] {
  return Object.entries(hosts).flatMap(([name, { sshAddress = "", underlayAddress = "" }]) => {
    const address = parseAddress(sshAddress); // Undefined for a name: what it resolves to may change.
    // validateSeparation names an underlay address.
    if (!address || canonical(sshAddress) === canonical(underlayAddress)) return [];
    return cidrs.flatMap((cidr, index) => {
      if (!cidr || !contains(cidr, address)) return [];
      return [
        {
          path: `${path}[${index}]`,
          message: `${cidr.text} holds ${sshAddress}, the SSH address at ${paths.sshAddress(name)}: ${lockOut(cidr)}.`,
        },
      ];
    });
  });
}

/** What an overlay network does that overlaps the network of an SSH connection, and which network to choose instead. */
export function lockOut({ family }: Cidr): string {
  const ranges = family === 4 ? "10.0.0.0/8, 172.16.0.0/12 or 192.168.0.0/16" : "fd00::/8";
  return (
    "the host would send its answers to you into the overlay, and nobody could log in any more. " +
    `Choose a part of ${ranges} that is in use neither where you come from nor at the hosts`
  );
}
