import { expect } from "vitest";
import { withoutPrefix } from "../../../lab/hosts/inventory.ts";
import type { Inventory } from "../../../lab/hosts/inventory.ts";
import { installationTraces, readEach } from "./hostState.ts";
import { expectSuccess, expectUnchanged } from "./outcome.ts";
import type { PulumiRun } from "./outcome.ts";
import { TestStack } from "./testStack.ts";

/** The machines of an overlay, by their names in the lab, with their addresses in it. */
export type Mesh = Readonly<Record<string, string>>;

/** An overlay that passes traffic after each change of its stack. Each test starts where the one before ended. */
export class ConvergingOverlay {
  readonly stack: TestStack;
  /** Traces on each machine before the first `up`. */
  private readonly tracesBefore: Readonly<Record<string, string>>;
  /** Whether the previous test came to its end. */
  private isIntact = false;
  private hasRun = false;
  private lastUp: PulumiRun;

  private constructor(stack: TestStack, tracesBefore: Record<string, string>, firstUp: PulumiRun) {
    this.stack = stack;
    this.tracesBefore = tracesBefore;
    this.lastUp = firstUp;
  }

  /**
   * Boots the machines.
   *
   * @param firstUp runs in the first `prepare`; default: `up` with the plain config
   */
  static async boot(name: string, inventory: Inventory, firstUp?: PulumiRun): Promise<ConvergingOverlay> {
    return ConvergingOverlay.on(await TestStack.boot(name, inventory), firstUp);
  }

  /** Uses a stack whose lab has booted. */
  static async on(stack: TestStack, firstUp: PulumiRun = () => stack.up()): Promise<ConvergingOverlay> {
    const traces = await readEach(Object.keys(stack.inventory), async (machine) => {
      await stack.waitForBoot(machine);
      return installationTraces(stack, machine);
    });
    return new ConvergingOverlay(stack, traces, firstUp);
  }

  /** Creates the overlay for the first test, and again for a test after one that failed. */
  async prepare(): Promise<void> {
    if (!this.isIntact) {
      const runs: PulumiRun[] = this.hasRun ? [() => this.stack.destroy(), this.lastUp] : [this.lastUp];
      for (const run of runs) expectSuccess(await run());
    }
    this.hasRun = true;
    this.isIntact = false; // Until this test comes to its end.
  }

  /**
   * Expects an operation to succeed with all traffic passing, and the next `up` to find nothing to do.
   *
   * @param operation default: the same `up`
   */
  async expectConvergence(mesh: Mesh, up: PulumiRun, operation = up): Promise<void> {
    this.lastUp = up;
    expectSuccess(await operation());
    await this.expectMesh(mesh);
    expectUnchanged(await up());
    expect(await this.stack.failingPairs()).toEqual([]);
    this.isIntact = true;
  }

  /** Expects a run to succeed, or to fail with an error that refuses the change; traffic passes either way. */
  async expectSuccessOrRefusal(mesh: Mesh, run: PulumiRun, refusal: RegExp): Promise<void> {
    const { exitCode, text } = await run();
    if (exitCode !== 0) expect(text).toMatch(refusal);
    await this.expectMesh(mesh);
  }

  /** Expects all pairs to pass, and each machine to have a running unit, its address, and its peers' entries alone. */
  async expectMesh(mesh: Mesh): Promise<void> {
    expect(await this.stack.failingPairs()).toEqual([]);
    const machines = Object.keys(mesh);
    const macs = await readEach(machines, (machine) => this.stack.on(machine, MAC));
    for (const machine of machines) {
      const peers = machines.filter((peer) => peer !== machine);
      const lines = [
        "active running",
        `${mesh[machine]}/24`,
        ...peers.flatMap((peer) => [
          `${macs[peer]} dst ${this.underlay(peer)} self permanent`,
          `00:00:00:00:00:00 dst ${this.underlay(peer)} self permanent`,
          `${mesh[peer]} lladdr ${macs[peer]} PERMANENT`,
        ]),
      ];
      const actualLines = (await this.stack.on(machine, UNIT_ADDRESS_AND_ENTRIES)).split("\n");
      expect([machine, sortLines(actualLines)]).toEqual([machine, sortLines(lines)]);
    }
  }

  /** Expects a machine to be as it was before the first `up`. */
  async expectNoTraces(machine: string): Promise<void> {
    expect(await installationTraces(this.stack, machine)).toBe(this.tracesBefore[machine]);
  }

  /** Expects `destroy` to leave nothing on any machine. */
  async expectCleanDestroy(): Promise<void> {
    expectSuccess(await this.stack.destroy());
    for (const machine of Object.keys(this.tracesBefore)) await this.expectNoTraces(machine);
  }

  private underlay(machine: string): string {
    return withoutPrefix(this.stack.inventory[machine]?.address ?? "");
  }
}

const MAC = "ip -o link show dev vxlan0 | sed 's/.*link.ether \\([0-9a-f:]*\\).*/\\1/'";
const UNIT_ADDRESS_AND_ENTRIES =
  "systemctl list-units --all --plain --no-legend 'oci-vxlan@*' | awk '{ print $3, $4 }'; " +
  "ip -o -4 address show dev vxlan0 scope global | awk '{ print $4 }'; bridge fdb show dev vxlan0; ip neigh show dev vxlan0 nud permanent";

const sortLines = (lines: readonly string[]) => lines.map((line) => line.trim()).sort();
