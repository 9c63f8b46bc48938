import type { PeersPlan } from "../plan.ts";
import { PROGRAM, asRoot, lines } from "./phase.ts";
import type { OverlayIdentity, Phase } from "./phase.ts";
import { removalCommand } from "./removal.ts";

/** Seconds after which the command is ended on the host. */
const TIME_LIMIT = 60;

/**
 * Phase peers: hands a host all its peers in one command.
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

/** The settings file with one host's peers. Its last line shows the host that nothing was cut off. */
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
