import { isDeepStrictEqual } from "node:util";
import { DefaultSecurityList } from "@pulumi/oci/core/defaultSecurityList.js";
import { getServicesOutput } from "@pulumi/oci/core/getServices.js";
import { getSubnetOutput } from "@pulumi/oci/core/getSubnet.js";
import { getVcnOutput } from "@pulumi/oci/core/getVcn.js";
import { InternetGateway } from "@pulumi/oci/core/internetGateway.js";
import { NatGateway } from "@pulumi/oci/core/natGateway.js";
import { RouteTable } from "@pulumi/oci/core/routeTable.js";
import { SecurityList } from "@pulumi/oci/core/securityList.js";
import { ServiceGateway } from "@pulumi/oci/core/serviceGateway.js";
import { Subnet } from "@pulumi/oci/core/subnet.js";
import { Vcn } from "@pulumi/oci/core/vcn.js";
import * as pulumi from "@pulumi/pulumi";
import { adviceOnError } from "./errorAdvice.ts";
import { warnOfLostParts } from "./lostNetworkParts.ts";
import { groupRules } from "./oci/groupRules.ts";
import { chooseAllServices } from "./oci/lookups.ts";
import { securityRules } from "./oci/securityRules.ts";
import type { SecurityRule } from "./oci/securityRules.ts";
import { DEFAULT_SECURITY_LIST } from "./oci/settings.ts";
import { problemWithOcid } from "./oci/ocid.ts";
import { networkWarnings, validateNetwork } from "./oci/validation/network.ts";
import { DEFAULT_SSH_PORT } from "./remoteCommand.ts";
import { createSecurityGroup } from "./securityGroup.ts";
import type { SecurityGroup } from "./securityGroup.ts";
import { refuseInvalid } from "./validation.ts";
import type { Problem } from "./vxlan/problems.ts";
import { DEFAULT_PORT } from "./vxlan/settings.ts";

// Each resource is imported from its own module. The package's index loads all of Oracle's services, and its core index
// all of that service, which takes every run half a second.

/** The hosts' VCN: a new one by `cidr`, or an existing one by `id`. */
export interface VcnArgs {
  /**
   * IPv4 CIDR of a new VCN, /16 to /30. It gets an internet gateway for public subnets, a NAT gateway and a service
   * gateway for private ones, and route tables that lead to them. *Updatable* by OCI's rules.
   */
  cidr?: string;
  /** OCID of an existing VCN; its gateways and routes stay as they are. *Replaces* what was created in it. */
  id?: pulumi.Input<string>;
  /** Beside `id`: OCID of the route table of new subnets. Default: the VCN's default one. *Updatable.* */
  routeTableId?: pulumi.Input<string>;
}

/** The Security List that all hosts share. With `securityGroup`, name and rules are those of the group too. */
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
  /**
   * Whether no host in a new subnet has a public address. In a new VCN, such hosts reach the internet by a NAT gateway,
   * and Oracle's services by a service gateway. Default false. *Replaces* the subnet and the hosts in it, and needs
   * another `cidr`.
   */
  private?: boolean;
}

/** The hosts' network, as an environment's config describes it. */
export interface NetworkArgs {
  vcn: VcnArgs;
  securityList?: SecurityListArgs;
  /**
   * Whether the hosts' VNICs join a Network Security Group that has the rules. In a subnet that exists, they are its
   * only rules of this program. A new subnet has the shared list as well; with `only`, that list has no rules. `false`
   * takes the hosts out of all groups. Default: their groups are left as they are. *Updatable*; write `false` to switch
   * it off, and `true` for one run before `only`.
   */
  securityGroup?: boolean | "only";
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

/** What the resources in a new VCN have in common. */
interface InVcnArgs extends CommonArgs {
  displayName: string;
  vcnId: pulumi.Output<string>;
}

interface RouteRule {
  destination: pulumi.Input<string>;
  destinationType: string;
  networkEntityId: pulumi.Output<string>;
}

const toInternet = (networkEntityId: pulumi.Output<string>): RouteRule => ({
  destination: "0.0.0.0/0",
  destinationType: "CIDR_BLOCK",
  networkEntityId,
});

/** The VCN, new or existing. */
interface HostVcn {
  id: pulumi.Output<string>;
  /** Route tables of new subnets; undefined: the VCN's default one. */
  publicRoutes: pulumi.Input<string> | undefined;
  privateRoutes: pulumi.Input<string> | undefined;
  /** Looks up the VCN's default Security List. */
  defaultListId: () => pulumi.Output<string>;
}

/**
 * The underlay: a VCN with internet access, one shared Security List, and subnets. The list admits VXLAN and
 * echoes between the members, and SSH from `operatorCidrs`; the hosts may reach anything.
 *
 * Children: `<name>-vcn`, `<name>-security-list` and `<name>-<subnet>-subnet`, each only where it does not exist
 * already. With `securityGroup`, `<name>-security-group` and a child for each rule of it, such as
 * `<name>-ingress-udp-4789-stateless-from-group`. In a new VCN, `<name>-gateway` and `<name>-routes` where a subnet is
 * public; `<name>-nat-gateway`, `<name>-service-gateway` and `<name>-private-routes` where one is private.
 *
 * @throws pulumi.RunError with all problems of `args`, before any resource is created
 */
export class HostNetwork extends pulumi.ComponentResource {
  readonly vcnId: pulumi.Output<string>;
  /** OCID of the shared list; undefined where all subnets existed already, since they keep their own lists. */
  readonly securityListId: pulumi.Output<string> | undefined;
  /** OCID of the Network Security Group for the hosts' VNICs; undefined without `securityGroup`. */
  readonly securityGroupId: pulumi.Output<string> | undefined;
  /** The rules of that group: a host that depends on them joins it when they are there. */
  readonly securityGroupRules: readonly pulumi.Resource[];
  /** OCIDs of the subnets by the names in `subnets`. */
  readonly subnetIds: Record<string, pulumi.Output<string>>;

