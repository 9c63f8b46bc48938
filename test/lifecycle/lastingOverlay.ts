import { expect } from "vitest";
import type { Inventory } from "../../lab/hosts/hosts.ts";
import { plain } from "../../lab/hosts/hosts.ts";
import { TestEnvironment } from "./environment.ts";
import type { Outcome } from "./environment.ts";

/** Overlay addresses by the lab's name of the machine that has them. */
export type Mesh = Readonly<Record<string, string>>;

/** One run of Pulumi on the stack. */
export type Run = () => Promise<Outcome>;

export const UP = ["up", "--yes", "--skip-preview"];

/** An overlay that has to be there after every change of its stack. Each change goes on where the one before stopped. */
export class LastingOverlay {
  readonly env: TestEnvironment;
  /** What was on each machine before the first `up`. */
  private readonly tracesBefore: Readonly<Record<string, string>>;
  /** Whether the last test came to its end. */
  private isIntact = false;
  private hasRun = false;
  private lastUp: Run;

  private constructor(env: TestEnvironment, tracesBefore: Record<string, string>, firstUp?: Run) {
    this.env = env;
    this.tracesBefore = tracesBefore;
    this.lastUp = firstUp ?? (() => env.up());
  }

  /**
   * Boots the machines.
   *
   * @param firstUp comes with the first `ready`; default: the plain config
   */
  static async boot(name: string, inventory: Inventory, firstUp?: Run): Promise<LastingOverlay> {
    return LastingOverlay.on(await TestEnvironment.boot(name, inventory), firstUp);
  }

  /** The same in a lab that has booted. */
  static async on(env: TestEnvironment, firstUp?: Run): Promise<LastingOverlay> {
    const traces = Object.keys(env.inventory).map(async (machine) => {
      await env.on(machine, "systemctl is-system-running --wait || true");
      return [machine, await env.traces(machine)] as const;
    });
    return new LastingOverlay(env, Object.fromEntries(await Promise.all(traces)), firstUp);
  }

  /** Makes the overlay where there is none yet, and anew where the test before left it broken. */
  async ready(): Promise<void> {
    if (!this.isIntact) {
      const runs: Run[] = this.hasRun ? [() => this.env.destroy(), this.lastUp] : [this.lastUp];
      for (const run of runs) {
        const { exitCode, text } = await run();
        expect(exitCode, text).toBe(0);
      }
    }
    this.hasRun = true;
    this.isIntact = false; // Until this test has come to its own end.
  }

  /** Expects an operation to succeed with the overlay passing, and the `up` after it to find nothing to do. */
  async settles(mesh: Mesh, up: Run, operation = up): Promise<Outcome> {
    this.lastUp = up;
    const outcome = await operation();
    expect(outcome.exitCode, outcome.text).toBe(0);
    await this.expectMesh(mesh);
    const second = await up();
    expect([second.exitCode, Object.keys(second.counts)], second.text).toEqual([0, ["unchanged"]]);
    expect(await this.env.failing()).toEqual([]);
    this.isIntact = true;
    return outcome;
  }

  /** Expects a run to succeed, or to refuse in these words; the overlay passes either way. */
  async keepsPassing(mesh: Mesh, run: Run, refusal: RegExp): Promise<void> {
    const { exitCode, text } = await run();
    if (exitCode !== 0) expect(text).toMatch(refusal);
    await this.expectMesh(mesh);
  }

  /**
   * Expects all pairs to pass, and the kernel of each machine to hold its own address and its peers' entries, no entry
   * that is left over, and a unit that runs.
   */
  async expectMesh(mesh: Mesh): Promise<void> {
    expect(await this.env.failing()).toEqual([]);
    const machines = Object.keys(mesh);
    const macs = Object.fromEntries(
      await Promise.all(machines.map(async (machine) => [machine, await this.env.on(machine, MAC)])),
    );
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
      expect([machine, sorted((await this.env.on(machine, KERNEL)).split("\n"))]).toEqual([
        machine,
        sorted(lines),
      ]);
    }
  }

  /** Expects a machine to be as it was before the first `up`. */
  async expectUntouched(machine: string): Promise<void> {
    expect(await this.env.traces(machine)).toBe(this.tracesBefore[machine]);
  }

  /** Expects `destroy` to leave nothing on any machine. */
  async expectDestroy(): Promise<void> {
    const { exitCode, text } = await this.env.destroy();
    expect(exitCode, text).toBe(0);
    for (const machine of Object.keys(this.tracesBefore)) await this.expectUntouched(machine);
  }

  private underlay(machine: string): string {
    return plain(this.env.inventory[machine]?.address ?? "");
  }
}

const MAC = "ip -o link show dev vxlan0 | sed 's/.*link.ether \\([0-9a-f:]*\\).*/\\1/'";
const KERNEL =
  "systemctl list-units --all --plain --no-legend 'oci-vxlan@*' | awk '{ print $3, $4 }'; " +
  "ip -o -4 address show dev vxlan0 scope global | awk '{ print $4 }'; bridge fdb show dev vxlan0; ip neigh show dev vxlan0 nud permanent";

const sorted = (lines: readonly string[]) => lines.map((line) => line.trim()).sort();
