import { describe, expect, test } from "vitest";
import {
  definedTags,
  programView,
  requestDetails,
  time,
  unknownPropertiesIn,
} from "../../pulumi/plugins/oci/codecs.ts";
import { instance } from "../../pulumi/plugins/oci/instance.ts";
import { differences } from "../../pulumi/plugins/oci/lifecycle.ts";
import { securityList } from "../../pulumi/plugins/oci/securityList.ts";

const UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";

describe("the stand-in's security rules", () => {
  const vxlan = { protocol: "17", source: "10.0.0.0/24", udpOptions: { min: 4789, max: 4789 } };
  const api = {
    protocol: "17",
    source: "10.0.0.0/24",
    sourceType: "CIDR_BLOCK",
    isStateless: false,
    udpOptions: { destinationPortRange: { min: 4789, max: 4789 } },
  };
  const ping = { protocol: "1", source: "10.0.0.0/24", icmpOptions: { type: 8 } };
  const state = programView(securityList.properties, {
    ingressSecurityRules: [api, { ...api, protocol: "1", udpOptions: null, icmpOptions: { type: 8 } }],
    egressSecurityRules: [],
  });
  const changed = (inputs: object) => differences(securityList, state, inputs).changed;

  test("go to the API with their ports in destinationPortRange", () => {
    expect(requestDetails(securityList.properties, { ingressSecurityRules: [vxlan] })).toEqual({
      ingressSecurityRules: [
        {
          protocol: "17",
          source: "10.0.0.0/24",
          udpOptions: { destinationPortRange: { min: 4789, max: 4789 } },
        },
      ],
    });
  });

  test("are equal in any order, and with defaults in place of omitted properties", () => {
    expect(changed({ ingressSecurityRules: [ping, vxlan] })).toEqual([]);
    expect(
      changed({ ingressSecurityRules: [{ ...vxlan, stateless: false, description: "" }, ping] }),
    ).toEqual([]);
  });

  test.each([
    ["one rule less", [vxlan]],
    ["another port", [ping, { ...vxlan, udpOptions: { min: 8472, max: 8472 } }]],
    ["no port", [ping, { protocol: "17", source: "10.0.0.0/24" }]],
    ["without connection tracking", [ping, { ...vxlan, stateless: true }]],
    ["a code beside the type", [vxlan, { ...ping, icmpOptions: { type: 8, code: 0 } }]],
    ["no rules", undefined],
  ])("differ: %s", (_what, ingressSecurityRules) => {
    expect(changed({ ingressSecurityRules })).toEqual(["ingressSecurityRules"]);
  });
});

describe("the stand-in's instance", () => {
  const state = {
    availabilityDomain: "LAB:EU-FRANKFURT-1-AD-1",
    createVnicDetails: { subnetId: "a", privateIp: "10.0.0.2", assignPublicIp: "true" },
    metadata: { user_data: "eA==", ssh_authorized_keys: "k" },
    shape: "VM.Standard.E4.Flex",
    displayName: "host01",
  };
  const differencesFor = (change: object) => differences(instance, state, { ...state, ...change });

  test.each([
    ["other user data", { metadata: { ...state.metadata, user_data: "eQ==" } }, "metadata"],
    ["another subnet", { createVnicDetails: { subnetId: "b" } }, "createVnicDetails"],
    ["a subnet that is not known yet", { createVnicDetails: { subnetId: UNKNOWN } }, "createVnicDetails"],
    ["another domain", { availabilityDomain: "LAB:EU-FRANKFURT-1-AD-2" }, "availabilityDomain"],
  ])("is replaced for %s", (_what, change, property) => {
    expect(differencesFor(change).replaces).toEqual([property]);
  });

  test.each([
    ["a name", { displayName: "host02" }],
    ["a shape", { shape: "VM.Standard.E5.Flex" }],
    ["further metadata", { metadata: { ...state.metadata, note: "n" } }],
    ["no public address", { createVnicDetails: { ...state.createVnicDetails, assignPublicIp: "false" } }],
  ])("is changed in place for %s", (_what, change) => {
    expect(differencesFor(change)).toMatchObject({ changed: [expect.any(String)], replaces: [] });
  });

  test("is unchanged where a property is omitted, or is written in another case", () => {
    expect(differencesFor({ displayName: undefined, shape: undefined }).changed).toEqual([]);
    expect(differencesFor({ availabilityDomain: "lab:eu-frankfurt-1-ad-1" }).changed).toEqual([]);
  });

  test("names unknown properties at any depth", () => {
    const inputs = { shape: "x", platformConfig: {}, createVnicDetails: { vlanId: "v" }, timeCreated: "t" };
    expect(unknownPropertiesIn(instance.properties, inputs)).toEqual([
      "platformConfig",
      "createVnicDetails.vlanId",
      "timeCreated",
    ]);
  });
});

test("times and defined tags have the official plugin's form", () => {
  expect(time.toProgram("2026-11-23T17:00:10.120Z")).toBe("2026-11-23 17:00:10.12 +0000 UTC");
  expect(time.toProgram("2026-11-23T17:00:10.000Z")).toBe("2026-11-23 17:00:10 +0000 UTC");
  expect(definedTags.toApi({ "Operations.Cost.Center": "42" })).toEqual({
    Operations: { "Cost.Center": "42" },
  });
  expect(definedTags.compare({ "Operations.CostCenter": "42" }, { "operations.costcenter": "42" })).toBe(
    "none",
  );
});
