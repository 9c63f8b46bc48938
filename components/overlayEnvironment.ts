import * as pulumi from "@pulumi/pulumi";
import { lookUpCompartment } from "./compartmentLookup.ts";
import { HostNetwork } from "./hostNetwork.ts";
import type { NetworkArgs } from "./hostNetwork.ts";
import { isBehind, jumpHostFirst, jumpHostOf, sshToExisting } from "./hostReach.ts";
import { lookUpNetwork } from "./networkLookup.ts";
import { isFullDomainName } from "./oci/lookups.ts";
import { FAULT_DOMAINS, jumpHostSources, outsideAddresses, subnetOf } from "./oci/settings.ts";
import { environmentWarnings, validateEnvironment, validateHostKeys } from "./oci/validation/environment.ts";
import { validateExistingNetwork } from "./oci/validation/existingNetwork.ts";
import type { ExistingNetwork } from "./oci/validation/existingNetwork.ts";
import { OverlayHost } from "./overlayHost.ts";
import type { InstanceArgs } from "./overlayHostArguments.ts";
import type { JumpHostArgs, LoginArgs, SshArgs } from "./remoteCommand.ts";
import { markValidated, refuseInvalid, refuseProblems } from "./validation.ts";
import type { Problem } from "./vxlan/problems.ts";
import { withDefaults } from "./vxlan/settings.ts";
import { validateLogin, validatePublicKey } from "./vxlan/validation/login.ts";
import { validateIdentity } from "./vxlan/validation/identity.ts";
import { VxlanOverlay, overlayIdentity } from "./vxlanOverlay.ts";
import type { OverlayArgs, VxlanHostArgs } from "./overlayArguments.ts";

/** A host that the environment provisions. */
export interface ProvisionedHostArgs extends InstanceArgs {
  /** Name of its subnet in `network.subnets`. Default: the only one. *Replaces* the instance. */
  subnet?: string;
}

/** A host that exists already. */
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
  /** Jump host to this host alone, in place of the one of all hosts. *Updatable.* */
  proxy?: JumpHostArgs;
  /** Whether SSH goes to this host directly, although the others have a jump host. Default false. *Updatable.* */
  direct?: boolean;
}

/** How to log in to the hosts of an environment. */
export interface EnvironmentLoginArgs extends LoginArgs {
  /**
   * Name of a host of this environment that is the jump host of the others. SSH reaches it directly, and the others
   * through it by their private addresses, or by the `sshAddress` of an existing host. *Updatable.*
   */
  via?: string;
}

/** One host: exactly one of `instance` and `existing`. */
export interface EnvironmentHostArgs {
  /** Its addresses inside the overlay, one for each of the overlay's CIDRs. *Updatable.* */
  overlayAddresses: string[];
  /** Raise it to have the overlay installed on the host anew. Default 0. *Updatable.* */
  generation?: number;
  /**
   * Set it while the host is down on purpose. `up` then changes nothing on the host, and the connectivity test leaves
   * it out. Its entries in the other hosts' tables stay. Default false. *Updatable.*
   */
  down?: boolean;
  instance?: ProvisionedHostArgs;
  existing?: ExistingHostArgs;
}

export interface OverlayEnvironmentArgs {
  /** OCID of the compartment of all cloud resources. Required with `instance` hosts. *Updatable.* */
  compartmentId?: pulumi.Input<string>;
  /** The hosts' network. Required with `instance` hosts. */
  network?: NetworkArgs;
  /** The overlay: its CIDRs, device, VNI, port and so on. */
  overlay: OverlayArgs;
  ssh: EnvironmentLoginArgs;
  /** The hosts by name, provisioned and existing ones. Adding or removing one leaves the others alone. */
  hosts: Record<string, EnvironmentHostArgs>;
  /** Freeform tags of all cloud resources, ten at most. *Updatable.* */
  tags?: Record<string, string>;
}

/** OCID and addresses of a provisioned host. */
export interface HostAddresses {
  instanceId: pulumi.Output<string>;
  privateIp: pulumi.Output<string>;
  publicIp: pulumi.Output<string>;
}

/** The instances of an environment by host name. */
export type Instances = Readonly<Record<string, OverlayHost>>;

/**
 * A whole environment: the network, the instances in their shared Security List, and the overlay between them and any
 * existing hosts.
 *
 * Children: `HostNetwork` `<name>-network`, an `OverlayHost` `<name>-<host>` each, and the `VxlanOverlay`. The overlay
 * has the environment's own name, since that name identifies the overlay on the hosts.
 *
 * An explicit provider (`{ providers: [provider] }`) is passed to every child.
 *
 * @throws pulumi.RunError with all problems of `args`, before any resource is created
 */
