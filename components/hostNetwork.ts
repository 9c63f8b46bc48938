import { DefaultSecurityList } from "@pulumi/oci/core/defaultSecurityList.js";
import { getSubnetOutput } from "@pulumi/oci/core/getSubnet.js";
import { getVcnOutput } from "@pulumi/oci/core/getVcn.js";
import { InternetGateway } from "@pulumi/oci/core/internetGateway.js";
import { RouteTable } from "@pulumi/oci/core/routeTable.js";
import { SecurityList } from "@pulumi/oci/core/securityList.js";
import { Subnet } from "@pulumi/oci/core/subnet.js";
import { Vcn } from "@pulumi/oci/core/vcn.js";
import * as pulumi from "@pulumi/pulumi";
import { securityRules } from "./oci/securityRules.ts";
import type { SecurityRule } from "./oci/securityRules.ts";
import { DEFAULT_SECURITY_LIST } from "./oci/settings.ts";
import { problemWithOcid } from "./oci/ocid.ts";
import { networkWarnings, validateNetwork } from "./oci/validation/network.ts";
import { DEFAULT_SSH_PORT } from "./remoteCommand.ts";
import { refuseInvalid } from "./validation.ts";
import type { Problem } from "./vxlan/problems.ts";
import { DEFAULT_PORT } from "./vxlan/settings.ts";

// Each resource is imported from its own module. The package's index loads all of Oracle's services, and its core index
// all of that service, which takes every run half a second.

/** The hosts' VCN: a new one by `cidr`, or an existing one by `id`. */
export interface VcnArgs {
  /**
   * IPv4 CIDR of a new VCN, /16 to /30. It gets an internet gateway, and a route table with a default route to it.
   * *Replaces* the VCN and all in it.
   */
  cidr?: string;
  /** OCID of an existing VCN; its gateways and routes stay as they are. *Replaces* what was created in it. */
  id?: pulumi.Input<string>;
  /** Beside `id`: OCID of the route table of new subnets. Default: the VCN's default one. *Updatable.* */
  routeTableId?: pulumi.Input<string>;
}

/** The Security List that all hosts share. */
export interface SecurityListArgs {
  /** Name of the new list. Default `internal-hosts`. *Updatable.* */
  name?: string;
  /**
   * Manage the VCN's default list instead. Its rules are replaced by those of this environment, and are gone after
   * a destroy. Default false. A change creates the one list and deletes the other.
   */
  default?: boolean;
  /**
   * Track VXLAN's flows. Default false: Oracle advises stateless rules for heavy traffic, since tracked flows are
   * limited in number. *Updatable.*
   */
  stateful?: boolean;
  /** OCIDs of further lists that new subnets get, four at most. *Updatable.* */
  additionalIds?: pulumi.Input<string>[];
  /** Further rules for packets to the hosts. *Updatable.* */
  ingress?: SecurityRule[];
  /** Further rules for packets from the hosts, beside the one that lets them go anywhere. *Updatable.* */
  egress?: SecurityRule[];
}

/** A subnet for hosts: a new one by `cidr`, or an existing one by `id`. */
export interface SubnetArgs {
  /** IPv4 CIDR of a new subnet inside the VCN, /16 to /30; a /30 holds one host. *Updatable* by OCI's rules. */
  cidr?: string;
  /** OCID of an existing subnet. It keeps its Security Lists and its routes. */
  id?: pulumi.Input<string>;
}

/** The hosts' network, as an environment's config describes it. */
export interface NetworkArgs {
  vcn: VcnArgs;
  securityList?: SecurityListArgs;
  /**
   * IPv4 CIDRs that SSH is open to. There is no default: 0.0.0.0/0 has to be written out, and is warned about.
   * *Updatable.*
   */
  operatorCidrs: string[];
  /** Subnets by name: one for all hosts, or one each. */
  subnets: Record<string, SubnetArgs>;
}