  private readonly networkName: string;
  private readonly common: CommonArgs;
  /** Options of what this network creates, except for the VCN's default list and the group's rules. */
  private readonly partOptions: pulumi.CustomResourceOptions;

  constructor(name: string, args: HostNetworkArgs, opts?: pulumi.ComponentResourceOptions) {
    super("oci-vxlan:index:HostNetwork", name, {}, opts);
    refuseInvalid("HostNetwork", name, args, validateArgs);
    for (const warning of networkWarnings(args, "")) void pulumi.log.warn(warning, this);
    this.networkName = name;
    this.common = { compartmentId: args.compartmentId, freeformTags: args.tags };
    this.partOptions = { parent: this, ...warnOfLostParts(name, args.vcn.cidr !== undefined, this) };

    const vcn = this.createVcn(args);
    this.vcnId = vcn.id;
    const group = this.createSecurityGroup(args, vcn);
    this.securityGroupId = group?.id;
    this.securityGroupRules = group?.rules ?? [];
    this.securityListId = this.createSecurityList(args, vcn);
    this.subnetIds = this.createSubnets(args, vcn);
    this.registerOutputs({
      vcnId: this.vcnId,
      securityListId: this.securityListId,
      securityGroupId: this.securityGroupId,
      subnetIds: this.subnetIds,
    });
  }

  /** A VCN with internet access, or the existing one. */
  private createVcn({ vcn, subnets, displayName }: HostNetworkArgs): HostVcn {
    if (vcn.cidr === undefined) {
      const id = idOutput(vcn.id);
      const defaultListId = () => getVcnOutput({ vcnId: id }, { parent: this }).defaultSecurityListId;
      return { id, publicRoutes: vcn.routeTableId, privateRoutes: vcn.routeTableId, defaultListId };
    }
    const common = {
      ...this.common,
      displayName: displayName ?? `${pulumi.getProject()}-${pulumi.getStack()}`,
    };
    const newVcn = new Vcn(`${this.networkName}-vcn`, { ...common, cidrBlocks: [vcn.cidr] }, this.vcnOptions);
    const inVcn = { ...common, vcnId: newVcn.id };
    const isPrivate = Object.values(subnets).map((subnet) => subnet.private ?? false);
    return {
      id: newVcn.id,
      publicRoutes: isPrivate.includes(false) ? this.createPublicRoutes(inVcn) : undefined,
      privateRoutes: isPrivate.includes(true) ? this.createPrivateRoutes(inVcn) : undefined,
      defaultListId: () => newVcn.defaultSecurityListId,
    };
  }

  /** Options of a new VCN: where Oracle refuses another range, it is said how to get there. */
  private get vcnOptions(): pulumi.CustomResourceOptions {
    const advice = adviceOnError(
      `${this.networkName}-cidr-advice`,
      this,
      ({ failedOperation, oldInputs, newInputs }) =>
        failedOperation === "update" &&
        !isDeepStrictEqual(oldInputs?.["cidrBlocks"], newInputs?.["cidrBlocks"])
          ? "vcn.cidr: the new range has to hold each subnet that exists, also those that this run would remove or change. " +
            "Set it back, run `pulumi up` for the subnets, then change it in a run of its own. " +
            "The hosts and their network are as before."
          : undefined,
    );
    return { ...this.partOptions, hooks: { ...this.partOptions.hooks, ...advice.hooks } };
  }

  /** A route table that leads to an internet gateway, which serves hosts with public addresses. */
  private createPublicRoutes(inVcn: InVcnArgs): pulumi.Output<string> {
    const gateway = new InternetGateway(
      `${this.networkName}-gateway`,
      { ...inVcn, enabled: true },
      this.partOptions,
    );
    return this.createRoutes(`${this.networkName}-routes`, inVcn, [toInternet(gateway.id)]);
  }

