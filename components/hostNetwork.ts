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
import { DEFAULT_PORT } from "./vxlan/settings.ts";
import { describeProblems } from "./vxlan/problems.ts";

// Each resource is imported from its own module: the package's index loads all of Oracle's services, and its core
// index all of that service, which costs every run half a second.

/** The VCN that the hosts are in: one to be made, or one that exists. */
export interface VcnArgs {
  /**
   * IPv4 CIDR of a VCN to be made, /16 to /30. It gets an internet gateway, and a route table that leads to it.
   * *Replaces* the VCN and all in it.
   */
  cidr?: string;
  /** OCID of a VCN that exists; its gateways and routes are left as they are. *Replaces* what is made in it. */
  id?: pulumi.Input<string>;
  /** Beside `id`: OCID of the route table of new subnets. Default: the VCN's default one. *Updatable.* */
  routeTableId?: pulumi.Input<string>;
}

/** The Security List that all hosts share. */
export interface SecurityListArgs {
  /** Name of a list to be made. Default `internal-hosts`. *Updatable.* */
  name?: string;
  /**
   * Manage the VCN's default list instead. Its rules are replaced by those of this environment, and are gone after
   * a destroy. Default false. A change makes the one list and drops the other.
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
  /** Further rules for packets from the hosts, which may go anywhere in any case. *Updatable.* */
  egress?: SecurityRule[];
}

/** A subnet for hosts: one to be made, or one that exists. */
export interface SubnetArgs {
  /** IPv4 CIDR of a subnet to be made inside the VCN, /16 to /30; a /30 holds one host. *Updatable* by OCI's rules. */
  cidr?: string;
  /** OCID of a subnet that exists. It keeps its Security Lists and its routes. */
  id?: pulumi.Input<string>;
}

/** What the hosts' network is, apart from where it is made. */
export interface NetworkArgs {
  vcn: VcnArgs;
  securityList?: SecurityListArgs;
  /**
   * Who may reach SSH: IPv4 CIDRs. There is no default, and none of them opens it to the world unless 0.0.0.0/0 is
   * written out, which is warned about. *Updatable.*
   */
  operatorCidrs: string[];
  /** Subnets by name: one for all hosts, or one each. */
  subnets: Record<string, SubnetArgs>;
}

export interface HostNetworkArgs extends NetworkArgs {
  /** OCID of the compartment that all is made in. *Updatable.* */
  compartmentId: pulumi.Input<string>;
  /** UDP port of the VTEPs. Default 4789. *Updatable.* */
  vxlanPort?: number;
  /** TCP port of sshd. Default 22. *Updatable.* */
  sshPort?: number;
  /** CIDRs of VXLAN members that are in none of the subnets, such as hosts that existed before. *Updatable.* */
  memberCidrs?: string[];
  /** Name in Oracle's console. Default: project and stack. *Updatable.* */
  displayName?: string;
  /** Freeform tags of all that is made, ten at most. *Updatable.* */
  tags?: Record<string, string>;
}

/**
 * The underlay: a VCN with a way out, one shared Security List, and subnets. The list admits VXLAN between the
 * members and SSH from `operatorCidrs`; the hosts may reach anything.
 *
 * Children: `<name>-vcn`, `<name>-gateway`, `<name>-routes`, `<name>-security-list` and `<name>-<subnet>-subnet`, each
 * only where it does not exist already.
 *
 * @throws pulumi.RunError before anything is made, with all that is wrong in `args`
 */
export class HostNetwork extends pulumi.ComponentResource {
  readonly vcnId: pulumi.Output<string>;
  /** OCID of the shared list; undefined where every subnet existed already and keeps its own. */
  readonly securityListId: pulumi.Output<string> | undefined;
  /** OCIDs of the subnets by the names in `subnets`. */
  readonly subnetIds: Record<string, pulumi.Output<string>>;

