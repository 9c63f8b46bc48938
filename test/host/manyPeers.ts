import type { Peer } from "../../components/vxlan/plan.ts";

const octets = (index: number) => [index >> 8, index & 255] as const;

/** Peers at the underlay addresses 10.200.0.0, 10.200.0.1 …, with the overlay addresses 192.168.0.0, 192.168.0.1 … */
export const manyPeers = (count: number): Peer[] =>
  Array.from({ length: count }, (_, index) => {
    const [high, low] = octets(index);
    const hex = (octet: number) => octet.toString(16).padStart(2, "0");
    return {
      name: `host${index}`,
      mac: `5e:00:00:00:${hex(high)}:${hex(low)}`,
      underlayAddress: `10.200.${high}.${low}`,
      overlayAddresses: [`192.168.${high}.${low}`],
    };
  });
