import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import type { Engine } from "../../../lab/pulumi/engine/engine.ts";
import { standInOf } from "../../../lab/pulumi/engine/pluginFolder.ts";
import { REGION } from "../../../lab/cloud/region.ts";
import type { LabStack } from "../../../lab/pulumi/stack.ts";

/**
 * What a run of Pulumi starts beside the engine, kept from one run to the next: the program and the lab's stand-ins. To
 * load Pulumi's SDK in each of them takes half of the CPU time of an `up` that finds nothing to do.
 */

/** A process that prints the port at which it serves. */
interface WarmProcess {
  child: ChildProcess;
  port: Promise<string>;
}

/** For the environment of a run: the engine, a Go program, collects garbage less often. Memory is not scarce here. */
const FAST_ENGINE = { GOGC: "400" };

/** What a run of Pulumi is given, to use them. */
interface Attachment {
  args: readonly string[];
  variables: Readonly<Record<string, string>>;
}

/** The commands of Pulumi that load plugins, and whether they run the program. */
const LOADING_COMMANDS: Readonly<Record<string, { runsProgram: boolean }>> = {
  up: { runsProgram: true },
  preview: { runsProgram: true },
  refresh: { runsProgram: false },
  destroy: { runsProgram: false },
};

const PROGRAM_SERVER = "test/lifecycle/support/programServer.ts";

export class WarmProcesses {
  private readonly standIns: readonly string[];
  /** By the name of the plugin, or the path of the program server. */
  private readonly processes = new Map<string, WarmProcess>();

  constructor({ standIns }: Engine) {
    this.standIns = standIns;
  }

  /**
   * Starts those that a run needs and that are not running yet. They see the stack's keys, and nothing else that a run
   * is given: no mount, no variable.
   */
  async attach(stack: LabStack, command: string): Promise<Attachment> {
    const loading = LOADING_COMMANDS[command];
    if (loading === undefined) return { args: [], variables: FAST_ENGINE };
    const plugins = this.standIns.map(
      async (name) => `${name}:${await this.portOf(stack, name, standInOf(name))}`,
    );
    const variables = { ...FAST_ENGINE, PULUMI_DEBUG_PROVIDERS: (await Promise.all(plugins)).join(",") };
    if (!loading.runsProgram) return { args: [], variables };
    const port = await this.portOf(stack, PROGRAM_SERVER, PROGRAM_SERVER);
    return { args: [`--client=127.0.0.1:${port}`], variables };
  }

  /** Ends them. The next run starts new ones. */
  async end(): Promise<void> {
    await Promise.all([...this.processes.keys()].map((key) => this.endProcess(key)));
  }

  /** Ends the program alone. */
  async endProgram(): Promise<void> {
    await this.endProcess(PROGRAM_SERVER);
  }

  private async endProcess(key: string): Promise<void> {
    const child = this.processes.get(key)?.child;
    this.processes.delete(key);
    if (child?.kill("SIGKILL") === true) await once(child, "exit");
  }

  private portOf(stack: LabStack, key: string, program: string): Promise<string> {
    const runningProcess = this.processes.get(key);
    if (runningProcess !== undefined) return runningProcess.port;
    // In this variable a plugin that the engine starts itself finds its part of the stack's config.
    const child = stack.startInBackground(program, { PULUMI_CONFIG: JSON.stringify({ region: REGION }) });
    const port = firstLine(child, program);
    this.processes.set(key, { child, port });
    return port;
  }
}

/** @throws Error with what the process has printed, if it ends before it prints a line */
function firstLine(child: ChildProcess, program: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let errors = "";
    child.stdout?.on("data", (data: Buffer) => resolve(data.toString().trim()));
    child.stderr?.on("data", (data: Buffer) => (errors += data.toString()));
    child.once("exit", () => reject(new Error(`${program} has ended: ${errors}`)));
  });
}
