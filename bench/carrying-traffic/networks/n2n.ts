import type { FleetHost } from "../../fleet.ts";
import { addressIn } from "../network.ts";
import type { Network } from "../network.ts";

const PORT = "7654";
/** Its own default; it has buffers of 2,048 bytes. */
const MTU = 1_400;

/** Debian's n2n, which is of 2018: no registry has a newer one. */
export const n2n: Network = {
  name: "n2n 1.3 (encrypts)",
  isUserspacePeer: true,
  start: (lab) => {
    const [supernode] = lab.hosts as readonly [FleetHost];
    lab.start(supernode.name, ["supernode", "-l", PORT]);
    for (const [index, { name }] of lab.hosts.entries())
      lab.start(name, [
        ...["edge", "-d", "bench-n2n", "-a", addressIn(6, index), "-s", "255.255.255.0", "-c", "bench"],
        ...["-k", "bench", "-l", `${supernode.underlay}:${PORT}`, "-M", `${MTU}`],
      ]);
    return Promise.resolve();
  },
  address: (_lab, index) => addressIn(6, index),
  mtu: () => MTU,
};
