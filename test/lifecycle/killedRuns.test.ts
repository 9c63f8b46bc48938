import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { runningCloud, startCloud } from "../../lab/cloud/daemonControl.ts";
import { stateFile } from "../../lab/cloud/daemonFiles.ts";
import { changeFaults } from "../../lab/cloud/faults.ts";
import { loadState } from "../../lab/cloud/model/store.ts";
import { COMPARTMENT as compartmentId, SERVICES } from "../../lab/cloud/region.ts";
import type { Inventory } from "../../lab/hosts/inventory.ts";
import { until } from "../../lab/system/commands.ts";
import { pulumiHome } from "../../lab/system/lab.ts";
import { argumentsOf, killProcesses, processesByEnvironment } from "../../lab/system/processes.ts";
import { silentProgress } from "../../lab/system/progress.ts";
import { Sdk } from "../../lab/test/lifecycle/sdk/client.ts";
import { ociCli } from "../../lab/test/support/ociCli.ts";
import { countTries } from "../triedCounts.ts";
import { expectFailure, expectSuccess, expectUnchanged } from "./support/outcome.ts";
import { DESTROY, TestStack } from "./support/testStack.ts";

/** A host that exists before the stack, beside an instance. */
const INVENTORY: Inventory = {
  existing: { address: "10.196.217.2/30", mac: "02:00:17:00:01:01", nic: "ens3", image: "oracle-linux-like" },
};

/** The processes of a run by their command lines. The cloud is found by its pid file. */
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
/** A kill that comes too late, when its run has ended, is tried again in another round. */
const MOST_ROUNDS = 12;
/** Runs of `up` until it has named all that is lost. One ends at a gateway, for example, before its route table. */
const MOST_RUNS = 5;

