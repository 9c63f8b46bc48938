import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { stringify } from "yaml";
import { REGION } from "../../lab/cloud/region.ts";
import type { Mount } from "../../lab/pulumi/operator.ts";
import { LabStack } from "../../lab/pulumi/stack.ts";
import { pulumiHome, ROOT } from "../../lab/system/lab.ts";
import { memoryOf, processesByEnvironment } from "../../lab/system/processes.ts";
import { environmentOf, VNI } from "../fleet.ts";
import type { FleetHost } from "../fleet.ts";
import type { Recorder } from "../frame/rounds.ts";
import { countStateFile } from "../state/deployment.ts";
import type { BenchLab } from "./benchLab.ts";
import { EventLog, phasesOf } from "./eventLog.ts";
import type { Tool } from "./tool.ts";

const STACK = "lab";
const UNATTENDED = ["--non-interactive", "--color=never"];
const AT_ONCE = ["--yes", "--skip-preview"];

export const MEMORY = "memory of engine, program and plugins";

/** Pulumi with the stack's program, or another one in its place. */
export class PulumiTool implements Tool {
  readonly name: string;
  private readonly benchLab: BenchLab;
  private readonly program: string | undefined;

  /** @param program path in this checkout; default: the stack's own */
  constructor(name: string, benchLab: BenchLab, program?: string) {
    this.name = name;
    this.benchLab = benchLab;
    this.program = program;
  }

  /** With `record`, the engine keeps an event log, from which the time of each phase is read. */
  async apply(
    hosts: readonly FleetHost[],
    vni: number,
    _leaving?: readonly FleetHost[],
    record?: Recorder,
  ): Promise<void> {
    if (record === undefined) return this.pulumi(["up", ...AT_ONCE], hosts, vni);
    const file = join(this.benchLab.lab.directory, "events.json");
    rmSync(file, { force: true });
    const log = new EventLog(file);
    log.start();
    const start = performance.now();
    try {
      await this.pulumi(["up", ...AT_ONCE, "--event-log", file], hosts, vni);
    } finally {
      log.stop();
    }
    for (const [phase, milliseconds] of Object.entries(phasesOf(log.events, start, performance.now())))
      record(phase, milliseconds / 1_000);
  }

  preview(hosts: readonly FleetHost[], vni: number): Promise<void> {
    return this.pulumi(["preview"], hosts, vni);
  }

  remove(hosts: readonly FleetHost[]): Promise<void> {
    return this.pulumi(["destroy", ...AT_ONCE], hosts, VNI);
  }

  /** Counts the stack's state. */
  recordState(size: number, record: Recorder): void {
    const file = join(this.benchLab.lab.directory, "state/.pulumi/stacks/oci-vxlan", `${STACK}.json`);
    const { bytes, resources, dependencies, propertyDependencies } = countStateFile(file);
    record("real state", bytes, "bytes");
    record("real state, a host", bytes / size, "bytes");
    record("real state, resources", resources, "count");
    record("real state, dependencies", dependencies + propertyDependencies, "count");
  }

  /** Runs an `up` that is not timed, and records the peak of its processes' memory: looking at it takes time. */
  async recordMemory(hosts: readonly FleetHost[], vni: number, record: Recorder): Promise<void> {
    const home = pulumiHome(this.benchLab.lab);
    let peak = 0;
    const timer = setInterval(() => {
      peak = Math.max(peak, memoryOf(processesByEnvironment("PULUMI_HOME", home)));
    }, 500);
    try {
      await this.apply(hosts, vni);
    } finally {
      clearInterval(timer);
    }
    record(MEMORY, peak * 1024, "bytes");
  }

  /** @throws Error with the end of what Pulumi printed */
  private async pulumi(args: readonly string[], hosts: readonly FleetHost[], vni: number): Promise<void> {
    const { lab, engine, kind } = this.benchLab;
    const config = { "oci:region": REGION, "oci-vxlan:environment": environmentOf(hosts, { kind, vni }) };
    const pulumi = new LabStack(lab, engine, STACK, stringify({ config }));
    await pulumi.prepare();
    const mounts = this.program === undefined ? [] : [this.projectMount(this.program)];
    // Pulumi has --event-log only with its debug commands.
    const variables = { BENCH_HOSTS: JSON.stringify(hosts), PULUMI_DEBUG_COMMANDS: "true" };
    const { exitCode, stdout, stderr } = await pulumi.attempt([...args, ...UNATTENDED], variables, mounts);
    if (exitCode !== 0)
      throw new Error(
        `pulumi ${args[0]}: ${`${stdout}\n${stderr}`.trim().split("\n").slice(-12).join("\n")}`,
      );
  }

  /** Mounts a Pulumi.yaml that names the other program. */
  private projectMount(program: string): Mount {
    const source = join(this.benchLab.lab.directory, "Pulumi.yaml");
    const runtime = { name: "nodejs", options: { typescript: false } };
    writeFileSync(
      source,
      stringify({
        name: "oci-vxlan",
        main: program,
        stackConfigDir: "stacks",
        runtime,
        options: { refresh: "always" },
      }),
    );
    return { source, target: join(ROOT, "Pulumi.yaml") };
  }
}