export interface HostNetworkArgs extends NetworkArgs {
  /** OCID of the compartment of all resources. *Updatable.* */
  compartmentId: pulumi.Input<string>;
  /** UDP port of the VTEPs. Default 4789. *Updatable.* */
  vxlanPort?: number;
  /** TCP port of sshd. Default 22. *Updatable.* */
  sshPort?: number;
  /** CIDRs of VTEPs that are in none of the subnets, such as those of existing hosts. *Updatable.* */
  memberCidrs?: string[];
  /** CIDRs of jump hosts, from which SSH comes beside the operators. *Updatable.* */
  jumpHostCidrs?: string[];
  /** Names of subnets from which SSH comes too, since a jump host is in them. *Updatable.* */
  jumpHostSubnets?: string[];
  /** Name in Oracle's console. Default: project and stack. *Updatable.* */
  displayName?: string;
  /** Freeform tags of all resources, ten at most. *Updatable.* */
  tags?: Record<string, string>;
}

/** What all resources of the network have in common. */
interface CommonArgs {
  compartmentId: pulumi.Input<string>;
  freeformTags: Record<string, string> | undefined;
}

/** The VCN, new or existing. */
interface HostVcn {
  id: pulumi.Output<string>;
  /** Route table of new subnets; undefined: the VCN's default one. */
  routeTableId: pulumi.Input<string> | undefined;
  /** Looks up the VCN's default Security List. */
  defaultListId: () => pulumi.Output<string>;
}

/**
 * The underlay: a VCN with internet access, one shared Security List, and subnets. The list admits VXLAN between the
 * members, and SSH from `operatorCidrs`; the hosts may reach anything.
 *
 * Children: `<name>-vcn`, `<name>-gateway`, `<name>-routes`, `<name>-security-list` and `<name>-<subnet>-subnet`, each
 * only where it does not exist already.
 *
 * @throws pulumi.RunError with all problems of `args`, before any resource is created
 */
export class HostNetwork extends pulumi.ComponentResource {
  readonly vcnId: pulumi.Output<string>;
  /** OCID of the shared list; undefined where all subnets existed already, since they keep their own lists. */
  readonly securityListId: pulumi.Output<string> | undefined;
  /** OCIDs of the subnets by the names in `subnets`. */
  readonly subnetIds: Record<string, pulumi.Output<string>>;

  private readonly networkName: string;
  private readonly common: CommonArgs;

  constructor(name: string, args: HostNetworkArgs, opts?: pulumi.ComponentResourceOptions) {
    super("oci-vxlan:index:HostNetwork", name, {}, opts);
    refuseInvalid("HostNetwork", name, args, validateArgs);
    for (const warning of networkWarnings(args, "")) void pulumi.log.warn(warning, this);
    this.networkName = name;
    this.common = { compartmentId: args.compartmentId, freeformTags: args.tags };

    const vcn = this.createVcn(args);
    this.vcnId = vcn.id;
    this.securityListId = this.createSecurityList(args, vcn);
    this.subnetIds = this.createSubnets(args, vcn);
    this.registerOutputs({
      vcnId: this.vcnId,
      securityListId: this.securityListId,
      subnetIds: this.subnetIds,
    });
  }

  /** A VCN with internet access, or the existing one. */
  private createVcn({ vcn, displayName }: HostNetworkArgs): HostVcn {
    if (vcn.cidr === undefined) {
      const id = idOutput(vcn.id);
      const defaultListId = () => getVcnOutput({ vcnId: id }, { parent: this }).defaultSecurityListId;
      return { id, routeTableId: vcn.routeTableId, defaultListId };
    }
    const common = {
      ...this.common,
      displayName: displayName ?? `${pulumi.getProject()}-${pulumi.getStack()}`,
    };
    const newVcn = new Vcn(
      `${this.networkName}-vcn`,
      { ...common, cidrBlocks: [vcn.cidr] },
      { parent: this },
    );
    const gateway = new InternetGateway(
      `${this.networkName}-gateway`,
      { ...common, vcnId: newVcn.id, enabled: true },
      { parent: this },
    );
    const defaultRoute = {
      destination: "0.0.0.0/0",
      destinationType: "CIDR_BLOCK",
      networkEntityId: gateway.id,
    };
    const routes = new RouteTable(
      `${this.networkName}-routes`,
      { ...common, vcnId: newVcn.id, routeRules: [defaultRoute] },
      { parent: this },
    );
    return {
      id: newVcn.id,
      routeTableId: routes.id,
      defaultListId: () => newVcn.defaultSecurityListId,
    };
  }

