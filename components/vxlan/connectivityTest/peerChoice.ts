/** Peers that one host probes in one run. In larger fleets each run takes the next ones. */
export const PEERS_A_RUN = 16;

/**
 * The peers that a host probes in this run: the ones that follow it in the ring of all names, so that every host is
 * probed by as many as it probes itself.
 *
 * @param names of all hosts that are up
 * @param turn counts the runs: after `(names - 1) / PEERS_A_RUN` of them every pair has been probed
 */
export function choosePeers(names: readonly string[], name: string, turn: number): string[] {
  const ring = [...names].sort();
  const own = ring.indexOf(name);
  const peers = [...ring.slice(own + 1), ...ring.slice(0, own)];
  if (peers.length <= PEERS_A_RUN) return peers;
  const first = (turn * PEERS_A_RUN) % peers.length;
  return [...peers.slice(first), ...peers.slice(0, first)].slice(0, PEERS_A_RUN);
}

/** The host next to it in the ring, which sends a host the bytes of `TRANSFER_BYTES`. */
export function transferPeer(names: readonly string[], name: string): string | undefined {
  return choosePeers(names, name, 0)[0];
}
