import { NIC, VNI } from "../../fleet.ts";
import type { FleetHost } from "../../fleet.ts";
import { PulumiTool } from "../../standing-up/pulumiTool.ts";
import { addressIn } from "../network.ts";
import type { Network } from "../network.ts";
import type { TrafficLab } from "../trafficLab.ts";

/** The networks that the kernel itself carries. None of them encrypts. */

export const UNDERLAY = "bare underlay (plain)";
export const OVERLAY = "this overlay (plain)";
export const HAND_TYPED = "hand-typed VXLAN (plain)";

const VXLAN_OVERHEAD = 50;
const hostAt = (lab: TrafficLab, index: number) => lab.hosts[index] as FleetHost;

const underlay: Network = {
  name: UNDERLAY,
  isUserspacePeer: false,
  start: () => Promise.resolve(),
  address: (lab, index) => hostAt(lab, index).underlay,
  mtu: (nic) => nic,
};

const overlay: Network = {
  name: OVERLAY,
  isUserspacePeer: false,
  start: (lab) => new PulumiTool(OVERLAY, lab.benchLab).apply(lab.hosts, VNI),
  stop: (lab) => new PulumiTool(OVERLAY, lab.benchLab).remove(lab.hosts),
  address: (lab, index) => hostAt(lab, index).overlay,
  mtu: (nic) => nic - VXLAN_OVERHEAD,
};

const TYPED_DEVICE = "typed0";

/** The commands of the reference, with another VNI, and the kernel's own port, so that it can stand beside the overlay. */
const handTyped: Network = {
  name: HAND_TYPED,
  isUserspacePeer: false,
  start: async (lab) => {
    const macs: string[] = [];
    for (const [index, { name }] of lab.hosts.entries()) {
      const ip = (...args: string[]) => lab.runIn(name, ["ip", ...args]);
      await ip("link", "add", TYPED_DEVICE, "type", "vxlan", "id", "200", "dev", NIC, "dstport", "8472");
      await ip("addr", "add", `${addressIn(1, index)}/24`, "dev", TYPED_DEVICE);
      await ip("link", "set", "up", "dev", TYPED_DEVICE);
      const link = await ip("-o", "link", "show", "dev", TYPED_DEVICE);
      macs.push(/link\/ether (\S+)/.exec(link)?.[1] ?? "");
    }
    for (const { name } of lab.hosts)
      for (const [index, peer] of lab.hosts.entries()) {
        if (peer.name === name) continue;
        const mac = macs[index] ?? "";
        await lab.runIn(name, ["bridge", "fdb", "append", mac, "dev", TYPED_DEVICE, "dst", peer.underlay]);
        const neighbour = ["to", addressIn(1, index), "lladdr", mac, "dev", TYPED_DEVICE, "nud", "permanent"];
        await lab.runIn(name, ["ip", "neigh", "replace", ...neighbour]);
      }
  },
  stop: async (lab) => {
    for (const { name } of lab.hosts) await lab.runIn(name, ["ip", "link", "del", TYPED_DEVICE]);
  },
  address: (_lab, index) => addressIn(1, index),
  mtu: (nic) => nic - VXLAN_OVERHEAD,
};

export const KERNEL_NETWORKS: readonly Network[] = [underlay, overlay, handTyped];
