import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { runningCloud } from "../../cloud/daemonControl.ts";
import { stateFile } from "../../cloud/daemonFiles.ts";
import { allImages } from "../../cloud/model/image.ts";
import { AVAILABILITY_DOMAINS, COMPARTMENT, TENANCY } from "../../cloud/region.ts";
import { run, until } from "../../system/commands.ts";
import { listHosts } from "../../hosts/folders.ts";
import { isRunning } from "../../hosts/supervisor.ts";
import { removeLab } from "../../cli/teardown.ts";
import { openLab, ROOT } from "../../system/lab.ts";
import type { Lab } from "../../system/lab.ts";
import { namespacesOf } from "../../network/network.ts";
import { killProcesses } from "../../system/processes.ts";
import { ociCli } from "../support/ociCli.ts";
import { ALL_PASS } from "../support/outcome.ts";

const NAME = "test-cloud-cli";

/** `npm run lab`, as a person types it. */
const lab = (...args: string[]) =>
  execa("node", ["lab/setup/lab.mjs", ...args], {
    cwd: ROOT,
    reject: false,
    env: { LAB_NAME: NAME },
    stdin: "ignore",
  });

describe("npm run lab", () => {
  let testLab: Lab;
  let oci: Awaited<ReturnType<typeof ociCli>>;
  beforeAll(async () => {
    await removeLab(openLab(NAME));
    testLab = openLab(NAME);
    oci = await ociCli(testLab);
  });
  afterAll(() => removeLab(openLab(NAME)));

  /** The answer that Oracle's command line shows. */
  const ocli = async (...args: string[]): Promise<any> => {
    const { exitCode, stdout, stderr } = await oci(...args);
    expect(exitCode, stderr).toBe(0);
    return stdout.trim() === "" ? [] : JSON.parse(stdout).data;
  };
  /** The error that Oracle's command line shows. */
  const ociError = async (...args: string[]) => (await oci(...args)).stderr;
  const savedState = () => JSON.parse(readFileSync(stateFile(testLab), "utf8"));
  /** The options of a command in the stack's VCN. */
  const inVcn = () => ["--compartment-id", COMPARTMENT, "--vcn-id", ...Object.keys(savedState().vcns)];
  const overlayPasses = async () => {
    const { stdout } = await lab("ssh", "host01", "ping", "-c1", "-W2", "192.168.0.2");
    return stdout.includes("1 received");
  };

  test("without hosts, errors say how to start them", async () => {
    expect((await lab("ssh", "host01")).stderr).toBe("lab: there are no hosts: start them with npm run lab.");
    expect((await lab("ps")).stdout).toBe("nothing runs");
    expect((await lab("fault", "terminate", "host01")).stderr).toBe(
      "lab: there are no hosts: start them with npm run lab.",
    );
  });

  test("an unknown fault is refused with a list of the known ones", async () => {
    expect((await lab("fault", "flood")).stderr).toMatch(
      /^lab: there is no fault "flood": capacity \[COUNT \[AFTER\]\|DOMAIN…\|unknown\], /,
    );
    expect((await lab("fault", "slow-boot", "soon")).stderr).toBe(
      'lab: SECONDS is "soon": a number from 0 to 3600.',
    );
    expect((await lab("fault", "api", "Oops", "200")).stderr).toBe(
      'lab: STATUS is "200": a number from 400 to 599.',
    );
    expect((await lab("fault")).stdout).toBe("no faults");
  });

  test("with capacity for one host of two, up advises and keeps the first; the next up launches the second", async () => {
    expect((await lab("fault", "capacity", "1", "1")).stdout).toBe(
      "no capacity for the next launch after one",
    );
    const failedRun = await lab();
    expect(failedRun.exitCode).not.toBe(0);
    expect(failedRun.stdout).toContain("Out of host capacity");
    expect(failedRun.stdout).toMatch(
      /Oracle has no capacity left for host0[12] .*another availabilityDomain/,
    );
    const remainingHosts = listHosts(testLab);
    expect(remainingHosts).toHaveLength(1);
    const machines = () =>
      remainingHosts.map((host) => readFileSync(join(testLab.directory, "hosts", host, "machine"), "utf8"));
    const launchedMachines = machines();
    const { exitCode, stdout, stderr } = await lab();
    expect(exitCode, stdout + stderr).toBe(0);
    expect(listHosts(testLab)).toEqual(["host01", "host02"]);
    expect(machines()).toEqual(launchedMachines);
    expect(stdout).toMatch(
      /^host01 +in sync .* 10\.196\.218\.222 +192\.168\.0\.1 +([0-9a-f]{2}:){5}[0-9a-f]{2} +8950 /m,
    );
    expect(stdout).toMatch(ALL_PASS);
    expect(stdout).toMatch(/^engine .*cloud .*pulumi up .*status .* in all$/m);
  });

  test("a second up changes nothing", async () => {
    const { exitCode, stdout } = await lab("up");
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/Resources:\n +\d+ unchanged\n(?! )/);
  });

  test("ps shows the instances and the cloud", async () => {
    const { stdout } = await lab("ps");
    expect(stdout).toMatch(
      /^host01 +10\.196\.218\.222 +203\.0\.113\.\d+ +running +\d{4}-\d\d-\d\d \d\d:\d\d +\d+ MB$/m,
    );
    expect(stdout).toMatch(
      /^host02 +10\.196\.218\.226 +203\.0\.113\.\d+ +running +\d{4}-\d\d-\d\d \d\d:\d\d +\d+ MB$/m,
    );
    expect(stdout).toMatch(/^\(the cloud\) +running +\d{4}-\d\d-\d\d \d\d:\d\d +\d+ MB$/m);
  });

  test("ssh accepts the host keys that the stack issued, and no others", async () => {
    expect((await lab("ssh", "host02", "id -un; hostname")).stdout).toBe("opc\nhost02");
    const pins = readFileSync(join(testLab.directory, "keys", "known_instances"), "utf8").split("\n");
    expect(pins.filter(Boolean)).toHaveLength(2);
  });

  test("oci-cli lists, stops and starts instances, and the overlay works again", async () => {
    const instanceList = await ocli("compute", "instance", "list", "--compartment-id", COMPARTMENT);
    expect(instanceList.map((each: any) => [each["display-name"], each["lifecycle-state"]]).sort()).toEqual([
      ["host01", "RUNNING"],
      ["host02", "RUNNING"],
    ]);
    const { id } = instanceList.find((each: any) => each["display-name"] === "host02");
    const runAction = (action: string, state: string) =>
      ocli(
        "compute",
        "instance",
        "action",
        "--instance-id",
        id,
        "--action",
        action,
        "--wait-for-state",
        state,
        "--wait-interval-seconds",
        "1",
      );
    expect((await runAction("STOP", "STOPPED"))["lifecycle-state"]).toBe("STOPPED");
    expect(isRunning(testLab, "host02")).toBe(false);
    expect((await lab("ps")).stdout).toMatch(/^host02 .* stopped$/m);
    expect(await overlayPasses()).toBe(false);
    expect((await runAction("START", "RUNNING"))["lifecycle-state"]).toBe("RUNNING");
    await until("the overlay", 30_000, overlayPasses, 500);
  });

  test("oci-cli creates, lists and deletes a network security group", async () => {
    const [vcn] = await ocli("network", "vcn", "list", "--compartment-id", COMPARTMENT);
    const inVcn = ["--compartment-id", COMPARTMENT, "--vcn-id", vcn.id];
    const { id } = await ocli("network", "nsg", "create", ...inVcn);
    const rule = { direction: "INGRESS", protocol: "all", source: id, sourceType: "NETWORK_SECURITY_GROUP" };
    const ofGroup = ["--nsg-id", id];
    await ocli("network", "nsg", "rules", "add", ...ofGroup, "--security-rules", JSON.stringify([rule]));
    const rules = await ocli("network", "nsg", "rules", "list", ...ofGroup);
    expect(rules).toMatchObject([{ direction: "INGRESS", source: id, "is-valid": true }]);
    await ocli("network", "nsg", "delete", "--force", ...ofGroup);
  });

  test("oci-cli creates, lists and deletes a NAT gateway and a service gateway", async () => {
    const nat = await ocli("network", "nat-gateway", "create", ...inVcn());
    const { id: serviceId } = (await ocli("network", "service", "list")).find(({ name }: any) =>
      name.startsWith("All "),
    );
    const services = ["--services", JSON.stringify([{ serviceId }])];
    const service = await ocli("network", "service-gateway", "create", ...inVcn(), ...services);
    expect(await ocli("network", "nat-gateway", "list", ...inVcn())).toMatchObject([
      { id: nat.id, "lifecycle-state": "AVAILABLE", "block-traffic": false, "nat-ip": nat["nat-ip"] },
    ]);
    expect(await ocli("network", "service-gateway", "list", ...inVcn())).toMatchObject([
      { id: service.id, "lifecycle-state": "AVAILABLE", services: [{ "service-id": serviceId }] },
    ]);
    await ocli("network", "nat-gateway", "delete", "--force", "--nat-gateway-id", nat.id);
    await ocli("network", "service-gateway", "delete", "--force", "--service-gateway-id", service.id);
    await until("the end of both", 10_000, () => {
      const { natGateways, serviceGateways } = savedState();
      return !(nat.id in natGateways) && !(service.id in serviceGateways);
    });
  });

  test("oci-cli is refused a public address in a subnet that prohibits them", async () => {
    const isPrivate = ["--prohibit-public-ip-on-vnic", "true", "--cidr-block", "10.196.218.192/28"];
    const subnet = await ocli("network", "subnet", "create", ...inVcn(), ...isPrivate);
    expect(subnet).toMatchObject({ "prohibit-public-ip-on-vnic": true, "prohibit-internet-ingress": true });
    const [image] = allImages();
    const placementArgs = [
      "--compartment-id",
      COMPARTMENT,
      "--availability-domain",
      AVAILABILITY_DOMAINS[0] ?? "",
    ];
    const machineArgs = ["--shape", "VM.Standard.E2.1.Micro", "--image-id", image?.id ?? ""];
    const vnic = ["--subnet-id", subnet.id, "--assign-public-ip", "true"];
    expect(
      await ociError("compute", "instance", "launch", ...placementArgs, ...machineArgs, ...vnic),
    ).toMatch(/"code": "InvalidParameter"[^]*prohibits public addresses/);
    await ocli("network", "subnet", "delete", "--force", "--subnet-id", subnet.id);
  });

  test("oci-cli lists custom images beside platform images", async () => {
    const ubuntu = ["--operating-system", "Canonical Ubuntu", "--shape", "VM.Standard.E4.Flex"];
    const imageList = await ocli("compute", "image", "list", "--compartment-id", COMPARTMENT, ...ubuntu);
    const [, platform] = imageList;
    expect(imageList).toMatchObject([
      {
        "display-name": "hardened-Canonical-Ubuntu-24.04-2026.10.01-0",
        "compartment-id": COMPARTMENT,
        "base-image-id": platform.id,
      },
      {
        "display-name": "Canonical-Ubuntu-24.04-2026.10.01-0",
        "compartment-id": null,
        "base-image-id": null,
      },
    ]);
  });

  test("oci-cli reports the capacity that the fault leaves", async () => {
    const [availabilityDomain = ""] = AVAILABILITY_DOMAINS;
    const ofDomain = ["--compartment-id", TENANCY, "--availability-domain", availabilityDomain];
    const shapes = JSON.stringify([{ instanceShape: "VM.Standard.E4.Flex" }]);
    const report = async () => {
      const create = ["compute", "compute-capacity-report", "create", ...ofDomain];
      return (await ocli(...create, "--shape-availabilities", shapes))["shape-availabilities"];
    };
    expect(await report()).toMatchObject([
      {
        "instance-shape": "VM.Standard.E4.Flex",
        "availability-status": "AVAILABLE",
        "available-count": null,
      },
    ]);
    await lab("fault", "capacity", "1");
    expect(await report()).toMatchObject([
      { "availability-status": "OUT_OF_HOST_CAPACITY", "available-count": 0 },
    ]);
    expect((await lab("fault", "capacity", "0")).stdout).toBe("no faults");
  });

  test("reboot and logs work for instances", async () => {
    expect((await lab("reboot", "host02")).exitCode).toBe(0);
    await until("the overlay", 10_000, overlayPasses, 500);
    expect((await lab("logs", "host02")).stdout).toContain("VXLAN overlay");
  });

  test("an up restores everything after the cloud, the hosts and the network were killed", async () => {
    const state = savedState();
    await killProcesses([runningCloud(testLab) ?? 0]);
    for (const namespace of namespacesOf(testLab)) {
      const pids = (await run(["ip", "netns", "pids", namespace])).split("\n").filter(Boolean).map(Number);
      await killProcesses(pids);
      await run(["ip", "netns", "del", namespace]).catch(() => undefined);
    }
    const { exitCode, stdout, stderr } = await lab();
    expect(exitCode, stdout + stderr).toBe(0);
    expect(stdout).toMatch(ALL_PASS);
    expect(Object.keys(savedState().instances)).toEqual(Object.keys(state.instances));
  });

  test("an instance that the cloud terminated is launched again", async () => {
    expect((await lab("fault", "terminate", "host02")).exitCode).toBe(0);
    expect(listHosts(testLab)).toEqual(["host01"]);
    expect((await lab("refresh")).exitCode).toBe(0);
    const { exitCode, stdout, stderr } = await lab();
    expect(exitCode, stdout + stderr).toBe(0);
    expect(stdout).toMatch(ALL_PASS);
  });

  test("destroy leaves nothing in the cloud, and down leaves only the caches", async () => {
    const destroyOutcome = await lab("destroy");
    expect(destroyOutcome.exitCode, destroyOutcome.stdout).toBe(0);
    const state = savedState();
    for (const kind of ["vcns", "subnets", "securityLists", "vnics", "machines"])
      expect([kind, Object.keys(state[kind])]).toEqual([kind, []]);
    expect(JSON.stringify(state)).not.toMatch(/user_data|ssh_authorized_keys/);
    expect(listHosts(testLab)).toEqual([]);
    expect((await lab("down")).exitCode).toBe(0);
    expect(existsSync(testLab.directory)).toBe(false);
    expect(namespacesOf(testLab)).toEqual([]);
    expect((await execa("pgrep", ["-f", testLab.directory], { reject: false })).stdout).toBe("");
    expect((await execa("pgrep", ["-f", `daemon.ts ${NAME}`], { reject: false })).stdout).toBe("");
    expect((await lab("ps")).stdout).toBe("nothing runs");
  });
});