export class OverlayEnvironment extends pulumi.ComponentResource {
  /** MAC of the VXLAN device on each host. */
  readonly macs: pulumi.Output<Record<string, string>>;
  /** MTU of the VXLAN device in bytes. */
  readonly mtu: pulumi.Output<number>;
  /** Which traffic this run has seen to pass between all hosts, and when. */
  readonly lastVerified: VxlanOverlay["lastVerified"];
  /** OCID and addresses of each provisioned host. */
  readonly addresses: Record<string, HostAddresses>;
  readonly overlay: VxlanOverlay;

  private readonly environmentName: string;
  /** Of all resources in the cloud, where there are any. */
  private readonly compartmentId: pulumi.Input<string> | undefined;
  /** Those parts of the network that exist; undefined where there are none. */
  private readonly existingNetwork: pulumi.Output<ExistingNetwork> | undefined;
  /**
   * An output without a resource: a child that depends on it is registered when the existing network has passed its
   * checks.
   */
  private readonly checkedNetwork: pulumi.Output<pulumi.Resource[]> | undefined;

  constructor(name: string, args: OverlayEnvironmentArgs, opts?: pulumi.ComponentResourceOptions) {
    super("oci-vxlan:index:OverlayEnvironment", name, {}, opts);
    const identityProblems = validateIdentity(overlayIdentity(name).overlay);
    refuseInvalid("OverlayEnvironment", name, args, validateArgs, identityProblems);
    this.environmentName = name;

    for (const warning of environmentWarnings(args)) void pulumi.log.warn(warning, this);
    this.existingNetwork = args.network && lookUpNetwork(name, args.network, this);
    this.compartmentId = this.checkCompartment(args);
    this.checkedNetwork = this.checkExistingNetwork(name, args);
    const network = this.createNetwork(args);
    const instances = this.createInstances(args, network);
    this.overlay = this.createOverlay(args, instances);

    this.macs = this.overlay.macs;
    this.mtu = this.overlay.mtu;
    this.lastVerified = this.overlay.lastVerified;
    this.addresses = addressesOf(instances);
    this.registerOutputs({
      macs: this.macs,
      mtu: this.mtu,
      lastVerified: this.lastVerified,
      addresses: this.addresses,
    });
  }

  /** Looks up the compartment, unless all availability domains have their full names, so that none is looked up. */
  private checkCompartment({ compartmentId, hosts }: OverlayEnvironmentArgs) {
    const looksUpDomains = Object.values(hosts).some(
      ({ instance }) => instance !== undefined && !isFullDomainName(instance.availabilityDomain),
    );
    if (compartmentId === undefined || !looksUpDomains) return compartmentId;
    return lookUpCompartment(this.environmentName, compartmentId, this);
  }

  /** Compares the environment with the parts of its network that exist. They are looked up in previews too. */
  private checkExistingNetwork(
    name: string,
    args: OverlayEnvironmentArgs,
  ): pulumi.Output<pulumi.Resource[]> | undefined {
    return this.existingNetwork?.apply((network) => {
      refuseProblems("OverlayEnvironment", name, validateExistingNetwork(args, network));
      return [];
    });
  }

  /** Options of children in the cloud. A component waits for the check, and its own children wait for it. */
  private get cloudOptions(): pulumi.ComponentResourceOptions {
    return { parent: this, dependsOn: this.checkedNetwork };
  }

  /** A host joins its group when the rules are in it, and so before those that they replace are gone. */
  private hostOptions({ securityGroupRules }: HostNetwork): pulumi.ComponentResourceOptions {
    if (securityGroupRules.length === 0) return this.cloudOptions;
    return { ...this.cloudOptions, dependsOn: [...securityGroupRules] };
  }

  private createNetwork(args: OverlayEnvironmentArgs): HostNetwork | undefined {
    const { compartmentId } = this;
    const { network, overlay, ssh, tags } = args;
    if (!network || compartmentId === undefined) return undefined;
    const networkArgs = markValidated({
      ...network,
      compartmentId,
      vxlanPort: withDefaults(overlay).port,
      sshPort: ssh.port,
      memberCidrs: outsideAddresses(args),
      ...jumpHostSources(args),
      tags,
    });
    return new HostNetwork(`${this.environmentName}-network`, networkArgs, this.cloudOptions);
  }

