import { PEERS_A_RUN, choosePeers } from "../components/vxlan/connectivityTest/peerChoice.ts";

/** Hosts of a fleet in which each one sends echoes to all others. In larger fleets it sends them to some, in turn. */
const FULL_MATRIX = 32;

/**
 * Peers that a host tests TCP to where there are more than `up` tests in a run. Each connection starts a process of the
 * peer's sshd, which costs as much as the echoes to three peers.
 */
export const TCP_PEERS = 4;

/** Which peers a host probes in one run, by name. */
interface ProbePlan {
  peers: readonly string[];
  /** Those of them to which TCP is tested as well. */
  tcpPeers: readonly string[];
  /** The one of these that sends it a transfer. Each host is the sender for one other. */
  sender: string | undefined;
}

/**
 * Chooses the peers of a host. Each host is the peer of as many hosts as it has peers, for TCP too.
 *
 * @param names of all hosts that are up
 * @param turn number of the run; runs in a row cover every pair
 */
export function probePlan(names: readonly string[], name: string, turn: number): ProbePlan {
  const otherNames = names.filter((other) => other !== name);
  const tcpCount = otherNames.length <= PEERS_A_RUN ? PEERS_A_RUN : TCP_PEERS;
  const tcpPeers = choosePeers(names, name, turn, tcpCount);
  const probedPeers = [...choosePeers(names, name, turn), ...tcpPeers];
  const peers =
    names.length <= FULL_MATRIX ? otherNames : otherNames.filter((other) => probedPeers.includes(other));
  return { peers, tcpPeers, sender: tcpPeers[0] };
}
