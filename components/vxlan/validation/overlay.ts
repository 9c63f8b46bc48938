import { parseCidr } from "../addresses.ts";
import { validateMtu } from "../mtu.ts";
import { joinPath } from "../problems.ts";
import type { Problem } from "../problems.ts";
import type { HostMap, HostSettings, OverlaySettings } from "../settings.ts";
import { validateHostNames } from "./hostNames.ts";
import { validateCidrs } from "./networks.ts";
import { validateOverlayAddresses } from "./overlayAddresses.ts";
import { validateChoices, validateConfirmTimeout, validateDevice, validateVerifyPort } from "./settings.ts";
import { validateSshAddresses } from "./sshAddresses.ts";
import { validateSeparation, validateUnderlayAddresses } from "./underlayAddresses.ts";

/** A host before it exists. An address that is no text, such as an output, is not checked. */
export type PartialHost = Pick<HostSettings, "overlayAddresses"> & {
  underlayAddress?: unknown;
  /** Address or name that SSH connects to. */
  sshAddress?: unknown;
};

/** Where values stand in the user's input. An environment nests them, and an overlay by itself does not. */
export interface Paths {
  overlay: string;
  underlayAddress: (host: string) => string;
  sshAddress: (host: string) => string;
}

/** The paths in the arguments of `VxlanOverlay`. */
export const OVERLAY_PATHS: Paths = {
  overlay: "",
  underlayAddress: (host) => `hosts.${host}.underlayAddress`,
  sshAddress: (host) => `hosts.${host}.ssh.host`,
};

/** All problems of an overlay and its hosts. */
export function validateOverlay(
  overlay: OverlaySettings,
  hosts: HostMap<PartialHost>,
  paths: Paths,
): Problem[] {
  const at = (key: string) => joinPath(paths.overlay, key);
  const cidrs = overlay.cidrs.map((text) => parseCidr(text));
  return [
    ...validateDevice(overlay, at),
    ...validateChoices(overlay, at),
    ...validateCidrs(overlay.cidrs, at("cidrs")),
    ...validateMtu(overlay, cidrs, at("mtu")),
    ...validateConfirmTimeout(overlay, at("confirmTimeout")),
    ...validateVerifyPort(overlay, at("verifyPort")),
    ...validateHostNames(hosts),
    ...validateUnderlayAddresses(hosts, paths),
    ...validateSeparation(cidrs, hosts, paths),
    ...validateSshAddresses(cidrs, hosts, paths),
    ...validateOverlayAddresses(cidrs, hosts),
  ];
}
