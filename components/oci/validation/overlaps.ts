import { contains, overlaps, parseAddress, parseCidr } from "../../vxlan/addresses.ts";
import type { Problem } from "../../vxlan/problems.ts";
import { lockOut } from "../../vxlan/validation/sshAddresses.ts";
import type { EnvironmentSettings, InstanceSettings } from "../settings.ts";

/**
 * An operator CIDR with a shorter prefix means anyone, as 0.0.0.0/0 does, and is not compared with the overlay. The
 * largest private networks, 10.0.0.0/8 and fd00::/8, are.
 */
const SHORTEST_OPERATOR_PREFIX = 8;

/** A network of the underlay, and where the user's input names it. */
export interface Underlay {
  text: string | undefined;
  path: string;
}

/** Compares the overlay with the networks that are created. */
export function validateUnderlayOverlap(
  environment: EnvironmentSettings,
  instances: Readonly<Record<string, InstanceSettings>>,
): Problem[] {
  const { network } = environment;
  const underlays = [
    { text: network?.vcn?.cidr, path: "network.vcn.cidr" },
    ...Object.entries(network?.subnets ?? {}).map(([name, { cidr }]) => ({
      text: network?.vcn?.cidr === undefined ? cidr : undefined,
      path: `network.subnets.${name}.cidr`,
    })),
  ];
  return validateOverlap(environment, instances, underlays);
}

/** An overlay network that overlaps the VCN would hide that part of the VCN from the hosts. */
export function validateOverlap(
  { overlay }: EnvironmentSettings,
  instances: Readonly<Record<string, InstanceSettings>>,
  underlays: readonly Underlay[],
): Problem[] {
  const addresses = Object.values(instances).flatMap(({ privateIp }) => parseAddress(privateIp ?? "") ?? []);
  return (overlay.cidrs ?? []).flatMap((text, index) => {
    const cidr = parseCidr(text);
    // The overlay's own checks report an address that lies in the overlay network.
    if (!cidr || addresses.some((address) => contains(cidr, address))) return [];
    return underlays.flatMap((underlay) => {
      const other = parseCidr(underlay.text ?? "");
      if (!other || !overlaps(cidr, other)) return [];
      return [
        {
          path: `overlay.cidrs[${index}]`,
          message: `${cidr.text} overlaps ${other.text} at ${underlay.path}: choose an overlay network apart from the underlay.`,
        },
      ];
    });
  });
}

/** An overlay network that overlaps the operators' network would take the hosts' answers to them. */
export function validateOperatorOverlap({ network, overlay }: EnvironmentSettings): Problem[] {
  const operators = (network?.operatorCidrs ?? []).map((text) => parseCidr(text));
  return (overlay.cidrs ?? []).flatMap((text, index) => {
    const cidr = parseCidr(text);
    if (!cidr) return [];
    return operators.flatMap((operator, position) => {
      if (!operator || operator.prefix < SHORTEST_OPERATOR_PREFIX || !overlaps(cidr, operator)) return [];
      const path = `network.operatorCidrs[${position}]`;
      const narrowerAdvice = operator.prefix < cidr.prefix ? `, or give narrower CIDRs at ${path}` : "";
      return [
        {
          path: `overlay.cidrs[${index}]`,
          message: `${cidr.text} overlaps ${operator.text} at ${path}: ${lockOut(cidr)}${narrowerAdvice}.`,
        },
      ];
    });
  });
}
