/**
 * What an overlay is made of, as plain values. Everything here has been resolved: the components turn their
 * inputs into these types, and the stack config ends as them.
 */

/** The settings that all hosts of one overlay share. */
export interface OverlaySettings {
  /** Name of the VXLAN device on every host, at most 15 characters. */
  device: string;
  /** VXLAN network identifier, 1 to 16777215. */
  vni: number;
  /** UDP port of the VTEPs. */
  port: number;
  /** The overlay's networks: one IPv4 CIDR, one IPv6 CIDR, or one of each. */
  cidrs: string[];
  /** MTU of the VXLAN device in bytes; undefined: the smallest underlay MTU of the fleet less 50. */
  mtu?: number;
  /** Whether broadcast, multicast and frames for unknown MACs are replicated to every peer. */
  flood: boolean;
  /**
   * What the host firewall is told to let in from the overlay: `all`, or `none`, which adds no rule and leaves
   * arriving traffic to the rules that the host has.
   */
  overlayIngress: string;
  /**
   * `manage`: the host's own firewall is opened for the overlay; `leave`: that is its administrator's. VXLAN from
   * strangers is dropped either way.
   */
  hostFirewall: string;
  /**
   * Seconds after which a host takes back a change of its own settings that cut off SSH, unless a new SSH session
   * has reached it by then; 30 to 3600.
   */
  confirmTimeout: number;
}

/** The settings of one host in the overlay. */
export interface HostSettings {
  /** The host's own IPv4 address on the underlay: the VTEP's local address, by which its NIC is found. */
  underlayAddress: string;
  /** The host's addresses inside the overlay: one for each of the overlay's CIDRs. */
  overlayAddresses: string[];
}

/** Hosts are a map keyed by name, never a list by index: adding one renames no other. */
export type HostMap<T> = Readonly<Record<string, T>>;

/** IANA's port for VXLAN. The kernel's own default, used by peers that were set up by hand, is 8472. */
export const DEFAULT_PORT = 4789;

/** What the memo's commands use. */
export const DEFAULT_DEVICE = "vxlan0";
export const DEFAULT_VNI = 100;

/** Seconds: enough for the next phase of the same `up` to open its SSH session. */
export const DEFAULT_CONFIRM_TIMEOUT = 180;

/** An overlay's settings with every default filled in. */
export function withDefaults(given: Partial<OverlaySettings>): OverlaySettings {
  return {
    device: given.device ?? DEFAULT_DEVICE,
    vni: given.vni ?? DEFAULT_VNI,
    port: given.port ?? DEFAULT_PORT,
    cidrs: given.cidrs ?? [],
    mtu: given.mtu,
    flood: given.flood ?? true,
    overlayIngress: given.overlayIngress ?? "all",
    hostFirewall: given.hostFirewall ?? "manage",
    confirmTimeout: given.confirmTimeout ?? DEFAULT_CONFIRM_TIMEOUT,
  };
}
