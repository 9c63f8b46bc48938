import * as pulumi from "@pulumi/pulumi";
import { HostNetwork } from "./hostNetwork.ts";
import type { NetworkArgs } from "./hostNetwork.ts";
import { FAULT_DOMAINS, subnetOf } from "./oci/settings.ts";
import { outsideAddresses, validateEnvironment, validateHostKeys } from "./oci/validation/environment.ts";
import { OverlayHost } from "./overlayHost.ts";
import type { InstanceArgs, LoginArgs } from "./overlayHost.ts";
import { withDefaults } from "./vxlan/settings.ts";
import { describeProblems } from "./vxlan/problems.ts";
import { VxlanOverlay } from "./vxlanOverlay.ts";
import type { OverlayArgs, VxlanHostArgs } from "./vxlanOverlay.ts";

/** A host that the environment provisions. */
export interface ProvisionedHostArgs extends InstanceArgs {
  /** Name of its subnet in `network.subnets`. Default: the only one. *Replaces* the instance. */
  subnet?: string;
}

/** A host that is there already. */
export interface ExistingHostArgs {
  /**
   * IPv4 address that a NIC of the host carries. Beside a `network` it has to be text, since that network's Security
   * List has a rule for it. *Updatable.*
   */
  underlayAddress: pulumi.Input<string>;
  /** Where SSH reaches the host from here. Default: the underlay address. *Updatable.* */
  sshAddress?: pulumi.Input<string>;
  /** Login user. Default: the one of all hosts. *Updatable.* */
  user?: string;
  /** TCP port of sshd. Default: the one of all hosts. *Updatable.* */
  port?: number;
  /** The host's public key; required, see `SshArgs`. *Updatable.* */
  hostKey: pulumi.Input<string>;
}

/** One host: exactly one of `instance` and `existing`. */
export interface EnvironmentHostArgs {
  /** Its addresses inside the overlay, one for each of the overlay's CIDRs. *Updatable.* */
  overlayAddresses: string[];
  /** Raise it to have the overlay installed on the host anew. Default 0. *Updatable.* */
  generation?: number;
  /**
   * Set it while the host is down on purpose. `up` then leaves the host alone: nothing on it is changed, it is not
   * asked, and nobody probes it; what it has in the other hosts' tables stays. Default false. *Updatable.*
   */
  down?: boolean;
  instance?: ProvisionedHostArgs;
  existing?: ExistingHostArgs;
}

export interface OverlayEnvironmentArgs {
  /** OCID of the compartment of all that is made. Required with `instance` hosts. *Updatable.* */
  compartmentId?: pulumi.Input<string>;
  /** The hosts' network. Required with `instance` hosts. */
  network?: NetworkArgs;
  /** The overlay itself: its CIDRs, device, VNI, port and the like. */
  overlay: OverlayArgs;
  ssh: LoginArgs;
  /** The hosts by name, provisioned and existing ones mixed at will. Adding or removing one leaves the others alone. */
  hosts: Record<string, EnvironmentHostArgs>;
  /** Freeform tags of all that is made in the cloud, ten at most. *Updatable.* */
  tags?: Record<string, string>;
}

/** Where a provisioned host is. */
export interface HostAddresses {
  instanceId: pulumi.Output<string>;
  privateIp: pulumi.Output<string>;
  publicIp: pulumi.Output<string>;
}

/**
 * A whole environment: the network, the instances in their shared Security List, and the overlay between them and
 * whatever hosts existed before.
 *
 * Children: `HostNetwork` `<name>-network`, an `OverlayHost` `<name>-<host>` each, and the `VxlanOverlay`, which has
 * the environment's own name: its name is part of what identifies the overlay on the hosts.
 *
 * An explicit provider (`{ providers: [provider] }`) is what every child is made with.
 *
 * @throws pulumi.RunError before anything is made, with all that is wrong in `args`
 */
