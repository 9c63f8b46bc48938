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
  const was = programView(securityList.properties, {
    ingressSecurityRules: [api, { ...api, protocol: "1", udpOptions: null, icmpOptions: { type: 8 } }],
    egressSecurityRules: [],
  });
  const changed = (wanted: object) => differences(securityList, was, wanted).changed;

  test("go to the API with their ports below their destination", () => {
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

  test("are the same in any order, and with what they leave out at its default", () => {
    expect(changed({ ingressSecurityRules: [ping, vxlan] })).toEqual([]);
    expect(
      changed({ ingressSecurityRules: [{ ...vxlan, stateless: false, description: "" }, ping] }),
    ).toEqual([]);
  });

  test.each([
    ["a rule less", [vxlan]],
    ["another port", [ping, { ...vxlan, udpOptions: { min: 8472, max: 8472 } }]],
    ["no port", [ping, { protocol: "17", source: "10.0.0.0/24" }]],
    ["without connection tracking", [ping, { ...vxlan, stateless: true }]],
    ["a code beside the type", [vxlan, { ...ping, icmpOptions: { type: 8, code: 0 } }]],
    ["none at all", undefined],
  ])("differ: %s", (_what, ingressSecurityRules) => {
    expect(changed({ ingressSecurityRules })).toEqual(["ingressSecurityRules"]);
  });
});

describe("the stand-in's instance", () => {
  const was = {
    availabilityDomain: "LAB:EU-FRANKFURT-1-AD-1",
    createVnicDetails: { subnetId: "a", privateIp: "10.0.0.2", assignPublicIp: "true" },
    metadata: { user_data: "eA==", ssh_authorized_keys: "k" },
    shape: "VM.Standard.E4.Flex",
    displayName: "host01",
  };
  const found = (change: object) => differences(instance, was, { ...was, ...change });

  test.each([
    ["another first boot", { metadata: { ...was.metadata, user_data: "eQ==" } }, "metadata"],
    ["another subnet", { createVnicDetails: { subnetId: "b" } }, "createVnicDetails"],
    ["a subnet that is not known yet", { createVnicDetails: { subnetId: UNKNOWN } }, "createVnicDetails"],
    ["another domain", { availabilityDomain: "LAB:EU-FRANKFURT-1-AD-2" }, "availabilityDomain"],
  ])("is replaced for %s", (_what, change, property) => {
    expect(found(change).replaces).toEqual([property]);
  });

  test.each([
    ["a name", { displayName: "host02" }],
    ["a shape", { shape: "VM.Standard.E5.Flex" }],
    ["further metadata", { metadata: { ...was.metadata, note: "n" } }],
    ["no public address", { createVnicDetails: { ...was.createVnicDetails, assignPublicIp: "false" } }],
  ])("is changed in place for %s", (_what, change) => {
    expect(found(change)).toMatchObject({ changed: [expect.any(String)], replaces: [] });
  });

  test("stays for what is left out, or written in another case", () => {
    expect(found({ displayName: undefined, shape: undefined }).changed).toEqual([]);
    expect(found({ availabilityDomain: "lab:eu-frankfurt-1-ad-1" }).changed).toEqual([]);
  });

  test("names what it does not know, at any depth", () => {
    const inputs = { shape: "x", platformConfig: {}, createVnicDetails: { vlanId: "v" }, timeCreated: "t" };
    expect(unknownPropertiesIn(instance.properties, inputs)).toEqual([
      "platformConfig",
      "createVnicDetails.vlanId",
      "timeCreated",
    ]);
  });
});

test("times and defined tags read as the real plugin writes them", () => {
  expect(time.toProgram("2026-11-23T17:00:10.120Z")).toBe("2026-11-23 17:00:10.12 +0000 UTC");
  expect(time.toProgram("2026-11-23T17:00:10.000Z")).toBe("2026-11-23 17:00:10 +0000 UTC");
  expect(definedTags.toApi({ "Operations.Cost.Center": "42" })).toEqual({
    Operations: { "Cost.Center": "42" },
  });
  expect(definedTags.compare({ "Operations.CostCenter": "42" }, { "operations.costcenter": "42" })).toBe(
    "none",
  );
});
