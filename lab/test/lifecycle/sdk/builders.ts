import { readFileSync } from "node:fs";
import { COMPARTMENT, AVAILABILITY_DOMAINS } from "../../../cloud/region.ts";
import { until } from "../../../system/commands.ts";
import { loginKey } from "../../../hosts/keys.ts";
import type { Lab } from "../../../system/lab.ts";
import type { Sdk } from "./client.ts";

/** What the cloud's tests make over and over, by Oracle's SDK. */
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

  /** An internet gateway, and a route table that sends everything outside through it. */
  async wayOut(vcnId: string): Promise<{ gateway: any; table: any }> {
    const { internetGateway: gateway } = await this.sdk.call("network", "createInternetGateway", {
      createInternetGatewayDetails: { compartmentId: COMPARTMENT, vcnId, isEnabled: true },
    });
    const routeRules = [
      { destination: "0.0.0.0/0", destinationType: "CIDR_BLOCK", networkEntityId: gateway.id },
    ];
    const { routeTable: table } = await this.sdk.call("network", "createRouteTable", {
      createRouteTableDetails: { compartmentId: COMPARTMENT, vcnId, routeRules },
    });
    return { gateway, table };
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

  async subnet(vcnId: string, cidrBlock: string, details: object = {}): Promise<any> {
    const createSubnetDetails = { compartmentId: COMPARTMENT, vcnId, cidrBlock, ...details };
    return (await this.sdk.call("network", "createSubnet", { createSubnetDetails })).subnet;
  }

  /** A platform image that x86 shapes run. */
  async image(operatingSystem = "Canonical Ubuntu"): Promise<any> {
    const request = { compartmentId: COMPARTMENT, operatingSystem, shape: "VM.Standard.E4.Flex" };
    return (await this.sdk.call("compute", "listImages", request)).items[0];
  }

  /** What a launch in a subnet takes. */
  async launchDetails(displayName: string, subnetId: string, privateIp?: string): Promise<any> {
    return {
      compartmentId: COMPARTMENT,
      availabilityDomain: AVAILABILITY_DOMAINS[0],
      displayName,
      shape: "VM.Standard.E4.Flex",
      shapeConfig: { ocpus: 1, memoryInGBs: 4 },
      sourceDetails: { sourceType: "image", imageId: (await this.image()).id },
      createVnicDetails: { subnetId, ...(privateIp === undefined ? {} : { privateIp }) },
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

  /** Waits for an instance's state, and returns the other states that were seen on the way. */
  async awaitState(instanceId: string, wanted: string, limit = 60_000): Promise<string[]> {
    const seen = new Set<string>();
    await until(`${wanted} of ${instanceId}`, limit, async () => {
      const state = await this.state(instanceId);
      if (state === wanted) return true;
      seen.add(state);
      return false;
    });
    return [...seen];
  }
}