  private createInstances(args: OverlayEnvironmentArgs, network: HostNetwork | undefined): Instances {
    const { compartmentId } = this;
    const { ssh, tags } = args;
    if (!network || compartmentId === undefined) return {};
    const faultDomains = spreadFaultDomains(Object.keys(args.hosts));
    const instances: Record<string, OverlayHost> = {};
    for (const [host, { instance, down }] of jumpHostFirst(args)) {
      if (!instance) continue;
      const { subnet: choice, ...choices } = instance;
      const subnet = subnetOf({ subnet: choice }, network.subnetIds) ?? "";
      const jumpHost = jumpHostOf(host, args, instances);
      const instanceArgs = markValidated({
        ...choices,
        publicIp: choices.publicIp ?? this.isPublic(subnet, args),
        compartmentId,
        subnetId: network.subnetIds[subnet] ?? "",
        securityGroupIds: securityGroupIds(network, args),
        displayName: host,
        initialFaultDomain: faultDomains[host],
        ssh: { ...ssh, proxy: jumpHost },
        sshToPrivateIp: isBehind(host, args),
        down,
        tags,
      });
      instances[host] = new OverlayHost(
        `${this.environmentName}-${host}`,
        instanceArgs,
        this.hostOptions(network),
      );
    }
    return instances;
  }

  /** Whether hosts of a subnet may have public addresses. An existing subnet was looked up. */
  private isPublic(subnet: string, { network }: OverlayEnvironmentArgs): pulumi.Input<boolean> {
    const { id, private: isPrivate = false } = network?.subnets[subnet] ?? {};
    if (id === undefined || !this.existingNetwork) return !isPrivate;
    return this.existingNetwork.apply(({ subnets }) => subnets[subnet]?.private !== true);
  }

  private createOverlay(args: OverlayEnvironmentArgs, instances: Instances): VxlanOverlay {
    const members = Object.entries(args.hosts).flatMap(([host, hostArgs]): [string, VxlanHostArgs][] => {
      const { overlayAddresses, generation, down, existing } = hostArgs;
      const instance = instances[host];
      const machine = instance
        ? instanceMachine(instance)
        : existing &&
          this.existingMachine(
            existing,
            sshToExisting(existing, args.ssh, jumpHostOf(host, args, instances)),
          );
      const via = isBehind(host, args) ? args.ssh.via : undefined;
      return machine ? [[host, { overlayAddresses, generation, down, via, ...machine }]] : [];
    });
    const overlayArgs = markValidated({ ...args.overlay, hosts: Object.fromEntries(members) });
    return new VxlanOverlay(this.environmentName, overlayArgs, { parent: this });
  }

  private existingMachine({ underlayAddress }: ExistingHostArgs, ssh: SshArgs): Machine {
    // The program logs in to a host only after the existing network has passed its checks.
    const hostKey = pulumi.all([ssh.hostKey, this.checkedNetwork]).apply(([key]) => key);
    return { underlayAddress, ssh: { ...ssh, hostKey } };
  }
}

/** The groups of a host's VNIC; undefined where they are left as they are. */
function securityGroupIds(
  { securityGroupId }: HostNetwork,
  { network }: OverlayEnvironmentArgs,
): pulumi.Output<string>[] | undefined {
  if (securityGroupId !== undefined) return [securityGroupId];
  return network?.securityGroup === false ? [] : undefined;
}

/** A fault domain for each host, by its place among the names of all. */
function spreadFaultDomains(hosts: readonly string[]): Record<string, string | undefined> {
  const names = hosts.toSorted();
  return Object.fromEntries(names.map((host, index) => [host, FAULT_DOMAINS[index % FAULT_DOMAINS.length]]));
}

function validateArgs(args: OverlayEnvironmentArgs): Problem[] {
  const hasInstance = Object.values(args.hosts).some(({ instance }) => instance !== undefined);
  return [
    ...validateEnvironment(args),
    ...validateHostKeys(args),
    ...validateLogin("ssh", args.ssh),
    ...(hasInstance ? validatePublicKey("ssh", args.ssh) : []),
  ];
}

/** The machine that is a host of the overlay: where it is, and how SSH reaches it. */
type Machine = Pick<VxlanHostArgs, "underlayAddress" | "ssh" | "instanceIdentity" | "deletedWith">;

function instanceMachine({ privateIp, ssh, instanceIdentity, ready }: OverlayHost): Machine {
  return { underlayAddress: privateIp, ssh, instanceIdentity, deletedWith: ready };
}

function addressesOf(instances: Instances): Record<string, HostAddresses> {
  return Object.fromEntries(
    Object.entries(instances).map(([host, { instanceId, privateIp, publicIp }]) => [
      host,
      { instanceId, privateIp, publicIp },
    ]),
  );
}
