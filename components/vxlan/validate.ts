import {
  addressAt,
  canonical,
  contains,
  networkContaining,
  parseAddress,
  parseCidr,
  usableRange,
} from "./addresses.ts";
import type { Address, Cidr } from "./addresses.ts";
import { OCI_UNDERLAY_MTU, SMALLEST_MTU, VXLAN_OVERHEAD } from "./settings.ts";
import type { HostMap, HostSettings, OverlaySettings } from "./settings.ts";

/** One thing that is wrong: where (a path into what the user gave), what, and what would be right. */
export interface Problem {
  /** Dotted path, for example `hosts.host01.overlayAddresses[0]`. */
  path: string;
  message: string;
}

/** A host as far as it is known: a provisioned host has no underlay address before it exists. */
export type PartialHost = Pick<HostSettings, "overlayAddresses"> & {
  underlayAddress?: string;
  /** Address or name that SSH connects to. */
  sshAddress?: string;
};

/** Where in the user's input the parts stand; the stack config nests what the component takes flat. */
export interface Paths {
  overlay: string;
  underlayAddress: (host: string) => string;
  sshAddress: (host: string) => string;
}

const COMPONENT_PATHS: Paths = {
  overlay: "",
  underlayAddress: (host) => `hosts.${host}.underlayAddress`,
  sshAddress: (host) => `hosts.${host}.ssh.host`,
};

const LARGEST_VNI = 2 ** 24 - 1;
/** What the kernel and its /proc/sys/net mean by a device of that name is not one that can be made. */
const TAKEN_NAMES = ["lo", "all", "default"];
const LARGEST_MTU = OCI_UNDERLAY_MTU - VXLAN_OVERHEAD;
/** Seconds. Less would take back a good change on a slow connection; more would leave a host cut off for over an hour. */
const CONFIRM_TIMEOUT = { shortest: 30, longest: 3600 } as const;

/** Ranges that no host on an overlay can have: what ipaddr.js calls them, in the words of an error. */
const UNUSABLE: Readonly<Record<string, string>> = {
  unspecified: "the unspecified address",
  broadcast: "the broadcast address",
  multicast: "a multicast address",
  linkLocal: "a link-local address",
  loopback: "a loopback address",
};

/** Everything that is wrong with an overlay and its hosts, all at once; an empty list when nothing is. */
export function validateOverlay(
  overlay: OverlaySettings,
  hosts: HostMap<PartialHost>,
  paths: Paths = COMPONENT_PATHS,
): Problem[] {
  const at = (key: string) => (paths.overlay === "" ? key : `${paths.overlay}.${key}`);
  const cidrs = overlay.cidrs.map((text) => parseCidr(text));
  return [
    ...validateDevice(overlay, at),
    ...validateChoices(overlay, at),
    ...validateCidrs(overlay.cidrs, at("cidrs")),
    ...validateMtu(overlay, cidrs, at("mtu")),
    ...validateConfirmTimeout(overlay, at("confirmTimeout")),
    ...validateNames(hosts),
    ...validateUnderlay(hosts, paths),
    ...validateSeparation(cidrs, hosts, at("cidrs"), paths),
    ...validateSshAddresses(cidrs, hosts, at("cidrs"), paths),
    ...validateOverlayAddresses(cidrs, hosts),
  ];
}

/** Whether stack and component can name an overlay's files and unit on a host, and stand in a command there. */
export function validateIdentity(overlay: string): Problem[] {
  if (/^[A-Za-z0-9][A-Za-z0-9._-]{0,100}$/.test(overlay)) return [];
  return [
    {
      path: "<stack>.<name>",
      message:
        `"${overlay}" names files on the hosts: begin with a letter or digit, go on with letters, digits, ".", "_" or "-", ` +
        `and use at most 101 characters. Rename the stack or the component.`,
    },
  ];
}

function validateDevice({ device, vni, port }: OverlaySettings, at: (key: string) => string): Problem[] {
  const problems: Problem[] = [];
  if (!/^[A-Za-z][A-Za-z0-9_-]{0,14}$/.test(device) || TAKEN_NAMES.includes(device)) {
    problems.push({
      path: at("device"),
      message: `"${device}" is no device name: use a letter, then letters, digits, "-" or "_", at most 15 in all, such as vxlan0 (${TAKEN_NAMES.join(", ")} are the kernel's).`,
    });
  }
  if (!Number.isInteger(vni) || vni < 1 || vni > LARGEST_VNI) {
    problems.push({
      path: at("vni"),
      message: `${vni} is no VNI: it has 24 bits, so use a whole number from 1 to ${LARGEST_VNI}.`,
    });
  }
  if (!Number.isInteger(port) || port < 1 || port > 65535) {
    problems.push({
      path: at("port"),
      message: `${port} is no UDP port: use 4789 (IANA's VXLAN port), 8472 (for peers set up by hand), or another from 1 to 65535.`,
    });
  }
  return problems;
}

