import { existsSync, readFileSync, rmSync } from "node:fs";
import { basename, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { cloudLog, stateFile } from "../../lab/cloud/daemonFiles.ts";
import { changeFaults, clearFaults, readFaults } from "../../lab/cloud/faults.ts";
import { loadState } from "../../lab/cloud/model/store.ts";
import { AVAILABILITY_DOMAINS } from "../../lab/cloud/region.ts";
import { until } from "../../lab/system/commands.ts";
import { argumentsOf, processesByEnvironment, signalProcesses } from "../../lab/system/processes.ts";
import { expectFailure, expectSuccess } from "./support/outcome.ts";
import { TestStack, UP } from "./support/testStack.ts";

const FAST_CLOCK = { NODE_OPTIONS: `--import=${join(import.meta.dirname, "support/fastClock.mjs")}` };

/** Begins an `up`, interrupts it once both hosts wait as it says, and returns its output. */
async function interruptedUp(stack: TestStack, config: object, waitPattern: RegExp): Promise<string> {
  const events = join(stack.lab.directory, "events");
  rmSync(events, { force: true });
  // Pulumi has --event-log only with its debug commands.
  const upRun = stack.pulumi([...UP, "--event-log", events], config, {
    variables: { PULUMI_DEBUG_COMMANDS: "true" },
  });
  const bothWait = () => existsSync(events) && readFileSync(events, "utf8").split(waitPattern).length > 2;
  await until("both hosts to wait", 120_000, bothWait);
  const processes = () => processesByEnvironment("PULUMI_HOME", join(stack.lab.directory, "pulumi"));
  // A Ctrl-C reaches the engine, which has the language host interrupt the program. The lab's is too old to do that.
  const interruptedPids = processes().filter((pid) => {
    const [command = "", script = ""] = argumentsOf(pid);
    return basename(command) === "pulumi" || script.includes("@pulumi/pulumi/cmd/run");
  });
  signalProcesses(interruptedPids, "SIGINT");
  await until("the end of all processes", 60_000, () => processes().length === 0);
  return expectFailure(await upRun);
}

describe("where Oracle has no capacity for a while, an up with waitForCapacity", () => {
  let stack: TestStack;
  beforeAll(async () => {
    stack = await TestStack.bootCloud("test-capacity");
  });
  afterAll(() => stack.remove());

  const config = (minutes: number) =>
    stack.referenceConfig((e) => {
      for (const { instance } of Object.values<any>(e.hosts))
        Object.assign(instance, { waitForCapacity: minutes, availabilityDomain: "AD-1" });
    });
  const setCapacityFaults = (count: number) => changeFaults(stack.lab, (faults) => (faults.capacity = count));

  test("ends at once where it is interrupted while it waits, and keeps what it has created", async () => {
    setCapacityFaults(1000);
    const output = await interruptedUp(stack, config(60), /for host0[12] .{1,40} tries again/);
    expect(output).toMatch(
      /Oracle has no capacity for host01 \(VM\.Standard\.E4\.Flex\): tries again in (5|10)\.\d of 60/,
    );
    expect(stack.instances()).toEqual([]);
  });

  test("fails with advice where the pause would end too late", async () => {
    const output = expectFailure(await stack.up(config(4)));
    expect(output).not.toContain("tries again");
    expect(output).toMatch(/Oracle has no capacity left for host0[12] .*waitForCapacity/);
    await clearFaults(stack.lab);
  });

  test("launches again after some minutes, says so meanwhile, and succeeds", async () => {
    setCapacityFaults(3);
    const { text, counts } = expectSuccess(await stack.pulumi(UP, config(60), { variables: FAST_CLOCK }));
    const [progress = "", diagnostics] = text.split("Diagnostics:");
    for (const part of [progress, diagnostics])
      expect(part?.match(/tries again in (5|10)\.\d of \d+ minutes/g)).toHaveLength(3);
    // The two hosts take turns.
    expect(text).toMatch(/tries again in 10\.\d of/);
    expect(readFaults(stack.lab).capacity).toBe(0);
    expect((counts["created"] ?? 0) + (counts["unchanged"] ?? 0)).toBe(23);
    expect(await stack.failingPairs()).toEqual([]);
  });

  test("changes nothing afterwards", async () => {
    const { counts } = expectSuccess(await stack.up(config(120)));
    expect(counts).toEqual({ unchanged: 23 });
    expectSuccess(await stack.destroy(config(120)));
  });
});

describe("where the config leaves the availability domain open, an up with waitForCapacity", () => {
  let stack: TestStack;
  beforeAll(async () => {
    stack = await TestStack.bootCloud("test-domains");
  });
  afterAll(() => stack.remove());

  const [firstDomain, secondDomain, thirdDomain] = AVAILABILITY_DOMAINS as [string, string, string];
  const config = (minutes = 60) =>
    stack.referenceConfig((e) => {
      for (const { instance } of Object.values<any>(e.hosts)) instance.waitForCapacity = minutes;
    });
  const fillDomains = (domains: string[]) =>
    changeFaults(stack.lab, (faults) => (faults.fullDomains = domains));
  const countReports = () =>
    readFileSync(cloudLog(stack.lab), "utf8").split("POST /computeCapacityReports").length - 1;
  const domainsOfInstances = () =>
    Object.values(loadState(stateFile(stack.lab)).instances)
      .filter(({ lifecycleState }) => lifecycleState === "RUNNING")
      .map(({ availabilityDomain }) => availabilityDomain);

  test("ends at once where it is interrupted while it asks", async () => {
    fillDomains([firstDomain, secondDomain, thirdDomain]);
    const waitPattern = /for host0[12] .{1,40} asks all availability domains again/;
    await interruptedUp(stack, config(), waitPattern);
    expect(stack.instances()).toEqual([]);
  });

  test("asks again after some minutes, and launches where capacity came first", async () => {
    const reportCount = countReports();
    const upRun = stack.pulumi(UP, config(), { variables: FAST_CLOCK });
    await until("the first reports for both hosts", 120_000, () => countReports() >= reportCount + 6);
    fillDomains([firstDomain, secondDomain]);
    const { text } = expectSuccess(await upRun);
    expect(text).toMatch(
      /no capacity for host0[12] .*: asks all availability domains again in (5|10)\.\d of/,
    );
    expect(text).not.toContain("tries again");
    expect(domainsOfInstances()).toEqual([thirdDomain, thirdDomain]);
    expect(await stack.failingPairs()).toEqual([]);
  });

  test("asks nothing once the instances are there, and moves none", async () => {
    const reportCount = countReports();
    fillDomains([thirdDomain]);
    const { counts } = expectSuccess(await stack.up(config(120)));
    expect(counts).toEqual({ unchanged: 23 });
    expect(countReports()).toBe(reportCount);
    expectSuccess(await stack.destroy(config()));
  });

  test("launches in the first domain where no policy allows reports, and says what that needs", async () => {
    await clearFaults(stack.lab);
    changeFaults(stack.lab, (faults) => (faults.unknownCapacity = true));
    const { text } = expectSuccess(await stack.up(config()));
    expect(text).toMatch(
      /does not say which .* for host01 \(404 NotAuthorizedOrNotFound .*launched in LAB:.*AD-1/,
    );
    expect(text).toContain("manage compute-capacity-reports in tenancy");
    expect(domainsOfInstances()).toEqual([firstDomain, firstDomain]);
  });
});