  /** A route table that leads to a NAT gateway, which serves hosts without public addresses, and to Oracle's services. */
  private createPrivateRoutes(inVcn: InVcnArgs): pulumi.Output<string> {
    const natGateway = new NatGateway(`${this.networkName}-nat-gateway`, inVcn, this.partOptions);
    const service = getServicesOutput({}, { parent: this }).services.apply(chooseAllServices);
    const serviceGateway = new ServiceGateway(
      `${this.networkName}-service-gateway`,
      { ...inVcn, services: [{ serviceId: service.id }] },
      this.partOptions,
    );
    const toServices = {
      destination: service.cidrBlock,
      destinationType: "SERVICE_CIDR_BLOCK",
      networkEntityId: serviceGateway.id,
    };
    return this.createRoutes(`${this.networkName}-private-routes`, inVcn, [
      toInternet(natGateway.id),
      toServices,
    ]);
  }

  private createRoutes(name: string, inVcn: InVcnArgs, routeRules: RouteRule[]): pulumi.Output<string> {
    return new RouteTable(name, { ...inVcn, routeRules }, this.partOptions).id;
  }

  /** The shared list, new or the VCN's default one; undefined where no new subnet needs it. */
  private createSecurityList(args: HostNetworkArgs, vcn: HostVcn): pulumi.Output<string> | undefined {
    const { securityList = {}, subnets } = args;
    const hasNewSubnet = Object.values(subnets).some(({ cidr }) => cidr !== undefined);
    if (!hasNewSubnet && securityList.default !== true) return undefined;
    const name = `${this.networkName}-security-list`;
    const rules = args.securityGroup === "only" ? { ingress: [], egress: [] } : this.securityRules(args);
    const content = {
      ...this.common,
      ingressSecurityRules: rules.ingress,
      egressSecurityRules: rules.egress,
    };
    if (securityList.default === true) {
      return new DefaultSecurityList(
        name,
        {
          ...content,
          // An existing VCN may be in another compartment, and its list stays in that one.
          compartmentId: args.vcn.cidr === undefined ? undefined : args.compartmentId,
          manageDefaultResourceId: vcn.defaultListId(),
        },
        { parent: this },
      ).id;
    }
    return new SecurityList(
      name,
      { ...content, vcnId: vcn.id, displayName: securityList.name ?? DEFAULT_SECURITY_LIST },
      this.partOptions,
    ).id;
  }

  private securityRules(args: HostNetworkArgs) {
    const { memberCidrs = [], jumpHostCidrs = [], jumpHostSubnets = [] } = args;
    return this.subnetCidrs(args).apply((cidrs) =>
      securityRules({
        ...commonSettings(args),
        members: [...Object.values(cidrs), ...memberCidrs],
        jumpHostCidrs: [...jumpHostCidrs, ...jumpHostSubnets.flatMap((name) => cidrs[name] ?? [])],
      }),
    );
  }

  /** The hosts' group with its rules; undefined where the config has none. */
  private createSecurityGroup(args: HostNetworkArgs, vcn: HostVcn): SecurityGroup | undefined {
    const { securityGroup = false, securityList, memberCidrs = [], jumpHostCidrs = [] } = args;
    if (securityGroup === false) return undefined;
    const rules = groupRules({
      ...commonSettings(args),
      outsideCidrs: memberCidrs,
      jumpHostCidrs,
      hasJumpHost: (args.jumpHostSubnets ?? []).length > 0,
    });
    const displayName = securityList?.name ?? DEFAULT_SECURITY_LIST;
    return createSecurityGroup(
      this.networkName,
      { ...this.common, vcnId: vcn.id, displayName },
      rules,
      this.partOptions,
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
    const subnetIds = Object.entries(args.subnets).map(([name, { cidr, id, private: isPrivate = false }]) => {
      if (cidr === undefined) return [name, idOutput(id)] as const;
      const subnet = new Subnet(
        `${this.networkName}-${name}-subnet`,
        {
          ...this.common,
          vcnId: vcn.id,
          cidrBlock: cidr,
          displayName: name,
          routeTableId: isPrivate ? vcn.privateRoutes : vcn.publicRoutes,
          securityListIds,
          prohibitPublicIpOnVnic: isPrivate,
        },
        this.partOptions,
      );
      return [name, subnet.id] as const;
    });
    return Object.fromEntries(subnetIds);
  }
}

/** The settings that a Security List and a Network Security Group have in common. */
const commonSettings = ({ operatorCidrs, vxlanPort, sshPort, securityList = {} }: HostNetworkArgs) => ({
  operatorCidrs,
  vxlanPort: vxlanPort ?? DEFAULT_PORT,
  sshPort: sshPort ?? DEFAULT_SSH_PORT,
  stateful: securityList.stateful ?? false,
  ingress: securityList.ingress ?? [],
  egress: securityList.egress ?? [],
});

function validateArgs(args: HostNetworkArgs): Problem[] {
  return [
    ...problemWithOcid(args.compartmentId, ["compartment", "tenancy"], "compartmentId"),
    ...validateNetwork(args, "", { outsideCidrs: args.memberCidrs, jumpHostCidrs: args.jumpHostCidrs }),
  ];
}

/** The OCID of something that exists. The validation has refused arguments with neither CIDR nor OCID. */
function idOutput(id: pulumi.Input<string> | undefined): pulumi.Output<string> {
  if (id === undefined) throw new Error("neither cidr nor id is given");
  return pulumi.output(id);
}
