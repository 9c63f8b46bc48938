import { describe, expect, test } from "vitest";
import { lostParts } from "../../components/lostNetworkParts.ts";

describe("a part of the network that a killed run created", () => {
  const inputs = { compartmentId: "ocid1.compartment", vcnId: "ocid1.vcn", displayName: "host01" };
  const LOST_PART = { id: "lost", state: "AVAILABLE", displayName: "host01" };

  test("is recognised by its name, in whatever state it is", () => {
    for (const state of ["PROVISIONING", "AVAILABLE", "UPDATING"])
      expect(lostParts(inputs, [{ ...LOST_PART, state }])).toEqual(["lost"]);
  });
  test("is none that is deleted just now, or has another name", () => {
    for (const state of ["TERMINATING", "TERMINATED"])
      expect(lostParts(inputs, [{ ...LOST_PART, state }])).toEqual([]);
    expect(lostParts(inputs, [{ ...LOST_PART, displayName: "host02" }])).toEqual([]);
  });
  test("has the CIDR of the subnet, or those of the VCN", () => {
    const subnet = { ...inputs, cidrBlock: "10.0.0.0/24" };
    expect(lostParts(subnet, [{ ...LOST_PART, cidrBlock: "10.0.0.0/24" }])).toEqual(["lost"]);
    expect(lostParts(subnet, [{ ...LOST_PART, cidrBlock: "10.0.1.0/24" }])).toEqual([]);
    const vcn = { ...inputs, cidrBlocks: ["10.0.0.0/16"] };
    expect(lostParts(vcn, [{ ...LOST_PART, cidrBlocks: ["10.1.0.0/16", "10.0.0.0/16"] }])).toEqual(["lost"]);
    expect(lostParts(vcn, [{ ...LOST_PART, cidrBlocks: ["10.1.0.0/16"] }])).toEqual([]);
  });
  test("leads to the gateways of the route table", () => {
    const routesTo = (...gateways: string[]) => ({
      routeRules: gateways.map((networkEntityId) => ({ networkEntityId })),
    });
    const table = { ...inputs, ...routesTo("nat", "service") };
    expect(lostParts(table, [{ ...LOST_PART, ...routesTo("service", "nat") }])).toEqual(["lost"]);
    expect(lostParts(table, [{ ...LOST_PART, ...routesTo("internet") }, LOST_PART])).toEqual([]);
  });
});
