import { DEVICE } from "../fleet.ts";
import type { FleetHost } from "../fleet.ts";
import { UNIT_CPU } from "./hostSide.ts";

/** What somebody else on a host may do to the overlay, and how long the host takes to repair it. */

export interface Fault {
  name: string;
  /** Bash that causes it. */
  script: string;
  /** Seconds within which docs/architecture.md says that it is repaired. */
  limit: number;
}

/** The kernel reports a change, and a burst of changes becomes one run. */
const REPORTED = 2;
/** Firewalls report nothing: the unit looks every 25 s. */
const LOOKED_AT = 30;

export function faultsOf(own: FleetHost, peer: FleetHost): Fault[] {
  const peerMac = `$(ip neigh show ${peer.overlay} dev ${DEVICE} | grep -o '..:..:..:..:..:..')`;
  const reported = (name: string, script: string): Fault => ({ name, script, limit: REPORTED });
  const lookedAt = (name: string, script: string): Fault => ({ name, script, limit: LOOKED_AT });
  return [
    reported("device deleted", `ip link del dev ${DEVICE}`),
    reported("device down", `ip link set dev ${DEVICE} down`),
    reported("MTU changed", `ip link set dev ${DEVICE} mtu 1280`),
    reported("overlay address removed", `ip address flush dev ${DEVICE} to ${own.overlay}`),
    reported("FDB entry removed", `bridge fdb del ${peerMac} dev ${DEVICE} dst ${peer.underlay}`),
    reported("FDB entry changed", `bridge fdb replace ${peerMac} dev ${DEVICE} dst 192.0.2.1 self permanent`),
    reported(
      "all-zero FDB entry removed",
      `bridge fdb del 00:00:00:00:00:00 dev ${DEVICE} dst ${peer.underlay}`,
    ),
    reported("neighbour entry removed", `ip neigh del ${peer.overlay} dev ${DEVICE}`),
    reported("peer filter removed", "nft delete table ip oci-vxlan"),
    lookedAt(
      "jump in iptables removed",
      'eval "iptables -w $(iptables -w -S INPUT | grep -m 1 oci-vxlan | sed s/-A/-D/)"',
    ),
  ];
}

/** Bash that waits until the unit has nothing to do, causes a fault, waits until device, tables and firewall are as before, and prints the seconds. */
export const repairScript = ({ script }: Fault): string => `
set -euo pipefail
state() {
	ip -d -o link show dev ${DEVICE} | sed -E 's/^[0-9]+: //'
	ip -o address show dev ${DEVICE} scope global | sed -E 's/^[0-9]+: //'
	{ bridge fdb show dev ${DEVICE}; ip neigh show dev ${DEVICE} nud permanent; } | sort
	nft -s list table ip oci-vxlan
	iptables -w -S
}
${UNIT_CPU}
until ticks=$(spent); sleep 2; [[ $(spent) == "$ticks" ]]; do :; done
before=$(state)
start=$EPOCHREALTIME
${script}
if [[ $(state 2>&1 || true) == "$before" ]]; then echo "nothing has changed"; exit 1; fi
until [[ $(state 2>&1 || true) == "$before" ]]; do sleep 0.02; done
awk -v start="$start" -v end="$EPOCHREALTIME" 'BEGIN { printf "%.3f", end - start }'
`;
