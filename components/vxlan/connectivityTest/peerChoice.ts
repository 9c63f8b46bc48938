/** Peers that one host probes in one run. In larger fleets each run takes the next ones. */
export const PEERS_A_RUN = 16;

/**
 * The peers that a host probes in this run. They follow it in a ring of all names, so every host is probed by as many
 * peers as it probes itself.
 *
 * @param names of all hosts that are up
 * @param turn number of the run; `(names - 1) / count` runs in a row cover every pair
 * @param count of peers in one run
 */
export function choosePeers(
  names: readonly string[],
  name: string,
  turn: number,
  count = PEERS_A_RUN,
): string[] {
  const ring = [...names].sort();
  const ownIndex = ring.indexOf(name);
  const peers = [...ring.slice(ownIndex + 1), ...ring.slice(0, ownIndex)];
  if (peers.length <= count) return peers;
  const first = (turn * count) % peers.length;
  return [...peers.slice(first), ...peers.slice(0, first)].slice(0, count);
}

/** The peer that a host receives a transfer from: the next one in the ring. */
export function transferPeer(names: readonly string[], name: string): string | undefined {
  return choosePeers(names, name, 0)[0];
}