  /** The shared list, new or the VCN's default one; undefined where no new subnet needs it. */
  private createSecurityList(args: HostNetworkArgs, vcn: HostVcn): pulumi.Output<string> | undefined {
    const { securityList = {}, subnets } = args;
    const hasNewSubnet = Object.values(subnets).some(({ cidr }) => cidr !== undefined);
    if (!hasNewSubnet && securityList.default !== true) return undefined;
    const name = `${this.networkName}-security-list`;
    const rules = this.securityRules(args);
    const content = {
      ...this.common,
      ingressSecurityRules: rules.ingress,
      egressSecurityRules: rules.egress,
    };
    if (securityList.default === true) {
      return new DefaultSecurityList(
        name,
        { ...content, manageDefaultResourceId: vcn.defaultListId() },
        { parent: this },
      ).id;
    }
    return new SecurityList(
      name,
      { ...content, vcnId: vcn.id, displayName: securityList.name ?? DEFAULT_SECURITY_LIST },
      { parent: this },
    ).id;
  }

  private securityRules(args: HostNetworkArgs) {
    const { securityList = {}, memberCidrs = [], jumpHostCidrs = [], jumpHostSubnets = [] } = args;
    return this.subnetCidrs(args).apply((cidrs) =>
      securityRules({
        members: [...Object.values(cidrs), ...memberCidrs],
        operatorCidrs: args.operatorCidrs,
        jumpHostCidrs: [...jumpHostCidrs, ...jumpHostSubnets.flatMap((name) => cidrs[name] ?? [])],
        vxlanPort: args.vxlanPort ?? DEFAULT_PORT,
        sshPort: args.sshPort ?? DEFAULT_SSH_PORT,
        stateful: securityList.stateful ?? false,
        ingress: securityList.ingress ?? [],
        egress: securityList.egress ?? [],
      }),
    );
  }

  /** The CIDRs of all subnets by name; those of existing subnets are looked up. */
  private subnetCidrs({ subnets }: HostNetworkArgs): pulumi.Output<Record<string, string>> {
    const cidrs = Object.entries(subnets).map(([name, { cidr, id }]) => [
      name,
      cidr ?? getSubnetOutput({ subnetId: idOutput(id) }, { parent: this }).cidrBlock,
    ]);
    return pulumi.output(Object.fromEntries(cidrs) as Record<string, pulumi.Input<string>>);
  }

  /** OCIDs of all subnets by name, new or existing. */
  private createSubnets(args: HostNetworkArgs, vcn: HostVcn): Record<string, pulumi.Output<string>> {
    const list = this.securityListId === undefined ? [] : [this.securityListId];
    const securityListIds = [...list, ...(args.securityList?.additionalIds ?? [])];
    const subnetIds = Object.entries(args.subnets).map(([name, { cidr, id }]) => {
      if (cidr === undefined) return [name, idOutput(id)] as const;
      const subnet = new Subnet(
        `${this.networkName}-${name}-subnet`,
        {
          ...this.common,
          vcnId: vcn.id,
          cidrBlock: cidr,
          displayName: name,
          routeTableId: vcn.routeTableId,
          securityListIds,
        },
        { parent: this },
      );
      return [name, subnet.id] as const;
    });
    return Object.fromEntries(subnetIds);
  }
}

function validateArgs(args: HostNetworkArgs): Problem[] {
  return [
    ...problemWithOcid(args.compartmentId, ["compartment", "tenancy"], "compartmentId"),
    ...validateNetwork(args, "", { outside: args.memberCidrs, jumpHostCidrs: args.jumpHostCidrs }),
  ];
}

/** The OCID of something that exists. The validation has refused arguments with neither CIDR nor OCID. */
function idOutput(id: pulumi.Input<string> | undefined): pulumi.Output<string> {
  if (id === undefined) throw new Error("neither cidr nor id is given");
  return pulumi.output(id);
}
