import type { VxlanOverlayArgs } from "./overlayArguments.ts";
import { parseCidr } from "./vxlan/addresses.ts";
import type { Problem } from "./vxlan/problems.ts";
import { withDefaults } from "./vxlan/settings.ts";
import { validateHostKey } from "./vxlan/validation/hostKey.ts";
import { validateJumpHost, validateVia } from "./vxlan/validation/jumpHosts.ts";
import { validateJumpHostLogin, validateLogin } from "./vxlan/validation/login.ts";
import { OVERLAY_PATHS, validateOverlay } from "./vxlan/validation/overlay.ts";
import type { PartialHost } from "./vxlan/validation/overlay.ts";
import { ResolvedAddresses } from "./vxlan/validation/underlayAddresses.ts";

/** All problems of the arguments of a `VxlanOverlay` that are known before anything is created. */
export function validateOverlayArgs(args: VxlanOverlayArgs): Problem[] {
  return [
    ...validateOverlay(withDefaults(args), partialHosts(args), OVERLAY_PATHS),
    ...Object.entries(args.hosts).flatMap(([host, { ssh }]) => [
      ...validateHostKey(`hosts.${host}.ssh.hostKey`, ssh.hostKey),
      ...validateLogin(`hosts.${host}.ssh`, ssh),
    ]),
    ...validateJumpHosts(args),
  ];
}

function validateJumpHosts({ hosts, cidrs }: VxlanOverlayArgs): Problem[] {
  const parsedCidrs = cidrs.map(parseCidr);
  const reachOfHosts = Object.fromEntries(
    Object.entries(hosts).map(([host, { ssh, via, down }]) => [
      host,
      { via, down, hasJumpHost: ssh.proxy !== undefined },
    ]),
  );
  const addresses = Object.fromEntries(
    Object.entries(hosts).map(([host, { ssh, underlayAddress }]) => [host, [ssh.host, underlayAddress]]),
  );
  return Object.entries(hosts).flatMap(([host, { ssh, via }]) => {
    const { proxy } = ssh;
    const path = `hosts.${host}.ssh.proxy`;
    return [
      ...(via === undefined ? [] : validateVia(via, reachOfHosts, `hosts.${host}.via`)),
      ...(proxy ? validateHostKey(`${path}.hostKey`, proxy.hostKey) : []),
      ...(proxy ? validateJumpHostLogin(path, ssh, proxy) : []),
      ...(proxy && via === undefined ? validateJumpHost(proxy, path, parsedCidrs, "cidrs", addresses) : []),
    ];
  });
}

function partialHosts({ hosts }: VxlanOverlayArgs): Record<string, PartialHost> {
  return Object.fromEntries(
    Object.entries(hosts).map(([host, { underlayAddress, overlayAddresses, ssh }]) => [
      host,
      { underlayAddress, overlayAddresses, sshAddress: ssh.host },
    ]),
  );
}

/** Validates underlay addresses that are known only later, as outputs. */
export function resolvedAddresses(args: VxlanOverlayArgs): ResolvedAddresses {
  return new ResolvedAddresses(args.cidrs.map(parseCidr), partialHosts(args), OVERLAY_PATHS);
}
