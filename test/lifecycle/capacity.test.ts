import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { changeFaults, clearFaults, readFaults } from "../../lab/cloud/faults.ts";
import { until } from "../../lab/system/commands.ts";
import { interruptProcesses, processesByEnvironment } from "../../lab/system/processes.ts";
import { expectFailure, expectSuccess } from "./support/outcome.ts";
import { TestStack, UP } from "./support/testStack.ts";

const FAST_CLOCK = { NODE_OPTIONS: `--import=${join(import.meta.dirname, "support/fastClock.mjs")}` };

describe("where Oracle has no capacity for a while, an up with waitForCapacity", () => {
  let stack: TestStack;
  beforeAll(async () => {
    stack = await TestStack.bootCloud("test-capacity");
  });
  afterAll(() => stack.remove());

  const config = (minutes: number) =>
    stack.referenceConfig((e) => {
      for (const { instance } of Object.values<any>(e.hosts)) instance.waitForCapacity = minutes;
    });
  const setCapacityFaults = (count: number) => changeFaults(stack.lab, (faults) => (faults.capacity = count));

  test("ends at once where it is interrupted while it waits, and keeps what it has created", async () => {
    setCapacityFaults(1000);
    const events = join(stack.lab.directory, "events");
    // Pulumi has --event-log only with its debug commands.
    const running = stack.pulumi([...UP, "--event-log", events], config(60), {
      variables: { PULUMI_DEBUG_COMMANDS: "true" },
    });
    const bothWait = () =>
      existsSync(events) &&
      readFileSync(events, "utf8").split(/for host0[12] .{1,40} tries again/).length > 2;
    await until("both launches to fail", 120_000, bothWait);
    const processes = processesByEnvironment("PULUMI_HOME", join(stack.lab.directory, "pulumi"));
    const interruptedAt = Date.now();
    await interruptProcesses(processes, 60_000);
    const output = expectFailure(await running);
    expect(Date.now() - interruptedAt).toBeLessThan(60_000);
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