export class OverlayEnvironment extends pulumi.ComponentResource {
  /** MAC of the VXLAN device on each host. */
  readonly macs: pulumi.Output<Record<string, string>>;
  /** MTU of the VXLAN device in bytes. */
  readonly mtu: pulumi.Output<number>;
  /** What was last seen to pass between all hosts, and when. */
  readonly lastVerified: VxlanOverlay["lastVerified"];
  /** Where the provisioned hosts are. */
  readonly addresses: Record<string, HostAddresses>;
  readonly overlay: VxlanOverlay;

  constructor(name: string, args: OverlayEnvironmentArgs, opts?: pulumi.ComponentResourceOptions) {
    super("oci-vxlan:index:OverlayEnvironment", name, {}, opts);
    const problems = [...validateEnvironment(args), ...validateHostKeys(args)];
    if (problems.length > 0) {
      throw new pulumi.RunError(
        `OverlayEnvironment "${name}" cannot be built:\n${describeProblems(problems)}`,
      );
    }
    const tags = args.tags ? { tags: args.tags } : {};
    const network =
      args.network && args.compartmentId !== undefined
        ? new HostNetwork(
            `${name}-network`,
            {
              ...args.network,
              compartmentId: args.compartmentId,
              vxlanPort: withDefaults(args.overlay).port,
              ...(args.ssh.port === undefined ? {} : { sshPort: args.ssh.port }),
              memberCidrs: outsideAddresses(args),
              ...tags,
            },
            { parent: this },
          )
        : undefined;

    const provisioned: Record<string, OverlayHost> = {};
    Object.keys(args.hosts)
      .sort()
      .forEach((host, index) => {
        const { instance } = args.hosts[host] as EnvironmentHostArgs;
        if (!instance || !network || args.compartmentId === undefined) return;
        const { subnet, ...chosen } = instance;
        const subnetName = subnetOf({ subnet }, network.subnetIds) ?? "";
        provisioned[host] = new OverlayHost(
          `${name}-${host}`,
          {
            ...chosen,
            compartmentId: args.compartmentId,
            subnetId: network.subnetIds[subnetName] ?? "",
            displayName: host,
            initialFaultDomain: FAULT_DOMAINS[index % FAULT_DOMAINS.length],
            ssh: args.ssh,
            ...tags,
          },
          { parent: this },
        );
      });

    const hosts = Object.entries(args.hosts).map(([host, given]): [string, VxlanHostArgs] => {
      const { overlayAddresses, generation, down } = given;
      const shared = {
        overlayAddresses,
        ...(generation === undefined ? {} : { generation }),
        ...(down === undefined ? {} : { down }),
      };
      const made = provisioned[host];
      return [host, { ...shared, ...(made ? onInstance(made) : onExisting(given, args.ssh)) }];
    });
    this.overlay = new VxlanOverlay(
      name,
      { ...args.overlay, hosts: Object.fromEntries(hosts) },
      { parent: this },
    );

    this.macs = this.overlay.macs;
    this.mtu = this.overlay.mtu;
    this.lastVerified = this.overlay.lastVerified;
    this.addresses = Object.fromEntries(
      Object.entries(provisioned).map(([host, { instanceId, privateIp, publicIp }]) => [
        host,
        { instanceId, privateIp, publicIp },
      ]),
    );
    this.registerOutputs({
      macs: this.macs,
      mtu: this.mtu,
      lastVerified: this.lastVerified,
      addresses: this.addresses,
    });
  }
}

type Reached = Pick<VxlanHostArgs, "underlayAddress" | "ssh" | "incarnation" | "deletedWith">;

function onInstance(host: OverlayHost): Reached {
  return {
    underlayAddress: host.privateIp,
    ssh: host.ssh,
    incarnation: host.incarnation,
    deletedWith: host.instance,
  };
}

function onExisting({ existing }: EnvironmentHostArgs, login: LoginArgs): Reached {
  const { underlayAddress, sshAddress, user, port, hostKey } = existing as ExistingHostArgs;
  return {
    underlayAddress,
    ssh: {
      host: sshAddress ?? underlayAddress,
      port: port ?? login.port ?? 22,
      user: user ?? login.user ?? "opc",
      privateKey: login.privateKey,
      ...(login.privateKeyPassphrase === undefined
        ? {}
        : { privateKeyPassphrase: login.privateKeyPassphrase }),
      hostKey,
    },
  };
}