describe(`a process is killed, with KILL_SEED=${SEED}:`, () => {
  let stack: TestStack;
  let sdk: Sdk;
  let oci: Awaited<ReturnType<typeof ociCli>>;
  /** Milliseconds that a whole run takes. */
  const duration = { up: 0, destroy: 0 };
  const random = randomNumbers(SEED);

  beforeAll(async () => {
    stack = await TestStack.bootCloud("test-killed-runs", INVENTORY, { isCold: true });
    sdk = new Sdk(stack.lab);
    oci = await ociCli(stack.lab);
  });
  afterAll(() => {
    (sdk as Sdk | undefined)?.close(); // Undefined if beforeAll failed.
    return stack.remove();
  });

  const config = () =>
    stack.referenceConfig((e) => {
      e.overlay.pathProbes = false;
      // So that the network has every kind of part.
      e.network.securityGroup = true;
      e.network.subnets.host02.private = true;
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

  const cloudState = () => loadState(stateFile(stack.lab));

  /** The OCIDs of all parts of networks that the cloud has. */
  function networkParts(): string[] {
    const { vcns, internetGateways, natGateways, serviceGateways, ...otherKinds } = cloudState();
    const { routeTables, securityLists, networkSecurityGroups, subnets } = otherKinds;
    const gateways = [internetGateways, natGateways, serviceGateways];
    const kinds = [vcns, ...gateways, routeTables, securityLists, networkSecurityGroups, subnets];
    const parts = kinds.flatMap((kind) => Object.values<{ id: string; lifecycleState: string }>(kind));
    return parts.filter(({ lifecycleState }) => !lifecycleState.startsWith("TERMINAT")).map(({ id }) => id);
  }

  /** Creates a part of the network as a run does that is killed then: nobody learns its OCID. */
  async function create(kind: string, details: object): Promise<string> {
    const request = { [`create${kind}Details`]: { compartmentId, ...details } };
    const answer = await sdk.call("network", `create${kind}`, request);
    return Object.values<{ id?: string }>(answer).flatMap(({ id }) => id ?? [])[0] ?? "";
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

  /** Runs the commands of Oracle's command line that an `up` advises, and returns these. */
  async function followAdvice(text: string): Promise<string[]> {
    const commands = new Set(Array.from(text.matchAll(/^ +oci (\S.*)$/gm), ([, command = ""]) => command));
    for (const command of commands) {
      const { exitCode, stderr } = await oci(...command.split(" "));
      expect(exitCode, `${command}: ${stderr}`).toBe(0);
    }
    return [...commands];
  }

  /** Runs `up` as often as it advises something, does that, and returns all of it. */
  async function converge(): Promise<string[]> {
    const advisedCommands: string[] = [];
    for (let runs = 1; runs <= MOST_RUNS; runs++) {
      const { exitCode, text } = await stack.up(config());
      const commands = await followAdvice(text);
      advisedCommands.push(...commands);
      if (commands.length > 0) continue;
      expect(exitCode, text).toBe(0);
      expect(await stack.failingPairs()).toEqual([]);
      return advisedCommands;
    }
    throw new Error(`up advises still: ${advisedCommands.join(", ")}`);
  }

  test("the engine, while it launches an instance; the next up names that one and launches no second", async () => {
    await measure("up");
    await measure("destroy");
    changeFaults(stack.lab, (faults) => (faults.stuckLaunches = 1));
    const run = stack.up(config());
    const isLaunching = () => stack.instances().some(({ state }) => state === "PROVISIONING");
    await until("a launch", 120_000, isLaunching);
    await killProcesses(processesOf("the engine"));
    expectFailure(await run);
    const text = expectFailure(await stack.up(config()));
    const [{ id } = { id: "" }, ...otherInstances] = launchedInstances();
    expect(otherInstances).toEqual([]);
    expect(text).toContain("host01 is there already, and not in the stack's state");
    expect(text).toMatch(new RegExp(`^ +oci compute instance terminate .* --instance-id ${id}$`, "m"));
    await converge();
    expectUnchanged(await stack.up(config()));
  });

  function expectDeletions(commands: string[], ids: string[]): void {
    const deletions = ids.map((id) => expect.stringMatching(`^network .* delete .* ${id}$`));
    expect(commands).toHaveLength(ids.length);
    expect(commands).toEqual(expect.arrayContaining(deletions));
  }

  /** Destroys parts of the network, and all that needs them. */
  async function destroyParts(...parts: string[]): Promise<void> {
    const targets = parts.flatMap((part) => ["--target", `**overlay-network-${part}`]);
    // With a refresh, the engine (3.256.0) does not find the providers of what needs them.
    const options = [...targets, "--target-dependents", "--refresh=false"];
    expectSuccess(await stack.pulumi([...DESTROY, ...options], config()));
  }

  test("while it creates the network; the next up names each part that is lost, with the command that deletes it", async () => {
    const vcnName = { displayName: "oci-vxlan-lab" };
    const [vcnId = ""] = Object.keys(cloudState().vcns);
    const { vcn, subnets, securityList } = config().network;
    const services = [{ serviceId: SERVICES[1]?.id }];
    const noRules = { ingressSecurityRules: [], egressSecurityRules: [] };
    const privateTable = Object.values(cloudState().routeTables).find(
      ({ routeRules }) => routeRules.length === 2,
    );
    await destroyParts("gateway", "private-routes", "security-list", "security-group");
    const lostIds = [
      await create("InternetGateway", { ...vcnName, vcnId, isEnabled: true }),
      await create("RouteTable", { ...vcnName, vcnId, routeRules: privateTable?.routeRules }),
      await create("SecurityList", { ...noRules, vcnId, displayName: securityList.name }),
      await create("NetworkSecurityGroup", { vcnId, displayName: securityList.name }),
      await create("Subnet", { vcnId, displayName: "host01", cidrBlock: subnets.host01.cidr }),
    ];
    expectDeletions(await converge(), lostIds);

    await destroyParts("nat-gateway", "service-gateway");
    const lostGateways = [
      await create("NatGateway", { ...vcnName, vcnId }),
      await create("ServiceGateway", { ...vcnName, vcnId, services }),
    ];
    expectDeletions(await converge(), lostGateways);

    const lostVcn = await create("Vcn", { ...vcnName, cidrBlocks: [vcn.cidr] });
    expectSuccess(await stack.destroy(config()));
    expectDeletions(await converge(), [lostVcn]);
  });

  test(
    "anything, in five destroys and in five ups; the next up converges",
    { timeout: 900_000 },
    async ({ task }) => {
      const remainingVictims: Record<"destroy" | "up", Victim[]> = {
        destroy: [...VICTIMS_OF.destroy],
        up: [...VICTIMS_OF.up],
      };
      const killNext = async (operation: "destroy" | "up", share: number) => {
        const [victim] = remainingVictims[operation];
        if (victim === undefined) await stack[operation](config());
        else if (await killDuring(operation, victim, share)) remainingVictims[operation].shift();
      };
      for (
        let round = 0;
        round < MOST_ROUNDS && remainingVictims.destroy.length + remainingVictims.up.length > 0;
        round++
      ) {
        await killNext("destroy", 0.1 + 0.5 * random());
        await killNext("up", 0.1 + 0.6 * random());
        await converge();
      }
      expect(remainingVictims).toEqual({ destroy: [], up: [] });
      countTries("faults", VICTIMS_OF.destroy.length + VICTIMS_OF.up.length)({ task });
    },
  );

  test("and nothing is left to do, and nothing too much is there", async ({ task }) => {
    countTries("faults")({ task });
    expectUnchanged(await stack.up(config()));
    expect(launchedInstances().map(({ host }) => host)).toEqual(["host01"]);
    expectSuccess(await stack.destroy(config()));
    expect(launchedInstances()).toEqual([]);
    expect(networkParts()).toEqual([]);
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
