import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startCloud } from "../../cloud/daemonControl.ts";
import { changeFaults } from "../../cloud/faults.ts";
import { SECOND_COMPARTMENT } from "../../cloud/region.ts";
import { until } from "../../system/commands.ts";
import { removeLab } from "../../cli/teardown.ts";
import { openLab } from "../../system/lab.ts";
import { silentProgress } from "../../system/progress.ts";
import { OciProgram } from "./ociProgram.ts";

/** Resources are created, changed and deleted alike by the stand-in and by the official plugin (LAB_OCI_PLUGIN). */
describe("the oci plugin", () => {
  let program: OciProgram;
  const name = "test-oci-plugin";

  beforeAll(async () => {
    await removeLab(openLab(name));
    const lab = openLab(name);
    await startCloud(lab, silentProgress);
    program = await OciProgram.prepare(lab);
  });
  afterAll(() => removeLab(openLab(name)));

  const WARNING = /warning|deprecated|unknown property/i;

  test("previews resources whose ids are not known yet", async () => {
    const { exitCode, text } = await program.preview();
    expect(exitCode, text).toBe(0);
    expect(text).toMatch(/\+ 13 to create/);
    expect(text).not.toMatch(WARNING);
  });

  test("creates one resource of each type, and waits until the instance runs", async () => {
    const { exitCode, text, counts } = await program.up();
    expect(exitCode, text).toBe(0);
    expect(counts).toEqual({ created: 13 });
    expect(text).not.toMatch(WARNING);
    const outputs = await program.outputs();
    expect(outputs).toMatchObject({ privateIp: "10.7.1.5", state: "RUNNING", router: "10.7.1.1" });
    expect(outputs.publicIp).toMatch(/^203\.0\.113\./);
    expect(outputs.natIp).toMatch(/^203\.0\.113\./);
    expect(outputs.imageName).toMatch(/^Canonical-Ubuntu-24\.04/);
  });

  test("keeps metadata secret in the state", async () => {
    const { text } = await program.pulumi(["stack", "export"]);
    expect(text).toContain("ocid1.instance");
    expect(text).not.toContain("I2Nsb3VkLWNvbmZpZwo=");
  });

  test("changes nothing in a second up", async () => {
    const { exitCode, text, counts } = await program.up();
    expect(exitCode, text).toBe(0);
    expect(counts).toEqual({ unchanged: 13 });
  });

  test("refreshes without a change", async () => {
    const { exitCode, text, counts } = await program.refresh();
    expect(exitCode, text).toBe(0);
    expect(counts).toEqual({ unchanged: 13 });
  });

  test("updates resources in place", async () => {
    const rule = { protocol: "17", source: "10.7.1.0/24", udpOptions: { min: 8472, max: 8472 } };
    const overrides = {
      list: { displayName: "renamed", ingressSecurityRules: [rule] },
      default: { ingressSecurityRules: [] },
      gateway: { enabled: false },
      instance: { displayName: "renamed", freeformTags: { environment: "test" } },
      natGateway: { blockTraffic: true },
      serviceGateway: { displayName: "renamed" },
      group: { displayName: "renamed" },
      groupRule: { description: "VXLAN", udpOptions: { destinationPortRange: { min: 8472, max: 8472 } } },
    };
    const before = (await program.outputs()).instanceId;
    const { exitCode, text, counts } = await program.up(overrides);
    expect(exitCode, text).toBe(0);
    expect(counts).toEqual({ updated: 8, unchanged: 5 });
    const { instanceId, subnetLists } = await program.outputs();
    expect(instanceId).toBe(before);
    const { securityList } = await program.call("network", "getSecurityList", {
      securityListId: subnetLists[0],
    });
    expect(securityList.displayName).toBe("renamed");
    expect(securityList.ingressSecurityRules).toMatchObject([
      { protocol: "17", udpOptions: { destinationPortRange: { min: 8472, max: 8472 } } },
    ]);
    expect((await program.up(overrides)).counts).toEqual({ unchanged: 13 });
    expect((await program.up()).counts).toEqual({ updated: 8, unchanged: 5 });
  });

  test("gives an instance another image in place", async () => {
    const before = await program.outputs();
    const { items } = await program.call("compute", "listImages", {
      compartmentId: "ocid1.compartment.oc1..aaaaaaaalab",
      operatingSystem: "Oracle Linux",
      shape: "VM.Standard.E4.Flex",
    });
    const overrides = { instance: { sourceDetails: { sourceType: "image", sourceId: items[0].id } } };
    const { exitCode, text, counts } = await program.up(overrides);
    expect(exitCode, text).toBe(0);
    expect(counts).toEqual({ updated: 1, unchanged: 12 });
    const after = await program.outputs();
    expect({ ...after, bootVolumeId: "" }).toEqual({ ...before, bootVolumeId: "" });
    // The program recognizes the new image by its boot volume.
    expect(after.bootVolumeId).not.toBe(before.bootVolumeId);
    expect((await program.up(overrides)).counts).toEqual({ unchanged: 13 });
    expect((await program.up()).counts).toEqual({ updated: 1, unchanged: 12 });
  });

  test("releases and assigns a public address in place", async () => {
    const { instanceId } = await program.outputs();
    const outcome = await program.up({ vnic: { assignPublicIp: "false" } });
    expect(outcome.exitCode, outcome.text).toBe(0);
    expect(await program.outputs()).toMatchObject({ instanceId, publicIp: "" });
    expect((await program.up()).counts).toEqual({ updated: 1, unchanged: 12 });
    const { publicIp } = await program.outputs();
    expect(publicIp).toMatch(/^203\.0\.113\./);
  });

  const blocks = (...cidrBlocks: string[]) => ({ vcn: { cidrBlocks } });
  const presentBlocks = async () => {
    const { vcnId } = await program.outputs();
    return (await program.call("network", "getVcn", { vcnId })).vcn.cidrBlocks;
  };

  test("moves resources to another compartment in place, with other changes of them", async () => {
    const { instanceId } = await program.outputs();
    const movedResources = {
      ...blocks("10.7.0.0/16", "10.8.0.0/16"),
      all: { compartmentId: SECOND_COMPARTMENT },
      vnic: { assignPublicIp: "false" },
    };
    const { exitCode, text, counts } = await program.up(movedResources);
    expect(exitCode, text).toBe(0);
    expect(counts).toEqual({ updated: 10, unchanged: 3 });
    expect(await program.outputs()).toMatchObject({ instanceId, publicIp: "" });
    expect(await presentBlocks()).toEqual(["10.7.0.0/16", "10.8.0.0/16"]);
    const { instance } = await program.call("compute", "getInstance", { instanceId });
    expect(instance.compartmentId).toBe(SECOND_COMPARTMENT);
    expect((await program.up()).counts).toEqual({ updated: 10, unchanged: 3 });
    expect(await presentBlocks()).toEqual(["10.7.0.0/16"]);
  });

  test("changes a VCN's block in place, unless a subnet would be left out", async () => {
    const refusedUp = await program.up(blocks("10.7.2.0/24"));
    expect(refusedUp.exitCode).not.toBe(0);
    expect(refusedUp.text).toMatch(/400-InvalidParameter, .*10\.7\.1\.0\/24/);
    // The table can change only when the change of the VCN has ended.
    const outcome = await program.up({ ...blocks("10.7.0.0/17"), routes: { displayName: "renamed" } });
    expect(outcome.exitCode, outcome.text).toBe(0);
    expect(outcome.counts).toEqual({ updated: 2, unchanged: 11 });
    expect(await presentBlocks()).toEqual(["10.7.0.0/17"]);
    expect((await program.up()).counts).toEqual({ updated: 1, unchanged: 12 });
    expect(await presentBlocks()).toEqual(["10.7.0.0/16"]);
  });

  test("shows a change made without Pulumi in a refresh, and reverts it in the next up", async () => {
    const securityListId = (await program.outputs()).subnetLists[0];
    await program.call("network", "updateSecurityList", {
      securityListId,
      updateSecurityListDetails: { ingressSecurityRules: [] },
    });
    const refreshOutcome = await program.refresh();
    expect(refreshOutcome.exitCode, refreshOutcome.text).toBe(0);
    expect(refreshOutcome.counts).toEqual({ updated: 1, unchanged: 12 });
    expect((await program.up()).counts).toEqual({ updated: 1, unchanged: 12 });
    const { securityList } = await program.call("network", "getSecurityList", { securityListId });
    expect(securityList.ingressSecurityRules).toHaveLength(4);
  });

  test("adds a rule of a network security group again that was removed without Pulumi", async () => {
    const { groupId: networkSecurityGroupId, groupRuleId } = await program.outputs();
    await program.call("network", "removeNetworkSecurityGroupSecurityRules", {
      networkSecurityGroupId,
      removeNetworkSecurityGroupSecurityRulesDetails: { securityRuleIds: [groupRuleId] },
    });
    const refreshOutcome = await program.refresh();
    expect(refreshOutcome.exitCode, refreshOutcome.text).toBe(0);
    expect(refreshOutcome.counts).toEqual({ deleted: 1, unchanged: 12 });
    expect((await program.up()).counts).toEqual({ created: 1, unchanged: 12 });
    const { items } = await program.call("network", "listNetworkSecurityGroupSecurityRules", {
      networkSecurityGroupId,
    });
    expect(items).toMatchObject([
      { direction: "INGRESS", protocol: "17", source: networkSecurityGroupId, isStateless: true },
    ]);
  });

  test("takes an instance out of its network security group in place", async () => {
    const { instanceId, groupId: networkSecurityGroupId } = await program.outputs();
    const vnics = async () =>
      (await program.call("network", "listNetworkSecurityGroupVnics", { networkSecurityGroupId })).items;
    expect(await vnics()).toMatchObject([{ resourceId: instanceId }]);
    const out = { vnic: { nsgIds: [] } };
    expect((await program.up(out)).counts).toEqual({ updated: 1, unchanged: 12 });
    expect(await vnics()).toEqual([]);
    expect((await program.up(out)).counts).toEqual({ unchanged: 13 });
    expect((await program.up()).counts).toEqual({ updated: 1, unchanged: 12 });
    expect((await program.outputs()).instanceId).toBe(instanceId);
  });

  test("replaces an instance whose user data changes", async () => {
    const before = (await program.outputs()).instanceId;
    const overrides = { instance: { metadata: { user_data: "I2Nsb3VkLWNvbmZpZwojCg==" } } };
    const { exitCode, text, counts } = await program.up(overrides);
    expect(exitCode, text).toBe(0);
    expect(counts).toEqual({ replaced: 1, unchanged: 12 });
    expect((await program.outputs()).instanceId).not.toBe(before);
    const { instance } = await program.call("compute", "getInstance", { instanceId: before });
    expect(instance.lifecycleState).toBe("TERMINATED");
    expect((await program.up(overrides)).counts).toEqual({ unchanged: 13 });
  });

  const privateOverrides = {
    subnet: { prohibitPublicIpOnVnic: true, cidrBlock: "10.7.2.0/24" },
    vnic: { assignPublicIp: "false", privateIp: "10.7.2.5" },
  };

  test("replaces a subnet, and with it the instance in it", async () => {
    const { exitCode, text, counts } = await program.up(privateOverrides);
    expect(exitCode, text).toBe(0);
    expect(counts).toEqual({ replaced: 2, unchanged: 11 });
    expect((await program.outputs()).publicIp).toBe("");
  });

  test("creates an instance again that was terminated without Pulumi", async () => {
    const { instanceId } = await program.outputs();
    await program.call("compute", "terminateInstance", { instanceId });
    await until("the end of the instance", 30_000, async () => {
      const { instance } = await program.call("compute", "getInstance", { instanceId });
      return instance.lifecycleState === "TERMINATED";
    });
    const refreshOutcome = await program.refresh();
    expect(refreshOutcome.exitCode, refreshOutcome.text).toBe(0);
    expect(refreshOutcome.counts).toEqual({ deleted: 1, unchanged: 12 });
    expect((await program.up(privateOverrides)).counts).toEqual({ created: 1, unchanged: 12 });
  });

  test("reports the service's message and request id", async () => {
    const { exitCode, text } = await program.up({
      ...privateOverrides,
      gateway: { displayName: "x".repeat(300) },
    });
    expect(exitCode).not.toBe(0);
    expect(text).toMatch(/400-InvalidParameter, .*displayName/);
    expect(text).toMatch(/OPC request ID: \S+/);
    // A resource whose update failed is updated again, even without a change.
    expect((await program.up(privateOverrides)).counts).toEqual({ updated: 1, unchanged: 12 });
    expect((await program.up(privateOverrides)).counts).toEqual({ unchanged: 13 });
  });

  test("reports a lack of capacity, keeps the other resources, and continues in the next up", async () => {
    changeFaults(openLab(name), (faults) => (faults.capacity = 1));
    const replacingOverrides = {
      ...privateOverrides,
      instance: { metadata: { user_data: "I2Nsb3VkLWNvbmZpZwojIQo=" } },
    };
    const { exitCode, text } = await program.up(replacingOverrides);
    expect(exitCode).not.toBe(0);
    expect(text).toMatch(/500-InternalError, Out of host capacity\./);
    const { counts } = await program.up(replacingOverrides);
    expect(counts).toMatchObject({ unchanged: 12 });
    expect((await program.outputs()).state).toBe("RUNNING");
  });

  test("destroys all resources", async () => {
    const { exitCode, text, counts } = await program.destroy();
    expect(exitCode, text).toBe(0);
    expect(counts).toEqual({ deleted: 13 });
  });
});