function validateChoices(
  { overlayIngress, hostFirewall }: OverlaySettings,
  at: (key: string) => string,
): Problem[] {
  const problems: Problem[] = [];
  if (overlayIngress !== "all" && overlayIngress !== "none") {
    problems.push({
      path: at("overlayIngress"),
      message: `"${overlayIngress}" is neither "all" (hosts admit what arrives by the overlay) nor "none".`,
    });
  }
  if (hostFirewall !== "manage" && hostFirewall !== "leave") {
    problems.push({
      path: at("hostFirewall"),
      message: `"${hostFirewall}" is neither "manage" (the overlay is let through the host's firewall) nor "leave".`,
    });
  }
  return problems;
}

function validateCidrs(texts: readonly string[], path: string): Problem[] {
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

function validateMtu(
  { mtu }: OverlaySettings,
  cidrs: readonly (Cidr | undefined)[],
  path: string,
): Problem[] {
  if (mtu === undefined) return [];
  const smallest = cidrs.some((cidr) => cidr?.family === 6) ? SMALLEST_MTU[6] : SMALLEST_MTU[4];
  if (Number.isInteger(mtu) && mtu >= smallest && mtu <= LARGEST_MTU) return [];
  const cause =
    mtu >= SMALLEST_MTU[4] && mtu < smallest
      ? `${mtu} is too small: IPv6 needs ${smallest} bytes`
      : `${mtu} cannot fit: VXLAN adds ${VXLAN_OVERHEAD} bytes and the largest underlay MTU is ${OCI_UNDERLAY_MTU}`;
  return [
    {
      path,
      message: `${cause}, so use a whole number from ${smallest} to ${LARGEST_MTU}, or leave it out to have it measured.`,
    },
  ];
}

function validateConfirmTimeout({ confirmTimeout }: OverlaySettings, path: string): Problem[] {
  const { shortest, longest } = CONFIRM_TIMEOUT;
  if (Number.isInteger(confirmTimeout) && confirmTimeout >= shortest && confirmTimeout <= longest) return [];
  return [
    {
      path,
      message: `${confirmTimeout} is no time to wait for a new SSH session: use whole seconds from ${shortest} to ${longest}.`,
    },
  ];
}

function validateNames(hosts: HostMap<unknown>): Problem[] {
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

function validateUnderlay(hosts: HostMap<PartialHost>, paths: Paths): Problem[] {
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

/** An overlay network that holds an underlay address would route the tunnel into itself. */
function validateSeparation(
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
function validateSshAddresses(
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

function validateOverlayAddresses(
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

/**
 * Checks a host's public key, which every connection to it pins: without one the provider takes any machine for the
 * host. Nothing is said about a key that is not known yet.
 */
export function validateHostKey(path: string, key: unknown): Problem[] {
  if (key === undefined) {
    return [
      {
        path,
        message: `no host key is pinned, and without one any machine could answer in the host's place: give the host's public key ${WHERE_KEYS_ARE}.`,
      },
    ];
  }
  if (typeof key !== "string" || HOST_KEY.test(key)) return [];
  return [
    {
      path,
      message: key.startsWith("ssh-rsa")
        ? "an RSA host key pins SHA-1 signatures, which current OpenSSH refuses: give the host's ed25519 or ECDSA key."
        : `"${key.slice(0, 40)}" is no public host key: give one line such as "ssh-ed25519 AAAA…" ${WHERE_KEYS_ARE}.`,
    },
  ];
}

const HOST_KEY = /^(ssh-ed25519|ecdsa-sha2-nistp(256|384|521)) [A-Za-z0-9+/]+={0,2}( .*)?\s*$/;
const WHERE_KEYS_ARE = "(on the host: cat /etc/ssh/ssh_host_ed25519_key.pub)";

/** The problems as one text for a person, a line each. No private key that was put in a wrong place stands in it. */
export function describeProblems(problems: readonly Problem[]): string {
  return problems
    .map(({ path, message }) => `  ${path}: ${QUOTED_KEY.test(message) ? MISPLACED_KEY : message}`)
    .join("\n");
}

/** The head of a private key with something of the key behind it, as text or as JSON. */
const QUOTED_KEY = /PRIVATE KEY-----(\s|\\[nr])*[A-Za-z0-9+/=]/;
const MISPLACED_KEY =
  "a private key stands here, where it would be shown: take it out, and store it with " +
  "`pulumi config set --secret sshPrivateKey < FILE` or name its file in ssh.privateKeyPath.";