  constructor(name: string, args: HostNetworkArgs, opts?: pulumi.ComponentResourceOptions) {
    super("oci-vxlan:index:HostNetwork", name, {}, opts);
    const problems = [
      ...problemWithOcid(args.compartmentId, ["compartment", "tenancy"], "compartmentId"),
      ...validateNetwork(args, "", args.memberCidrs),
    ];
    if (problems.length > 0) {
      throw new pulumi.RunError(`HostNetwork "${name}" cannot be built:\n${describeProblems(problems)}`);
    }
    for (const warning of networkWarnings(args, "")) void pulumi.log.warn(warning, this);

    const shared = {
      compartmentId: args.compartmentId,
      ...(args.tags ? { freeformTags: args.tags } : {}),
    };
    const displayName = args.displayName ?? `${pulumi.getProject()}-${pulumi.getStack()}`;
    const vcn = this.vcn(name, args, { ...shared, displayName });
    const list = this.securityList(name, args, vcn, shared);

    const subnets = Object.entries(args.subnets).map(([subnet, { cidr, id }]) => {
      if (cidr === undefined) return [subnet, pulumi.output(id as pulumi.Input<string>)] as const;
      const made = new Subnet(
        `${name}-${subnet}-subnet`,
        {
          ...shared,
          vcnId: vcn.id,
          cidrBlock: cidr,
          displayName: subnet,
          ...(vcn.routeTableId === undefined ? {} : { routeTableId: vcn.routeTableId }),
          securityListIds: [...(list ? [list] : []), ...(args.securityList?.additionalIds ?? [])],
        },
        { parent: this },
      );
      return [subnet, made.id] as const;
    });

    this.vcnId = vcn.id;
    this.securityListId = list;
    this.subnetIds = Object.fromEntries(subnets);
    this.registerOutputs({
      vcnId: this.vcnId,
      securityListId: this.securityListId,
      subnetIds: this.subnetIds,
    });
  }

  /** The VCN with its way out, or what is known of the one that exists. */
  private vcn(
    name: string,
    { vcn }: HostNetworkArgs,
    shared: { compartmentId: pulumi.Input<string>; displayName: string },
  ) {
    if (vcn.cidr === undefined) {
      const id = pulumi.output(vcn.id as pulumi.Input<string>);
      const defaultListId = () => getVcnOutput({ vcnId: id }, { parent: this }).defaultSecurityListId;
      return { id, routeTableId: vcn.routeTableId, defaultListId };
    }
    const made = new Vcn(`${name}-vcn`, { ...shared, cidrBlocks: [vcn.cidr] }, { parent: this });
    const gateway = new InternetGateway(
      `${name}-gateway`,
      { ...shared, vcnId: made.id, enabled: true },
      { parent: this },
    );
    const routes = new RouteTable(
      `${name}-routes`,
      {
        ...shared,
        vcnId: made.id,
        routeRules: [
          { destination: "0.0.0.0/0", destinationType: "CIDR_BLOCK", networkEntityId: gateway.id },
        ],
      },
      { parent: this },
    );
    return { id: made.id, routeTableId: routes.id, defaultListId: () => made.defaultSecurityListId };
  }

  /** The shared list: one that is made, or the VCN's own; none where no subnet is made that could have it. */
  private securityList(
    name: string,
    args: HostNetworkArgs,
    vcn: { id: pulumi.Output<string>; defaultListId: () => pulumi.Output<string> },
    shared: { compartmentId: pulumi.Input<string>; freeformTags?: Record<string, string> },
  ): pulumi.Output<string> | undefined {
    const { securityList = {}, subnets } = args;
    const isMade = Object.values(subnets).some(({ cidr }) => cidr !== undefined);
    if (!isMade && securityList.default !== true) return undefined;
    const rules = this.subnetCidrs(args).apply((cidrs) =>
      securityRules({
        members: [...cidrs, ...(args.memberCidrs ?? [])],
        operatorCidrs: args.operatorCidrs,
        vxlanPort: args.vxlanPort ?? DEFAULT_PORT,
        sshPort: args.sshPort ?? 22,
        stateful: securityList.stateful ?? false,
        ingress: securityList.ingress ?? [],
        egress: securityList.egress ?? [],
      }),
    );
    const content = { ...shared, ingressSecurityRules: rules.ingress, egressSecurityRules: rules.egress };
    if (securityList.default === true) {
      return new DefaultSecurityList(
        `${name}-security-list`,
        { ...content, manageDefaultResourceId: vcn.defaultListId() },
        { parent: this },
      ).id;
    }
    return new SecurityList(
      `${name}-security-list`,
      { ...content, vcnId: vcn.id, displayName: securityList.name ?? DEFAULT_SECURITY_LIST },
      { parent: this },
    ).id;
  }

  /** The CIDRs of all subnets; those of subnets that exist are looked up. */
  private subnetCidrs({ subnets }: HostNetworkArgs): pulumi.Output<string[]> {
    return pulumi.all(
      Object.values(subnets).map(({ cidr, id }) =>
        cidr === undefined
          ? getSubnetOutput({ subnetId: id as pulumi.Input<string> }, { parent: this }).cidrBlock
          : pulumi.output(cidr),
      ),
    );
  }
}
