/** An overlay's settings as plain values. The components turn their arguments into these types. */

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
  /** MTU of the VXLAN device in bytes. Undefined: the smallest underlay MTU of the fleet less 50. */
  mtu?: number;
  /** Whether broadcast, multicast and frames to unknown MACs are replicated to every peer. */
  flood: boolean;
  /**
   * What the host firewall admits from the overlay: `all`, or `none`, which adds no rule and leaves arriving traffic
   * to the rules that the host has.
   */
  overlayIngress: string;
  /**
   * `manage`: the host's own firewall is opened for the overlay. `leave`: its administrator decides. VXLAN from
   * non-peers is dropped either way.
   */
  hostFirewall: string;
  /**
   * `auto`: a host whose NIC sends wrong checksums inside VXLAN computes them itself, once the connectivity test has
   * seen that. `off`: all hosts do.
   */
  checksumOffload: string;
  /** Seconds after which a host undoes a change of its settings that no new SSH session has confirmed; 30 to 3600. */
  confirmTimeout: number;
  /** Whether each host probes the path to each peer about once a minute, for its journal, its status and metrics. */
  pathProbes: boolean;
  /** Whether every `up` ends in hosts probing their peers. */
  verify: boolean;
  /** TCP port of the hosts' sshd on the overlay. Undefined: the port of each host's SSH connection. */
  verifyPort?: number;
}

/** The settings of one host in the overlay. */
export interface HostSettings {
  /** The host's own IPv4 address on the underlay: the VTEP's local address, and how its NIC is found. */
  underlayAddress: string;
  /** The host's addresses inside the overlay: one for each of the overlay's CIDRs. */
  overlayAddresses: string[];
}

/** Hosts by name. They are no list, since a host that is added to a list renames those behind it. */
export type HostMap<T> = Readonly<Record<string, T>>;

/** IANA's port for VXLAN. The kernel's own default, which peers have that were set up by hand, is 8472. */
export const DEFAULT_PORT = 4789;

/** An overlay's settings with every default filled in. */
export function withDefaults(settings: Partial<OverlaySettings>): OverlaySettings {
  return {
    // Device and VNI of the reference environment.
    device: settings.device ?? "vxlan0",
    vni: settings.vni ?? 100,
    port: settings.port ?? DEFAULT_PORT,
    cidrs: settings.cidrs ?? [],
    mtu: settings.mtu,
    flood: settings.flood ?? true,
    overlayIngress: settings.overlayIngress ?? "all",
    hostFirewall: settings.hostFirewall ?? "manage",
    checksumOffload: settings.checksumOffload ?? "auto",
    // Seconds: enough for the next phase of the same `up` to open its SSH session.
    confirmTimeout: settings.confirmTimeout ?? 180,
    pathProbes: settings.pathProbes ?? true,
    verify: settings.verify ?? true,
    verifyPort: settings.verifyPort,
  };
}
