import type { PeersPlan } from "../plan.ts";
import { PROGRAM, asRoot, lines } from "./phase.ts";
import type { OverlayIdentity, Phase } from "./phase.ts";
import { removalCommand } from "./removal.ts";

/** Seconds after which the remote side is ended: a hung host must not hang `pulumi up`. */
const TIME_LIMIT = 60;

/**
 * Phase peers: one command, however many peers there are.
 *
 * @param resource digest of the phase's resource
 */
export function peersPhase({ overlay }: OverlayIdentity, resource: string, plan: PeersPlan): Phase {
  const settings = peersSettings(resource, plan);
  return {
    create: asRoot(
      TIME_LIMIT,
      `${PROGRAM} peers ${overlay}`,
      "if it is missing, the host was re-imaged: raise its generation",
    ),
    delete: removalCommand(`${PROGRAM} remove-peers ${overlay} ${plan.installation} ${resource}`),
    stdin: settings,
    settings,
  };
}

/** The peers of one host, as they are stored on the host. The last line tells whether they came whole. */
export function peersSettings(resource: string, { installation, mtu, peers }: PeersPlan): string {
  return lines(
    `resource ${resource}`,
    `installation ${installation}`,
    `mtu ${mtu}`,
    ...peers.map(
      (peer) => `peer ${peer.name} ${peer.mac} ${peer.underlayAddress} ${peer.overlayAddresses.join(" ")}`,
    ),
    "end",
  );
}
