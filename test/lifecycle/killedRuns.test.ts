import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { runningCloud, startCloud } from "../../lab/cloud/daemonControl.ts";
import type { Inventory } from "../../lab/hosts/inventory.ts";
import { until } from "../../lab/system/commands.ts";
import { pulumiHome } from "../../lab/system/lab.ts";
import { argumentsOf, killProcesses, processesByEnvironment } from "../../lab/system/processes.ts";
import { silentProgress } from "../../lab/system/progress.ts";
import { Sdk } from "../../lab/test/lifecycle/sdk/client.ts";
import { tried } from "../tried.ts";
import { expectFailure, expectSuccess, expectUnchanged } from "./support/outcome.ts";
import { TestStack } from "./support/testStack.ts";

/** A host that exists before the stack, beside an instance. */
const INVENTORY: Inventory = {
  existing: { address: "10.196.217.2/30", mac: "02:00:17:00:01:01", nic: "ens3", image: "oracle-linux-like" },
};

/** What takes part in a run, with how its command line looks. The cloud is no part of the run, and has a pid file. */
const VICTIMS = {
  "the engine": /\/pulumi (up|destroy) /,
  "the command plugin": /(resource-|plugins\/)command/,
  "the oci plugin": /(resource-|plugins\/)oci/,
  "the program": /@pulumi\/pulumi\/cmd\/run/,
  "the cloud": undefined,
};
type Victim = keyof typeof VICTIMS;
/** `destroy` runs no program. */
const VICTIMS_OF = {
  up: ["the program", "the engine", "the cloud", "the command plugin", "the oci plugin"],
  destroy: ["the command plugin", "the engine", "the oci plugin", "the cloud", "the engine"],
} as const;

/** The moments follow from this number, so that a failure can be repeated. */
const SEED = Number(process.env["KILL_SEED"] ?? 1);
/** A kill that comes after its run has ended meets nothing, and is made again in another round. */
const MOST_ROUNDS = 12;

describe(`a process is killed, with KILL_SEED=${SEED}:`, () => {
  let stack: TestStack;
  let sdk: Sdk;
  /** Milliseconds that a whole run takes. */
  const duration = { up: 0, destroy: 0 };
  const random = randomNumbers(SEED);

  beforeAll(async () => {
    stack = await TestStack.bootCloud("test-killed-runs", INVENTORY);
    sdk = new Sdk(stack.lab);
  });
  afterAll(() => {
    (sdk as Sdk | undefined)?.close(); // Undefined if beforeAll failed.
    return stack.remove();
  });

  const config = () =>
    stack.referenceConfig((e) => {
      e.overlay.pathProbes = false;
      e.hosts = { host01: e.hosts.host01, existing: stack.config().hosts.existing };
      e.hosts.existing.overlayAddresses = ["192.168.0.100"];
    });

  const processesOf = (victim: Victim): number[] => {
    const commandLine = VICTIMS[victim];
    if (commandLine === undefined) return [runningCloud(stack.lab)].filter((pid) => pid !== undefined);
    const ofRun = processesByEnvironment("PULUMI_HOME", pulumiHome(stack.lab));
    return ofRun.filter((pid) => commandLine.test(`${argumentsOf(pid).join(" ")} `));
  };

  const launchedInstances = () => stack.instances().filter(({ state }) => !state.startsWith("TERMINAT"));

  async function terminate(instanceId: string): Promise<void> {
    await sdk.call("compute", "terminateInstance", { instanceId });
    await until("its end", 60_000, () => launchedInstances().every(({ id }) => id !== instanceId));
  }

  async function measure(operation: "up" | "destroy"): Promise<void> {
    const startedAt = Date.now();
    expectSuccess(await stack[operation](config()));
    duration[operation] = Date.now() - startedAt;
  }

  /** Runs Pulumi, kills a part of it after a share of the time of a whole run, and returns whether it was there. */
  async function killDuring(operation: "up" | "destroy", victim: Victim, share: number): Promise<boolean> {
    let hasEnded = false;
    const startedAt = Date.now();
    const run = stack[operation](config()).finally(() => (hasEnded = true));
    const isTime = () => Date.now() - startedAt > share * duration[operation];
    await until("the moment", 120_000, () => hasEnded || (isTime() && processesOf(victim).length > 0), 20);
    const victims = processesOf(victim);
    await killProcesses(victims);
    await run;
    if (victim === "the cloud") await startCloud(stack.lab, silentProgress);
    return victims.length > 0;
  }

  /** Runs `up`, and does first what a failed one advises. */
  async function converge(): Promise<void> {
    const { exitCode, text } = await stack.up(config());
    const lost = / --instance-id (\S+)$/m.exec(text)?.[1];
    if (lost === undefined) {
      expect(exitCode, text).toBe(0);
    } else {
      await terminate(lost);
      expectSuccess(await stack.up(config()));
    }
    expect(await stack.failingPairs()).toEqual([]);
  }

  test("the engine, while it launches an instance; the next up names that one and launches no second", async () => {
    await measure("up");
    await measure("destroy");
    let hasEnded = false;
    const run = stack.up(config()).finally(() => (hasEnded = true));
    const isLaunching = () => stack.instances().some(({ state }) => state === "PROVISIONING");
    await until("a launch, or the end of the run", 120_000, () => hasEnded || isLaunching(), 20);
    await killProcesses(processesOf("the engine"));
    expectFailure(await run);
    const text = expectFailure(await stack.up(config()));
    const [{ id } = { id: "" }, ...others] = launchedInstances();
    expect(others).toEqual([]);
    expect(text).toContain("host01 is there already, and not in the stack's state");
    expect(text).toMatch(new RegExp(`^ +oci compute instance terminate .* --instance-id ${id}$`, "m"));
    await converge();
    expectUnchanged(await stack.up(config()));
  });

  test(
    "anything, in five destroys and in five ups; the next up converges",
    { timeout: 900_000 },
    async ({ task }) => {
      const left: Record<"destroy" | "up", Victim[]> = {
        destroy: [...VICTIMS_OF.destroy],
        up: [...VICTIMS_OF.up],
      };
      const killNext = async (operation: "destroy" | "up", share: number) => {
        const [victim] = left[operation];
        if (victim === undefined) await stack[operation](config());
        else if (await killDuring(operation, victim, share)) left[operation].shift();
      };
      for (let round = 0; round < MOST_ROUNDS && left.destroy.length + left.up.length > 0; round++) {
        await killNext("destroy", 0.1 + 0.5 * random());
        await killNext("up", 0.1 + 0.6 * random());
        await converge();
      }
      expect(left).toEqual({ destroy: [], up: [] });
      tried("faults", VICTIMS_OF.destroy.length + VICTIMS_OF.up.length)({ task });
    },
  );

  test("and nothing is left to do, and nothing too much is there", async ({ task }) => {
    tried("faults")({ task });
    expectUnchanged(await stack.up(config()));
    expect(launchedInstances().map(({ host }) => host)).toEqual(["host01"]);
    expectSuccess(await stack.destroy(config()));
    expect(launchedInstances()).toEqual([]);
  });
});

/** Numbers from 0 to 1, the same ones for the same seed: Lehmer's generator with the factor of MINSTD. */
function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
}
