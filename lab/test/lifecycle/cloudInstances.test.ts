import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { runningCloud, startCloud } from "../../cloud/daemonControl.ts";
import { cloudLog, cloudPid, stateFile } from "../../cloud/daemonFiles.ts";
import { changeFaults, clearFaults, readFaults } from "../../cloud/faults.ts";
import { instancesOf, pinInstances } from "../../cloud/instances.ts";
import { AVAILABILITY_DOMAINS, COMPARTMENT, SECOND_COMPARTMENT, SERVICE_HOSTS } from "../../cloud/region.ts";
import { attempt, until } from "../../system/commands.ts";
import { runInHost } from "../../hosts/exec.ts";
import { isRunning } from "../../hosts/supervisor.ts";
import { killProcesses, memoryOf } from "../../system/processes.ts";
import { removeLab } from "../../cli/teardown.ts";
import { sshArgv } from "../../pulumi/ssh.ts";
import { openLab } from "../../system/lab.ts";
import type { Lab } from "../../system/lab.ts";
import { silentProgress } from "../../system/progress.ts";
import { Builder } from "./sdk/builders.ts";
import { Sdk } from "./sdk/client.ts";

/** The cloud's instances, by Oracle's own SDK: launch, power, images, and the death of the cloud's own process. */
describe("the cloud's instances", () => {
  let lab: Lab;
  let sdk: Sdk;
  let make: Builder;
  let vcn: any;
  let subnet: any;
  let instance: any;

  beforeAll(async () => {
    await removeLab(openLab("test-instances"));
    lab = openLab("test-instances");
    await startCloud(lab, silentProgress);
    sdk = new Sdk(lab);
    make = new Builder(lab, sdk);
    vcn = await make.vcn("10.0.0.0/16");
    const { table } = await make.internetAccess(vcn.id);
    const list = await make.securityList(vcn.id, [], []);
    subnet = await make.subnet(vcn.id, "10.0.1.0/24", {
      routeTableId: table.id,
      securityListIds: [list.id],
    });
  });
  afterAll(async () => {
    (sdk as Sdk | undefined)?.close(); // Undefined if beforeAll failed.
    await removeLab(lab);
  });

  const compute = (method: string, request: object) => sdk.call("compute", method, request);
  const network = (method: string, request: object) => sdk.call("network", method, request);
  const compartmentId = COMPARTMENT;
  const systemUp = () =>
    until("the system", 30_000, async () => {
      const state = await runInHost(lab, "host01", ["systemctl", "is-system-running"]).catch(() => "");
      return ["running", "degraded"].includes(state);
    });

  test("are PROVISIONING, then RUNNING, with a VNIC and a boot volume", async () => {
    instance = await make.launch("host01", subnet.id, "10.0.1.10");
    expect(instance).toMatchObject({
      lifecycleState: "PROVISIONING",
      region: "eu-frankfurt-1",
      shapeConfig: { ocpus: 1, memoryInGBs: 4 },
    });
    await make.awaitState(instance.id, "RUNNING");
    const { items: attachments } = await compute("listVnicAttachments", {
      compartmentId,
      instanceId: instance.id,
    });
    const { vnic } = await network("getVnic", { vnicId: attachments[0].vnicId });
    expect(vnic).toMatchObject({ privateIp: "10.0.1.10", publicIp: "203.0.113.2", isPrimary: true });
    const [availabilityDomain] = AVAILABILITY_DOMAINS;
    const { items: volumes } = await compute("listBootVolumeAttachments", {
      compartmentId,
      availabilityDomain,
      instanceId: instance.id,
    });
    const { bootVolume } = await sdk.call("storage", "getBootVolume", {
      bootVolumeId: volumes[0].bootVolumeId,
    });
    expect(bootVolume).toMatchObject({ sizeInGBs: 47, lifecycleState: "AVAILABLE" });
  });

  test("boot with the host name, address and login key of their launch", async () => {
    await until("cloud-init", 30_000, async () => {
      const on = await runInHost(lab, "host01", ["cloud-init", "status"]).catch(() => "");
      return on === "status: done";
    });
    expect(await runInHost(lab, "host01", ["hostname"])).toBe("host01");
    expect(await runInHost(lab, "host01", ["ip", "-o", "-4", "address", "show", "ens3"])).toContain(
      "10.0.1.10/24",
    );
    expect(await runInHost(lab, "host01", ["cat", "/home/opc/.ssh/authorized_keys"])).toContain(
      "ssh-ed25519",
    );
  });

  const launches: [string, (details: any) => void, number, string, RegExp][] = [
    [
      "a reserved address",
      (d) => (d.createVnicDetails.privateIp = "10.0.1.1"),
      400,
      "InvalidParameter",
      /10\.0\.1\.1 is reserved/,
    ],
    [
      "the last address",
      (d) => (d.createVnicDetails.privateIp = "10.0.1.255"),
      400,
      "InvalidParameter",
      /reserved/,
    ],
    [
      "an address in use",
      (d) => (d.createVnicDetails.privateIp = "10.0.1.10"),
      400,
      "InvalidParameter",
      /10\.0\.1\.10 is in use/,
    ],
    [
      "an address outside the subnet",
      (d) => (d.createVnicDetails.privateIp = "10.0.2.10"),
      400,
      "InvalidParameter",
      /not in the subnet/,
    ],
    ["an unknown shape", (d) => (d.shape = "VM.Huge"), 400, "InvalidParameter", /VM\.Huge/],
    [
      "a shape that does not run the image",
      (d) => (d.shape = "VM.Standard.A1.Flex"),
      400,
      "InvalidParameter",
      /not valid for the image/,
    ],
    [
      "a size for a fixed shape",
      (d) => (d.shape = "VM.Standard.E2.1.Micro"),
      400,
      "InvalidParameter",
      /fixed size/,
    ],
    [
      "an unknown availability domain",
      (d) => (d.availabilityDomain = "XYZ:AD-1"),
      400,
      "InvalidParameter",
      /XYZ:AD-1/,
    ],
    [
      "user data that is not Base64",
      (d) => (d.metadata.user_data = "#cloud-config"),
      400,
      "InvalidParameter",
      /Base64/,
    ],
    [
      "an unknown image",
      (d) => (d.sourceDetails.imageId = "ocid1.image.none"),
      404,
      "NotAuthorizedOrNotFound",
      /ocid1\.image\.none/,
    ],
  ];
  test.each(launches)("%s is refused at launch", async (_, change, status, code, message) => {
    const launchInstanceDetails = await make.launchDetails("refused", subnet.id);
    change(launchInstanceDetails);
    const refusal = await sdk.refusal("compute", "launchInstance", { launchInstanceDetails });
    expect([refusal.status, refusal.code]).toEqual([status, code]);
    expect(refusal.message).toMatch(message);
  });

  test("a public address where the subnet prohibits it is refused", async () => {
    const privateSubnet = await make.subnet(vcn.id, "10.0.5.0/24", { prohibitPublicIpOnVnic: true });
    const launchInstanceDetails = await make.launchDetails("refused", privateSubnet.id);
    launchInstanceDetails.createVnicDetails.assignPublicIp = true;
    const refusal = await sdk.refusal("compute", "launchInstance", { launchInstanceDetails });
    expect(refusal.message).toMatch(/prohibits public addresses/);
    await network("deleteSubnet", { subnetId: privateSubnet.id });
  });

  test("a subnet with an instance in it cannot be deleted", async () => {
    const refusal = await sdk.refusal("network", "deleteSubnet", { subnetId: subnet.id });
    expect([refusal.status, refusal.code]).toEqual([409, "Conflict"]);
  });

  test("change in place, except for metadata that is read at launch", async () => {
    const updateInstanceDetails = { displayName: "renamed", freeformTags: { team: "net" } };
    const { instance: changed } = await compute("updateInstance", {
      instanceId: instance.id,
      updateInstanceDetails,
    });
    expect(changed).toMatchObject(updateInstanceDetails);
    const refusal = await sdk.refusal("compute", "updateInstance", {
      instanceId: instance.id,
      updateInstanceDetails: { metadata: { ssh_authorized_keys: "ssh-ed25519 AAAA other" } },
    });
    expect(refusal.message).toMatch(/ssh_authorized_keys is read at launch/);
  });

  test("move to another compartment with their attachments; VNIC and boot volume stay", async () => {
    const instanceId = instance.id;
    const [availabilityDomain] = AVAILABILITY_DOMAINS;
    const move = (to: string) => ({ instanceId, changeInstanceCompartmentDetails: { compartmentId: to } });
    const attachments = async (place: string) => {
      const request = { compartmentId: place, instanceId };
      const vnics = (await compute("listVnicAttachments", request)).items;
      const volumes = (await compute("listBootVolumeAttachments", { ...request, availabilityDomain })).items;
      return [...vnics, ...volumes];
    };
    await compute("changeInstanceCompartment", move(SECOND_COMPARTMENT));
    expect(await attachments(compartmentId)).toEqual([]);
    const [{ vnicId }, { bootVolumeId }] = await attachments(SECOND_COMPARTMENT);
    const { vnic } = await network("getVnic", { vnicId });
    const { bootVolume } = await sdk.call("storage", "getBootVolume", { bootVolumeId });
    expect([vnic.compartmentId, bootVolume.compartmentId]).toEqual([compartmentId, compartmentId]);
    const refusal = await sdk.refusal("compute", "changeInstanceCompartment", move(`${compartmentId}x`));
    expect([refusal.status, refusal.code]).toEqual([404, "NotAuthorizedOrNotFound"]);
    await compute("changeInstanceCompartment", move(compartmentId));
    expect((await compute("getInstance", { instanceId })).instance).toMatchObject({
      compartmentId,
      lifecycleState: "RUNNING",
    });
  });

  const bootId = () =>
    runInHost(lab, "host01", ["cat", "/proc/sys/kernel/random/boot_id", "/etc/machine-id"]);
  const runAction = (action: string) => compute("instanceAction", { instanceId: instance.id, action });

  test("stop and start, gracefully or by force", async () => {
    for (const action of ["SOFTSTOP", "STOP"]) {
      const { lifecycleState } = (await runAction(action)).instance;
      expect(lifecycleState).toBe("STOPPING");
      await make.awaitState(instance.id, "STOPPED");
      expect(isRunning(lab, "host01")).toBe(false);
      const refusal = await sdk.refusal("compute", "instanceAction", { instanceId: instance.id, action });
      expect([refusal.status, refusal.code]).toEqual([409, "IncorrectState"]);
      await runAction("START");
      await make.awaitState(instance.id, "RUNNING");
      expect(isRunning(lab, "host01")).toBe(true);
    }
  });

  test("restart with the same machine id", async () => {
    const [, machine] = (await systemUp(), await bootId()).split("\n");
    for (const action of ["SOFTRESET", "RESET"]) {
      const [boot] = (await bootId()).split("\n");
      await runAction(action);
      await make.awaitState(instance.id, "RUNNING");
      await systemUp();
      const after = (await bootId()).split("\n");
      expect(after[1]).toBe(machine);
      expect(after[0]).not.toBe(boot);
    }
  });
  test("are STOPPED when their own system powers off", async () => {
    await systemUp();
    await runInHost(lab, "host01", ["systemctl", "poweroff"]);
    await make.awaitState(instance.id, "STOPPED");
    await runAction("START");
    await make.awaitState(instance.id, "RUNNING");
  });

  test("are STOPPED when they cannot boot, with the reason in the work request and the log", async () => {
    const { opcWorkRequestId } = await compute("updateInstance", {
      instanceId: instance.id,
      updateInstanceDetails: { displayName: "host01" },
    });
    await runAction("STOP");
    await make.awaitState(instance.id, "STOPPED");
    const init = join(lab.directory, "hosts/host01/written/usr/lib/systemd/systemd");
    mkdirSync(dirname(init), { recursive: true });
    writeFileSync(init, "#!/bin/sh\necho Too many open files; exit 1\n", { mode: 0o755 });
    await runAction("START");
    await make.awaitState(instance.id, "STOPPED");
    const reason = /Too many open files .* host01 ended with exit status 1/;
    const url = `https://${SERVICE_HOSTS[0]}/20160918/workRequests/${opcWorkRequestId}/errors`;
    expect((await sdk.call("raw", "send", { method: "GET", url })).body).toMatch(reason);
    expect(readFileSync(cloudLog(lab), "utf8")).toMatch(reason);
  });

  test("get a new disk with another image, behind the same VNIC", async () => {
    const launchedInstance = (await compute("getInstance", { instanceId: instance.id })).instance;
    const { items } = await compute("listImages", { compartmentId, operatingSystem: "Oracle Linux" });
    const image = items.find(({ displayName }: any) => !displayName.includes("aarch64"));
    const arm = items.find(({ displayName }: any) => displayName.includes("aarch64"));
    const change = (imageId: string) => ({
      instanceId: instance.id,
      updateInstanceDetails: { sourceDetails: { sourceType: "image", imageId } },
    });
    const refusal = await sdk.refusal("compute", "updateInstance", change(arm.id));
    expect([refusal.status, refusal.code]).toEqual([400, "InvalidParameter"]);

    await compute("updateInstance", change(image.id));
    await runAction("START");
    await make.awaitState(instance.id, "RUNNING");
    await systemUp();
    expect(await runInHost(lab, "host01", ["firewall-cmd", "--state"])).toBe("running");
    // Back to the first image, while the instance runs.
    await runInHost(lab, "host01", ["touch", "/etc/kept"]);
    const runningUpdate = await compute("updateInstance", change(launchedInstance.imageId));
    expect(runningUpdate.instance.lifecycleState).toBe("STOPPING");
    await make.awaitState(instance.id, "RUNNING");
    await systemUp();
    expect(await runInHost(lab, "host01", ["ls", "/etc"])).not.toContain("kept");
    const reimagedInstance = (await compute("getInstance", { instanceId: instance.id })).instance;
    expect(reimagedInstance.imageId).toBe(launchedInstance.imageId);
    const view = instancesOf(lab).find(({ host }) => host === "host01");
    expect(await runInHost(lab, "host01", ["ip", "-o", "-4", "address"])).toContain(`${view?.privateIp}/`);
  });

  describe("after the death of the cloud's process", () => {
    test("a new one has the same instances, and no host restarted", async () => {
      const before = (await compute("listInstances", { compartmentId })).items;
      await systemUp();
      const init = await runInHost(lab, "host01", ["cut", "-d ", "-f22", "/proc/1/stat"]);
      await killProcesses([runningCloud(lab) ?? 0]);
      expect(isRunning(lab, "host01")).toBe(true);
      await startCloud(lab, silentProgress);
      expect((await compute("listInstances", { compartmentId })).items).toEqual(before);
      expect(await runInHost(lab, "host01", ["cut", "-d ", "-f22", "/proc/1/stat"])).toBe(init);
    });

    test("a new one finishes a launch", async () => {
      const { id } = await make.launch("late", subnet.id);
      await killProcesses([runningCloud(lab) ?? 0]);
      await startCloud(lab, silentProgress);
      await make.awaitState(id, "RUNNING");
      expect(isRunning(lab, "late")).toBe(true);
      await compute("terminateInstance", { instanceId: id });
      await make.awaitState(id, "TERMINATED");
    });

    test("a second start changes nothing", async () => {
      const pid = readFileSync(cloudPid(lab), "utf8");
      await startCloud(lab, silentProgress);
      expect(readFileSync(cloudPid(lab), "utf8")).toBe(pid);
    });

    test("a new one takes less than 120 MB", () => {
      const pid = runningCloud(lab) ?? 0;
      expect(memoryOf([pid]) / 1024).toBeLessThan(120);
      const residentKilobytes = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
      expect(Number(residentKilobytes) / 1024).toBeLessThan(120);
    });
  });

  describe("an injected fault", () => {
    test("of no capacity answers one launch with 500", async () => {
      changeFaults(lab, (faults) => (faults.capacity = 1));
      const launchInstanceDetails = await make.launchDetails("unlucky", subnet.id);
      const refusal = await sdk.refusal("compute", "launchInstance", { launchInstanceDetails });
      expect([refusal.status, refusal.code, refusal.message]).toEqual([
        500,
        "InternalError",
        "Out of host capacity.",
      ]);
      const { items } = await compute("listInstances", { compartmentId, displayName: "unlucky" });
      expect(items).toEqual([]);
    });

    test("of a slow boot lets the instance run before its system does", async () => {
      changeFaults(lab, (faults) => (faults.bootDelay = 3600));
      const { id } = await make.launch("slow", subnet.id);
      await make.awaitState(id, "RUNNING");
      await expect(runInHost(lab, "slow", ["true"])).rejects.toThrow();
      await clearFaults(lab);
      await compute("terminateInstance", { instanceId: id });
      await make.awaitState(id, "TERMINATED", 10_000);
      expect(isRunning(lab, "slow")).toBe(false);
    });
  });

  test("an injected fault ends one launch in TERMINATED, and keeps another PROVISIONING until somebody ends it", async () => {
    changeFaults(lab, (faults) => (faults.failedLaunches = 1));
    const { id: failedId } = await make.launch("failed", subnet.id);
    await make.awaitState(failedId, "TERMINATED");
    changeFaults(lab, (faults) => (faults.stuckLaunches = 1));
    const { id: stuckId } = await make.launch("stuck", subnet.id);
    await make.awaitState(stuckId, "PROVISIONING");
    await compute("terminateInstance", { instanceId: stuckId });
    await make.awaitState(stuckId, "TERMINATED");
    expect(readFaults(lab)).toMatchObject({ failedLaunches: 0, stuckLaunches: 0 });
  });

  test("a terminated instance has no files and no keys, and is still listed", async () => {
    const userData = `#cloud-config\nssh_keys: {ed25519_private: secret-of-the-host}\n`;
    const launchInstanceDetails = await make.launchDetails("keyed", subnet.id);
    launchInstanceDetails.metadata.user_data = Buffer.from(userData).toString("base64");
    const { instance: instanceWithKey } = await compute("launchInstance", { launchInstanceDetails });
    const secret = launchInstanceDetails.metadata.user_data;
    expect(readFileSync(stateFile(lab), "utf8")).toContain(secret);
    await make.awaitState(instanceWithKey.id, "RUNNING");
    await compute("terminateInstance", { instanceId: instanceWithKey.id });
    await make.awaitState(instanceWithKey.id, "TERMINATED");
    expect(readFileSync(stateFile(lab), "utf8")).not.toContain(secret);
    expect(existsSync(join(lab.directory, "hosts", "keyed"))).toBe(false);
    const { items } = await compute("listInstances", { compartmentId, lifecycleState: "TERMINATED" });
    expect(items.map(({ id }: any) => id)).toContain(instanceWithKey.id);
  });

  test("the operator logs in to an instance by the host key on its disk", async () => {
    const ssh = {
      protocol: "6",
      source: "198.51.100.10/32",
      tcpOptions: { destinationPortRange: { min: 22, max: 22 } },
    };
    const out = { protocol: "all", destination: "0.0.0.0/0" };
    const { subnet: currentSubnet } = await network("getSubnet", { subnetId: subnet.id });
    await network("updateSecurityList", {
      securityListId: currentSubnet.securityListIds[0],
      updateSecurityListDetails: { ingressSecurityRules: [ssh], egressSecurityRules: [out] },
    });
    pinInstances(lab);
    await until("SSH", 30_000, async () => {
      const { exitCode } = await attempt(sshArgv(lab, "203.0.113.2", ["true"]));
      return exitCode === 0;
    });
  });

  test("all resources can be deleted, and nothing is left in the state", async () => {
    await compute("terminateInstance", { instanceId: instance.id });
    await make.awaitState(instance.id, "TERMINATED");
    const { subnet: currentSubnet } = await network("getSubnet", { subnetId: subnet.id });
    const { items: gateways } = await network("listInternetGateways", { compartmentId });
    const remove = async (kind: string, request: object) => {
      await network(`delete${kind}`, request);
      await until(`the end of the ${kind}`, 20_000, async () => {
        const answer = await network(`get${kind}`, request).catch(({ status }) => status);
        return answer === 404;
      });
    };
    await remove("Subnet", { subnetId: subnet.id });
    await remove("RouteTable", { rtId: currentSubnet.routeTableId });
    for (const securityListId of currentSubnet.securityListIds)
      await remove("SecurityList", { securityListId });
    await remove("InternetGateway", { igId: gateways[0].id });
    await remove("Vcn", { vcnId: vcn.id });
    const state = JSON.parse(readFileSync(stateFile(lab), "utf8"));
    const kinds = [
      "subnets",
      "securityLists",
      "routeTables",
      "vnics",
      "privateIps",
      "bootVolumes",
      "machines",
    ];
    for (const kind of kinds) expect([kind, Object.keys(state[kind])]).toEqual([kind, []]);
  });
});
