import { parseCidr } from "../addresses.ts";
import { validateMtu } from "../mtu.ts";
import type { Problem } from "../problems.ts";
import type { HostMap, HostSettings, OverlaySettings } from "../settings.ts";
import { validateChoices, validateConfirmTimeout, validateDevice } from "./device.ts";
import { validateNames, validateOverlayAddresses, validateUnderlay } from "./hosts.ts";
import { validateCidrs, validateSeparation, validateSshAddresses } from "./networks.ts";

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

/**
 * Everything that is wrong with an overlay and its hosts, all at once; an empty list when nothing is.
 *
 * @param largestUnderlayMtu MTU in bytes that no NIC of the hosts exceeds
 */
export function validateOverlay(
  overlay: OverlaySettings,
  hosts: HostMap<PartialHost>,
  largestUnderlayMtu: number,
  paths: Paths = COMPONENT_PATHS,
): Problem[] {
  const at = (key: string) => (paths.overlay === "" ? key : `${paths.overlay}.${key}`);
  const cidrs = overlay.cidrs.map((text) => parseCidr(text));
  return [
    ...validateDevice(overlay, at),
    ...validateChoices(overlay, at),
    ...validateCidrs(overlay.cidrs, at("cidrs")),
    ...validateMtu(overlay, cidrs, largestUnderlayMtu, at("mtu")),
    ...validateConfirmTimeout(overlay, at("confirmTimeout")),
    ...validateNames(hosts),
    ...validateUnderlay(hosts, paths),
    ...validateSeparation(cidrs, hosts, at("cidrs"), paths),
    ...validateSshAddresses(cidrs, hosts, at("cidrs"), paths),
    ...validateOverlayAddresses(cidrs, hosts),
  ];
}
