import { contains, parseAddress } from "../addresses.ts";
import type { Cidr } from "../addresses.ts";
import { joinPath } from "../problems.ts";
import type { Problem } from "../problems.ts";
import type { HostMap } from "../settings.ts";
import { firstPaths, unusableRange, validateUnique } from "./addresses.ts";
import type { AddressInput } from "./addresses.ts";
import type { PartialHost, Paths } from "./overlay.ts";

/** Checks the underlay addresses that are text. */
export function validateUnderlayAddresses(hosts: HostMap<PartialHost>, paths: Paths): Problem[] {
  const inputs = textInputs(hosts, paths);
  const pathsByAddress = firstPaths(inputs);
  return inputs.flatMap((input) => validateUnderlayAddress(input, pathsByAddress));
}

/** The underlay addresses that are text, and not outputs. */
function textInputs(hosts: HostMap<PartialHost>, paths: Paths): AddressInput[] {
  return Object.entries(hosts).flatMap(([name, { underlayAddress }]) =>
    typeof underlayAddress === "string" ? [{ text: underlayAddress, path: paths.underlayAddress(name) }] : [],
  );
}

function validateUnderlayAddress(
  input: AddressInput,
  pathsByAddress: ReadonlyMap<string, string>,
): Problem[] {
  const { text, path } = input;
  const address = parseAddress(text);
  if (address?.kind() !== "ipv4") {
    const message = `"${text}" is no IPv4 address: give the address that the host's own NIC carries, such as 10.196.218.222.`;
    return [{ path, message }];
  }
  const range = unusableRange(address);
  const problems =
    range === undefined ? [] : [{ path, message: `${text} is ${range}, which no NIC can carry as its own.` }];
  return [...problems, ...validateUnique(input, pathsByAddress)];
}

/** An overlay network that contains an underlay address would route the tunnel into itself. */
export function validateSeparation(
  cidrs: readonly (Cidr | undefined)[],
  hosts: HostMap<PartialHost>,
  paths: Paths,
): Problem[] {
  return Object.entries(hosts).flatMap(([name, { underlayAddress }]) => {
    const address = typeof underlayAddress === "string" ? parseAddress(underlayAddress) : undefined;
    return cidrs.flatMap((cidr, index): Problem[] => {
      if (!address || !cidr || !contains(cidr, address)) return [];
      return [
        {
          path: `${joinPath(paths.overlay, "cidrs")}[${index}]`,
          message:
            `${cidr.text} overlaps the underlay: it holds ${String(underlayAddress)}, the underlay address at ` +
            `${paths.underlayAddress(name)}. Choose an overlay network that no underlay address lies in.`,
        },
      ];
    });
  });
}

/**
 * Checks underlay addresses that are outputs, each as it becomes known, for example the address of a new instance. All
 * other arguments have been validated by then, so a check looks at one host and takes the same time in a fleet of any
 * size.
 */
export class ResolvedAddresses {
  private readonly cidrs: readonly (Cidr | undefined)[];
  private readonly paths: Paths;
  private readonly pathsByAddress: ReadonlyMap<string, string>;

  /** @param hosts whose underlay addresses may be text or outputs */
  constructor(cidrs: readonly (Cidr | undefined)[], hosts: HostMap<PartialHost>, paths: Paths) {
    this.cidrs = cidrs;
    this.paths = paths;
    this.pathsByAddress = firstPaths(textInputs(hosts, paths));
  }

  /** All problems of one host's address. */
  validate(name: string, underlayAddress: string): Problem[] {
    const input = { text: underlayAddress, path: this.paths.underlayAddress(name) };
    return [
      ...validateUnderlayAddress(input, this.pathsByAddress),
      ...validateSeparation(this.cidrs, { [name]: { underlayAddress, overlayAddresses: [] } }, this.paths),
    ];
  }
}
