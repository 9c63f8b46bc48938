import { readFileSync } from "node:fs";
import { COMPARTMENT, AVAILABILITY_DOMAINS } from "../../../cloud/region.ts";
import { until } from "../../../system/commands.ts";
import { loginKey } from "../../../hosts/keys.ts";
import type { Lab } from "../../../system/lab.ts";
import type { Sdk } from "./client.ts";

/** Creates the cloud's resources by Oracle's SDK. */
export class Builder {
  readonly sdk: Sdk;
  private readonly lab: Lab;

  constructor(lab: Lab, sdk: Sdk) {
    this.lab = lab;
    this.sdk = sdk;
  }

  async vcn(cidr: string, details: object = {}): Promise<any> {
    const createVcnDetails = { compartmentId: COMPARTMENT, cidrBlocks: [cidr], ...details };
    return (await this.sdk.call("network", "createVcn", { createVcnDetails })).vcn;
  }

  /** An internet gateway, and a route table with a default route to it. */
  async internetAccess(vcnId: string): Promise<{ gateway: any; table: any }> {
    const { internetGateway: gateway } = await this.sdk.call("network", "createInternetGateway", {
      createInternetGatewayDetails: { compartmentId: COMPARTMENT, vcnId, isEnabled: true },
    });
    const route = { destination: "0.0.0.0/0", destinationType: "CIDR_BLOCK", networkEntityId: gateway.id };
    return { gateway, table: await this.routeTable(vcnId, [route]) };
  }

  async natGateway(vcnId: string): Promise<any> {
    const createNatGatewayDetails = { compartmentId: COMPARTMENT, vcnId };
    return (await this.sdk.call("network", "createNatGateway", { createNatGatewayDetails })).natGateway;
  }

  async routeTable(vcnId: string, routeRules: object[]): Promise<any> {
    const createRouteTableDetails = { compartmentId: COMPARTMENT, vcnId, routeRules };
    return (await this.sdk.call("network", "createRouteTable", { createRouteTableDetails })).routeTable;
  }

  async securityList(vcnId: string, ingress: object[], egress: object[], details: object = {}): Promise<any> {
    const { securityList } = await this.sdk.call("network", "createSecurityList", {
      createSecurityListDetails: {
        compartmentId: COMPARTMENT,
        vcnId,
        ingressSecurityRules: ingress,
        egressSecurityRules: egress,
        ...details,
      },
    });
    return securityList;
  }

  /** @param rules AddSecurityRuleDetails, 25 at most */
  async securityGroup(vcnId: string, rules: object[], details: object = {}): Promise<any> {
    const { networkSecurityGroup: group } = await this.sdk.call("network", "createNetworkSecurityGroup", {
      createNetworkSecurityGroupDetails: { compartmentId: COMPARTMENT, vcnId, ...details },
    });
    if (rules.length > 0)
      await this.sdk.call("network", "addNetworkSecurityGroupSecurityRules", {
        networkSecurityGroupId: group.id,
        addNetworkSecurityGroupSecurityRulesDetails: { securityRules: rules },
      });
    return group;
  }

  async subnet(vcnId: string, cidrBlock: string, details: object = {}): Promise<any> {
    const createSubnetDetails = { compartmentId: COMPARTMENT, vcnId, cidrBlock, ...details };
    return (await this.sdk.call("network", "createSubnet", { createSubnetDetails })).subnet;
  }

  /** A platform image that x86 shapes run. */
  async image(operatingSystem = "Canonical Ubuntu"): Promise<any> {
    const request = { compartmentId: COMPARTMENT, operatingSystem, shape: "VM.Standard.E4.Flex" };
    const { items } = await this.sdk.call("compute", "listImages", request);
    return items.find(({ baseImageId }: any) => !baseImageId);
  }

  /** The details of a launch in a subnet, which a test may change. */
  async launchDetails(displayName: string, subnetId: string, privateIp?: string): Promise<any> {
    return {
      compartmentId: COMPARTMENT,
      availabilityDomain: AVAILABILITY_DOMAINS[0],
      displayName,
      shape: "VM.Standard.E4.Flex",
      shapeConfig: { ocpus: 1, memoryInGBs: 4 },
      sourceDetails: { sourceType: "image", imageId: (await this.image()).id },
      createVnicDetails: { subnetId, privateIp },
      metadata: { ssh_authorized_keys: readFileSync(`${loginKey(this.lab)}.pub`, "utf8") },
    };
  }

  async launch(displayName: string, subnetId: string, privateIp?: string): Promise<any> {
    const launchInstanceDetails = await this.launchDetails(displayName, subnetId, privateIp);
    return (await this.sdk.call("compute", "launchInstance", { launchInstanceDetails })).instance;
  }

  async state(instanceId: string): Promise<string> {
    return (await this.sdk.call("compute", "getInstance", { instanceId })).instance.lifecycleState;
  }

  /** Waits for an instance's state, and returns the other states that it had until then. */
  async awaitState(instanceId: string, target: string, limit = 60_000): Promise<string[]> {
    const otherStates = new Set<string>();
    await until(`${target} of ${instanceId}`, limit, async () => {
      const state = await this.state(instanceId);
      if (state === target) return true;
      otherStates.add(state);
      return false;
    });
    return [...otherStates];
  }
}
