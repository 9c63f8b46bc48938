import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startCloud } from "../../cloud/daemonControl.ts";
import { changeFaults } from "../../cloud/faults.ts";
import { until } from "../../system/commands.ts";
import { removeLab } from "../../cli/teardown.ts";
import { openLab } from "../../system/lab.ts";
import { silentProgress } from "../../system/progress.ts";
import { OciProgram } from "./ociProgram.ts";

/** The same life with the stand-in and with the official plugin, whichever LAB_OCI_PLUGIN says. */
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

  test("previews what is not known yet", async () => {
    const { exitCode, text } = await program.preview();
    expect(exitCode, text).toBe(0);
    expect(text).toMatch(/\+ 8 to create/);
    expect(text).not.toMatch(WARNING);
  });

  test("creates one of each, and waits until the instance runs", async () => {
    const { exitCode, text, counts } = await program.up();
    expect(exitCode, text).toBe(0);
    expect(counts).toEqual({ created: 8 });
    expect(text).not.toMatch(WARNING);
    const outputs = await program.outputs();
    expect(outputs).toMatchObject({ privateIp: "10.7.1.5", state: "RUNNING", router: "10.7.1.1" });
    expect(outputs.publicIp).toMatch(/^203\.0\.113\./);
    expect(outputs.imageName).toMatch(/^Canonical-Ubuntu-24\.04/);
  });

  test("keeps metadata secret, which the API shows to whoever may read the instance", async () => {
    const { text } = await program.pulumi(["stack", "export"]);
    expect(text).toContain("ocid1.instance");
    expect(text).not.toContain("I2Nsb3VkLWNvbmZpZwo=");
  });

  test("finds nothing to do a second time", async () => {
    const { exitCode, text, counts } = await program.up();
    expect(exitCode, text).toBe(0);
    expect(counts).toEqual({ unchanged: 8 });
  });

  test("refresh finds nothing that changed", async () => {
    const { exitCode, text, counts } = await program.refresh();
    expect(exitCode, text).toBe(0);
    expect(counts).toEqual({ unchanged: 8 });
  });

  test("changes in place what can be changed in place", async () => {
    const rule = { protocol: "17", source: "10.7.1.0/24", udpOptions: { min: 8472, max: 8472 } };
    const wanted = {
      list: { displayName: "renamed", ingressSecurityRules: [rule] },
      default: { ingressSecurityRules: [] },
      gateway: { enabled: false },
      instance: { displayName: "renamed", freeformTags: { environment: "test" } },
    };
    const before = (await program.outputs()).instanceId;
    const { exitCode, text, counts } = await program.up(wanted);
    expect(exitCode, text).toBe(0);
    expect(counts).toEqual({ updated: 4, unchanged: 4 });
    const { instanceId, subnetLists } = await program.outputs();
    expect(instanceId).toBe(before);
    const { securityList } = await program.call("network", "getSecurityList", {
      securityListId: subnetLists[0],
    });
    expect(securityList.displayName).toBe("renamed");
    expect(securityList.ingressSecurityRules).toMatchObject([
      { protocol: "17", udpOptions: { destinationPortRange: { min: 8472, max: 8472 } } },
    ]);
    expect((await program.up(wanted)).counts).toEqual({ unchanged: 8 });
    expect((await program.up()).counts).toEqual({ updated: 4, unchanged: 4 });
  });

  test("gives an instance another image in place", async () => {
    const before = await program.outputs();
    const { items } = await program.call("compute", "listImages", {
      compartmentId: "ocid1.compartment.oc1..aaaaaaaalab",
      operatingSystem: "Oracle Linux",
      shape: "VM.Standard.E4.Flex",
    });
    const wanted = { instance: { sourceDetails: { sourceType: "image", sourceId: items[0].id } } };
    const { exitCode, text, counts } = await program.up(wanted);
    expect(exitCode, text).toBe(0);
    expect(counts).toEqual({ updated: 1, unchanged: 7 });
    const after = await program.outputs();
    expect({ ...after, bootVolumeId: "" }).toEqual({ ...before, bootVolumeId: "" });
    // By this the program can tell.
    expect(after.bootVolumeId).not.toBe(before.bootVolumeId);
    expect((await program.up(wanted)).counts).toEqual({ unchanged: 8 });
    expect((await program.up()).counts).toEqual({ updated: 1, unchanged: 7 });
  });

  test("takes and gives a public address in place", async () => {
    const { instanceId } = await program.outputs();
    const taken = await program.up({ vnic: { assignPublicIp: "false" } });
    expect(taken.exitCode, taken.text).toBe(0);
    expect(await program.outputs()).toMatchObject({ instanceId, publicIp: "" });
    expect((await program.up()).counts).toEqual({ updated: 1, unchanged: 7 });
    const { publicIp } = await program.outputs();
    expect(publicIp).toMatch(/^203\.0\.113\./);
  });

  test("shows what changed behind its back, and puts it right", async () => {
    const securityListId = (await program.outputs()).subnetLists[0];
    await program.call("network", "updateSecurityList", {
      securityListId,
      updateSecurityListDetails: { ingressSecurityRules: [] },
    });
    const refreshed = await program.refresh();
    expect(refreshed.exitCode, refreshed.text).toBe(0);
    expect(refreshed.counts).toEqual({ updated: 1, unchanged: 7 });
    expect((await program.up()).counts).toEqual({ updated: 1, unchanged: 7 });
    const { securityList } = await program.call("network", "getSecurityList", { securityListId });
    expect(securityList.ingressSecurityRules).toHaveLength(4);
  });

  test("replaces an instance whose first boot would differ", async () => {
    const before = (await program.outputs()).instanceId;
    const wanted = { instance: { metadata: { user_data: "I2Nsb3VkLWNvbmZpZwojCg==" } } };
    const { exitCode, text, counts } = await program.up(wanted);
    expect(exitCode, text).toBe(0);
    expect(counts).toEqual({ replaced: 1, unchanged: 7 });
    expect((await program.outputs()).instanceId).not.toBe(before);
    const { instance } = await program.call("compute", "getInstance", { instanceId: before });
    expect(instance.lifecycleState).toBe("TERMINATED");
    expect((await program.up(wanted)).counts).toEqual({ unchanged: 8 });
  });

  const closed = {
    subnet: { prohibitPublicIpOnVnic: true, cidrBlock: "10.7.2.0/24" },
    vnic: { assignPublicIp: "false", privateIp: "10.7.2.5" },
  };

  test("replaces a subnet, and with it the instance in it", async () => {
    const { exitCode, text, counts } = await program.up(closed);
    expect(exitCode, text).toBe(0);
    expect(counts).toEqual({ replaced: 2, unchanged: 6 });
    expect((await program.outputs()).publicIp).toBe("");
  });

  test("makes anew what was terminated behind its back", async () => {
    const { instanceId } = await program.outputs();
    await program.call("compute", "terminateInstance", { instanceId });
    await until("the end of the instance", 30_000, async () => {
      const { instance } = await program.call("compute", "getInstance", { instanceId });
      return instance.lifecycleState === "TERMINATED";
    });
    const refreshed = await program.refresh();
    expect(refreshed.exitCode, refreshed.text).toBe(0);
    expect(refreshed.counts).toEqual({ deleted: 1, unchanged: 7 });
    expect((await program.up(closed)).counts).toEqual({ created: 1, unchanged: 7 });
  });

  test("says what the service says when it refuses", async () => {
    const { exitCode, text } = await program.up({ ...closed, gateway: { displayName: "x".repeat(300) } });
    expect(exitCode).not.toBe(0);
    expect(text).toMatch(/400-InvalidParameter, .*displayName/);
    expect(text).toMatch(/OPC request ID: \S+/);
    // The one that failed is done again, whatever it is asked to be.
    expect((await program.up(closed)).counts).toEqual({ updated: 1, unchanged: 7 });
    expect((await program.up(closed)).counts).toEqual({ unchanged: 8 });
  });

  test("without capacity it says so, keeps the rest, and goes on from there", async () => {
    changeFaults(openLab(name), (faults) => (faults.capacity = 1));
    const replaced = { ...closed, instance: { metadata: { user_data: "I2Nsb3VkLWNvbmZpZwojIQo=" } } };
    const { exitCode, text } = await program.up(replaced);
    expect(exitCode).not.toBe(0);
    expect(text).toMatch(/500-InternalError, Out of host capacity\./);
    const { counts } = await program.up(replaced);
    expect(counts).toMatchObject({ unchanged: 7 });
    expect((await program.outputs()).state).toBe("RUNNING");
  });

  test("destroys all of it", async () => {
    const { exitCode, text, counts } = await program.destroy();
    expect(exitCode, text).toBe(0);
    expect(counts).toEqual({ deleted: 8 });
  });
});
