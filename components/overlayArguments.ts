import type * as pulumi from "@pulumi/pulumi";
import type { SshArgs } from "./remoteCommand.ts";

/** One host of an overlay: any machine that SSH reaches. */
export interface VxlanHostArgs {
  /**
   * IPv4 address of a NIC of the host itself, which peers send VXLAN packets to. *Updatable*: the device gets it in
   * place or is created again with the same MAC.
   */
  underlayAddress: pulumi.Input<string>;
  /** The host's addresses inside the overlay, one for each of `cidrs`, without prefix length. *Updatable.* */
  overlayAddresses: string[];
  ssh: SshArgs;
  /**
   * Name of the host of this overlay that is its jump host, if `ssh.proxy` is left out. Where `ssh.proxy` is given as
   * well, it has to lead to that host. The phases of the jump host come first in `up`, and last in `destroy`.
   * *Updatable.*
   */
  via?: string;
  /** Raise it to have the host installed anew, for example after its NIC's MTU changed. Default 0. *Updatable.* */
  generation?: number;
  /**
   * Set it while the host is down on purpose. `up` then changes nothing on the host, and the connectivity test leaves
   * it out. Its entries in the other hosts' tables stay. Default false. *Updatable.*
   */
  down?: boolean;
  /**
   * Text that differs where the machine is another one, such as the OCIDs of an instance and its boot volume.
   * *Updatable*: the host is installed anew, and nothing is deleted on the machine from before.
   */
  instanceIdentity?: pulumi.Input<string>;
  /** The resource of the machine. Where it is deleted, nothing is undone on the host first. */
  deletedWith?: pulumi.Resource;
}

/** An overlay without its hosts. */
export interface OverlayArgs {
  /** The overlay's networks: one IPv4 CIDR, one IPv6 CIDR, or one of each. *Updatable.* */
  cidrs: string[];
  /** Name of the VXLAN device, at most 15 characters. Default `vxlan0`. *Updatable*: the device is created again. */
  device?: string;
  /** VXLAN network identifier, 1 to 16777215. Default 100. *Updatable*: the device is created again. */
  vni?: number;
  /**
   * UDP port. Default 4789, IANA's; 8472 is the Linux kernel's default, for peers that were set up by hand without
   * `dstport`. *Updatable*: the device is created again.
   */
  port?: number;
  /** MTU of the device in bytes. Default: the smallest underlay MTU of all hosts less 50. *Updatable.* */
  mtu?: number;
  /** Whether broadcast, multicast and unknown destinations are replicated to every peer. Default true. *Updatable.* */
  flood?: boolean;
  /** What the host firewall admits from the overlay: `all` (default) or `none`. *Updatable.* */
  overlayIngress?: string;
  /**
   * `manage` (default) opens the host's own firewall for the overlay; `leave` opens nothing in it. VXLAN from non-peers
   * is dropped either way. *Updatable.*
   */
  hostFirewall?: string;
  /**
   * Who computes the checksums of what the overlay sends: with `auto` (default) the NIC, and the host itself once the
   * connectivity test has seen that its NIC sends wrong ones inside VXLAN; with `off` always the host. *Updatable.*
   */
  checksumOffload?: string;
  /**
   * Whether each host probes the path to each peer about once a minute, and says in its journal, its status and its
   * metrics what breaks and heals. Default true. *Updatable.*
   */
  pathProbes?: boolean;
  /**
   * Whether every `up` ends in every host probing its peers over the overlay: ICMP that fills the MTU and may not
   * fragment. Where this program opens the hosts' firewalls for the overlay (`overlayIngress` is `all` and
   * `hostFirewall` is `manage`), also TCP to sshd, and 256 KiB from one peer of each host. In fleets of more than 17
   * hosts each probes 16 peers a run, in turn. Default true. *Updatable.*
   */
  verify?: boolean;
  /** TCP port of the hosts' sshd on the overlay. Default: the port of their SSH connections. *Updatable.* */
  verifyPort?: number;
  /**
   * Seconds after which a host undoes a change of its settings that no new SSH session has confirmed; 30 to 3600.
   * Default 180. *Updatable.*
   */
  confirmTimeout?: number;
}

export interface VxlanOverlayArgs extends OverlayArgs {
  /** The hosts by name; two or more. Adding or removing one leaves the resources of the others alone. */
  hosts: Record<string, VxlanHostArgs>;
}
