import { COMPARTMENT } from "../lab/cloud/region.ts";
import type { Inventory } from "../lab/hosts/inventory.ts";

/** The fleets that the benches build: hosts in one subnet, by number. The first host is number 1. */

/** A host as all contenders know it. */
export interface FleetHost {
  name: string;
  /** Its addresses without prefix length. */
  underlay: string;
  overlay: string;
}

/** Name of the NIC on each host. */
export const NIC = "ens3";
export const OVERLAY_CIDR = "192.168.0.0/16";
const UNDERLAY_PREFIX = 16;
/** The underlay of all fleets. */
export const FLEET_CIDR = `10.200.0.0/${UNDERLAY_PREFIX}`;

/** Settings of the overlay that all contenders use; the VNI is what "one setting changed" changes. */
export const DEVICE = "vxlan0";
export const PORT = 4789;
export const VNI = 100;

export function fleet(size: number): FleetHost[] {
  return Array.from({ length: size }, (_, index) => fleetHost(index + 1));
}

function fleetHost(number: number): FleetHost {
  // The last octet runs from 1 to 250, so that no address is the subnet's first or last.
  const [high, low] = [Math.floor((number - 1) / 250), ((number - 1) % 250) + 2];
  return {
    name: `node${String(number).padStart(4, "0")}`,
    underlay: `10.200.${high}.${low}`,
    overlay: `192.168.${high}.${low}`,
  };
}

/** The machines of a fleet as the lab boots them. */
export function inventoryOf(hosts: readonly FleetHost[]): Inventory {
  return Object.fromEntries(
    hosts.map(({ name, underlay }) => {
      const octets = underlay.split(".").map((octet) => Number(octet).toString(16).padStart(2, "0"));
      return [
        name,
        { address: `${underlay}/${UNDERLAY_PREFIX}`, mac: `02:00:${octets.join(":")}`, nic: NIC },
      ];
    }),
  );
}

/** Whether the program finds the hosts or creates them. */
export type HostKind = "existing" | "instance";

export interface EnvironmentOptions {
  kind?: HostKind;
  vni?: number;
  /** How a host's key is named in the config; default: the files that the lab writes. */
  hostKey?: (host: FleetHost) => object;
}

/** The value of `oci-vxlan:environment` for a fleet. */
export function environmentOf(hosts: readonly FleetHost[], options: EnvironmentOptions = {}): object {
  const { kind = "existing", vni = VNI, hostKey = labHostKey } = options;
  const network = {
    compartmentId: COMPARTMENT,
    network: {
      vcn: { cidr: FLEET_CIDR },
      operatorCidrs: ["198.51.100.10/32"],
      subnets: { all: { cidr: FLEET_CIDR } },
    },
  };
  return {
    ...(kind === "instance" ? network : {}),
    overlay: { cidrs: [OVERLAY_CIDR], device: DEVICE, vni, port: PORT },
    ssh: { user: "opc", privateKeyPath: ".lab/keys/opc_ed25519" },
    hosts: Object.fromEntries(
      hosts.map((host) => [
        host.name,
        {
          overlayAddresses: [host.overlay],
          ...(kind === "instance"
            ? { instance: { subnet: "all", privateIp: host.underlay } }
            : { existing: { underlayAddress: host.underlay, ...hostKey(host) } }),
        },
      ]),
    ),
  };
}

const labHostKey = ({ name }: FleetHost) => ({ hostKeyPath: `.lab/keys/${name}_host_ed25519.pub` });
