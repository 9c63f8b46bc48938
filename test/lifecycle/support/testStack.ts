import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parse, stringify } from "yaml";
import { startCloud } from "../../../lab/cloud/daemonControl.ts";
import { instancesOf } from "../../../lab/cloud/instances.ts";
import type { InstanceView } from "../../../lab/cloud/instances.ts";
import { REGION } from "../../../lab/cloud/region.ts";
import { runInHost } from "../../../lab/hosts/exec.ts";
import { withoutPrefix } from "../../../lab/hosts/inventory.ts";
import { removeLab } from "../../../lab/cli/teardown.ts";
import { startHosts } from "../../../lab/hosts/boot.ts";
import { BOOT_LIMIT } from "../../../lab/hosts/sshProbe.ts";
import { until } from "../../../lab/system/commands.ts";
import type { CommandResult } from "../../../lab/system/commands.ts";
import type { Inventory } from "../../../lab/hosts/inventory.ts";
import { prepareEngine } from "../../../lab/pulumi/engine/engine.ts";
import type { Engine } from "../../../lab/pulumi/engine/engine.ts";
import type { Mount } from "../../../lab/pulumi/operator.ts";
import { LabStack } from "../../../lab/pulumi/stack.ts";
import { openLab, ROOT } from "../../../lab/system/lab.ts";
import type { Lab } from "../../../lab/system/lab.ts";
import { killProcesses, processesByEnvironment } from "../../../lab/system/processes.ts";
import { silentProgress } from "../../../lab/system/progress.ts";
import { operationCounts } from "../../../lab/test/support/outcome.ts";
import type { Outcome } from "../../../lab/test/support/outcome.ts";
import { testPairs } from "./pairTests.ts";
import type { PairResult } from "./pairTests.ts";
import { WarmProcesses } from "./warmProcesses.ts";

export const UP = ["up", "--yes", "--skip-preview"];
export const DESTROY = ["destroy", "--yes", "--skip-preview"];

/** Edits the value of `oci-vxlan:environment` in place. */
export type ConfigChange = (environment: any) => void;

const NO_CHANGE: ConfigChange = () => undefined;

/** How a test stack runs Pulumi. */
interface StackOptions {
  /** Starts the program and the stand-ins anew in each run, as a user's run does. Default: if TEST_COLD is set. */
  isCold?: boolean;
}

/** The program's stack in a lab of its own, run by the real Pulumi engine. */
export class TestStack {
  readonly lab: Lab;
  readonly inventory: Inventory;
  private readonly engine: Engine;
  private readonly options: StackOptions;
  private readonly warmProcesses: WarmProcesses;
  private name = "lab";
  /** Hosts of the last config, by their names in the lab. */
  private machines: string[] = [];
  private lastConfig: object | undefined;

  private constructor(lab: Lab, inventory: Inventory, engine: Engine, options: StackOptions) {
    this.lab = lab;
    this.inventory = inventory;
    this.engine = engine;
    this.options = options;
    this.warmProcesses = new WarmProcesses(engine);
  }

  /** Boots hosts that exist before the stack, in a lab of this name. Removes what an earlier run left of that lab. */
  static async boot(name: string, inventory: Inventory, options: StackOptions = {}): Promise<TestStack> {
    await removeLab(openLab(name));
    const lab = openLab(name);
    await startHosts(lab, inventory, silentProgress);
    return new TestStack(lab, inventory, await prepareEngine(lab, silentProgress), options);
  }

  /** Starts the lab's cloud, which boots the instances of the stack, and boots existing hosts beside it. */
  static async bootCloud(
    name: string,
    inventory: Inventory = {},
    options: StackOptions = {},
  ): Promise<TestStack> {
    await removeLab(openLab(name));
    const lab = openLab(name);
    await startCloud(lab, silentProgress);
    if (Object.keys(inventory).length > 0) await startHosts(lab, inventory, silentProgress);
    return new TestStack(lab, inventory, await prepareEngine(lab, silentProgress), options);
  }

  /** Another stack of the same program, on the same hosts. `stacks/` has to have a config of that name. */
  otherStack(name: string): TestStack {
    const other = new TestStack(this.lab, this.inventory, this.engine, this.options);
    other.name = name;
    return other;
  }

  remove(): Promise<void> {
    return removeLab(this.lab);
  }

  /**
   * Returns a config with all existing hosts, ordered by name, at overlay addresses 192.168.0.1, 192.168.0.2 … Paths are
   * not probed: a full-sized echo that meets a NIC which a test has made small is remembered by the kernel for minutes.
   */
  config(change = NO_CHANGE): any {
    const environment = {
      overlay: { cidrs: ["192.168.0.0/24"], pathProbes: false },
      ssh: { user: "opc", privateKeyPath: ".lab/keys/opc_ed25519" },
      hosts: Object.fromEntries(
        Object.entries(this.inventory)
          .sort(([a], [b]) => a.localeCompare(b))
          .map(([host, { address }], index) => [
            host,
            {
              overlayAddresses: [`192.168.0.${index + 1}`],
              existing: {
                underlayAddress: withoutPrefix(address),
                hostKeyPath: `.lab/keys/${host}_host_ed25519.pub`,
              },
            },
          ]),
      ),
    };
    change(environment);
    return environment;
  }

  /** Returns the committed config of stack lab: the reference environment, whose hosts are instances of the cloud. */
  referenceConfig(change = NO_CHANGE): any {
    const committedConfig = parse(readFileSync(join(ROOT, "stacks/Pulumi.lab.yaml"), "utf8"));
    const environment = committedConfig.config["oci-vxlan:environment"];
    change(environment);
    return environment;
  }

  instances(): InstanceView[] {
    return instancesOf(this.lab);
  }

  up(config: object = this.config()): Promise<Outcome> {
    return this.pulumi(UP, config);
  }

  destroy(config: object = this.config()): Promise<Outcome> {
    return this.pulumi(DESTROY, config);
  }

  /**
   * Runs Pulumi on the stack.
   *
   * @param options.variables environment variables of the run
   * @param options.program path in this checkout of a program to run in place of the stack's
   * @param options.project name of another project, which has to have the stack
   * @param options.mounts files that the run sees in place of others
   * @param options.isSecond leaves a run of the same stack alone that is at work; it would be ended otherwise
   */
  async pulumi(
    args: readonly string[],
    config: object = this.config(),
    options: {
      variables?: Readonly<Record<string, string>>;
      program?: string;
      project?: string;
      mounts?: readonly Mount[];
      isSecond?: boolean;
    } = {},
  ): Promise<Outcome> {
    const { program: main, project: name } = options;
    const key = `${name ?? "oci-vxlan"}:environment`;
    const text = stringify({ config: { "oci:region": REGION, [key]: config } });
    const pulumi = new LabStack(this.lab, this.engine, this.name, text);
    if (options.isSecond !== true) await pulumi.prepare();
    this.machines = this.machinesOf(config);
    this.lastConfig = config;
    const projectMounts = main === undefined && name === undefined ? [] : [this.projectMount({ main, name })];
    // Warm processes see nothing that a run is given by itself.
    const isCold = this.isCold || Object.keys(options).length > 0;
    const warm = isCold ? undefined : await this.warmProcesses.attach(pulumi, args[0] ?? "");
    const result = await pulumi.attempt(
      [...args, ...(warm?.args ?? []), "--non-interactive", "--color=never"],
      { ...warm?.variables, ...options.variables },
      [...projectMounts, ...(options.mounts ?? [])],
    );
    // The program of a failed run may still be at work.
    if (!isCold && result.exitCode !== 0) await this.warmProcesses.endProgram();
    return {
      exitCode: result.exitCode,
      text: `${result.stdout}\n${result.stderr}`,
      counts: operationCounts(result.stdout),
    };
  }

  private get isCold(): boolean {
    return this.options.isCold ?? process.env["TEST_COLD"] !== undefined;
  }

  /** Runs Pulumi, and throws if it fails. */
  private async run(args: readonly string[], config = this.lastConfig): Promise<string> {
    const { exitCode, text } = await this.pulumi(args, config);
    if (exitCode !== 0) throw new Error(`pulumi ${args.join(" ")} failed: ${text}`);
    return text;
  }

  /** Mounts a Pulumi.yaml with another program or name: stack and config stay the same. */
  private projectMount({ main, name }: { main?: string; name?: string }): Mount {
    const target = join(ROOT, "Pulumi.yaml");
    const source = join(this.folder("config"), "Pulumi.yaml");
    const project = parse(readFileSync(target, "utf8"));
    writeFileSync(source, stringify({ ...project, main: main ?? project.main, name: name ?? project.name }));
    return { source, target };
  }

  /** Creates a folder of the lab where it does not exist yet. */
  private folder(name: string): string {
    const path = join(this.lab.directory, name);
    mkdirSync(path, { recursive: true, mode: 0o700 });
    return path;
  }

  /** Finds the machine behind each host of a config. A test may rename an existing host, so its address counts. */
  private machinesOf(config: any): string[] {
    const machines = Object.entries<any>(config.hosts ?? {}).map(([name, host]) => {
      const address = host?.existing?.underlayAddress;
      const machine = Object.entries(this.inventory).find(
        ([, spec]) => withoutPrefix(spec.address) === address,
      );
      return machine?.[0] ?? name;
    });
    return machines.sort();
  }

  /** Ends a running Pulumi with all that it has started, by SIGKILL. */
  async killPulumi(): Promise<void> {
    const processes = processesByEnvironment("PULUMI_HOME", this.engine.env["PULUMI_HOME"] ?? "");
    await killProcesses(processes);
    await this.warmProcesses.end();
  }

  /** Renames the stack. `stacks/` has to have a config of the new name. */
  async rename(name: string): Promise<void> {
    // The rename moves the config file, and a mounted file cannot be moved: so it runs in a project without config.
    const project = this.folder("renaming");
    writeFileSync(join(project, "Pulumi.yaml"), "name: oci-vxlan\nruntime: nodejs\n");
    await this.run(["-C", project, "stack", "rename", name]);
    const configFile = (stack: string) => join(this.folder("config"), `Pulumi.${stack}.yaml`);
    renameSync(configFile(this.name), configFile(name));
    this.name = name;
  }

  /** Edits the resources in the stack's state. */
  async editState(edit: (resources: any[]) => any[]): Promise<void> {
    const state = await this.exportState();
    state.deployment.resources = edit(state.deployment.resources);
    await this.importState(state);
  }

  /** Returns the stack's state; with the option `--show-secrets` its secrets are in plain text. */
  async exportState(...options: string[]): Promise<any> {
    const file = join(this.lab.directory, "state.json");
    await this.run(["stack", "export", "--file", file, ...options]);
    return JSON.parse(readFileSync(file, "utf8"));
  }

  /** Replaces the stack's state, in which secrets may be in plain text. */
  async importState(state: object, config = this.lastConfig): Promise<void> {
    const file = join(this.lab.directory, "state.json");
    writeFileSync(file, JSON.stringify(state), { mode: 0o600 });
    await this.run(["stack", "import", "--file", file], config);
  }

  /** Copies the stack into another project, as `pulumi stack export` and `import` do with the project's name replaced. */
  async copyTo(project: string): Promise<void> {
    const state = JSON.stringify(await this.exportState()).replaceAll("::oci-vxlan::", `::${project}::`);
    const file = join(this.lab.directory, "state.json");
    writeFileSync(file, state.replaceAll("::oci-vxlan-", `::${project}-`), { mode: 0o600 });
    for (const args of [
      ["stack", "init", this.name],
      ["stack", "import", "--file", file],
    ]) {
      const { exitCode, text } = await this.pulumi(args, this.lastConfig, { project });
      if (exitCode !== 0) throw new Error(`pulumi ${args.join(" ")} failed: ${text}`);
    }
  }

  /** Returns the stack's outputs, by name. */
  async outputs(): Promise<any> {
    return JSON.parse(await this.run(["stack", "output", "--json"]));
  }

  /** Runs `npm run status` on the stack. */
  async status(...args: string[]): Promise<{ exitCode: number; text: string }> {
    const { exitCode, stdout, stderr } = await this.runReader("status/main.ts", ...args);
    return { exitCode, text: `${stdout}\n${stderr}` };
  }

  /** Runs a program that reads the stack, such as `status/main.ts`. */
  runReader(program: string, ...args: string[]): Promise<CommandResult> {
    return new LabStack(this.lab, this.engine, this.name).attemptReader(program, args);
  }

  /** Runs a shell script as root on a host. */
  on(host: string, script: string): Promise<string> {
    return runInHost(this.lab, host, ["sh", "-ec", script]);
  }

  /** Waits until systemd has started, or failed to start, all units. A host that reboots has no init for a moment. */
  async waitForBoot(host: string): Promise<void> {
    const hasBooted = () =>
      this.on(host, "systemctl is-system-running --wait || true").then(
        () => true,
        () => false,
      );
    await until(`the boot of ${host}`, BOOT_LIMIT, hasBooted);
  }

  /** Measures the overlay from each host of the last config to each other. */
  testConnectivity(): Promise<PairResult[]> {
    return testPairs(this.lab, this.machines);
  }

  /** Lists the pairs between which traffic does not pass, as `from -> to`. */
  async failingPairs(): Promise<string[]> {
    const failures = (await this.testConnectivity()).filter(({ failure }) => failure !== undefined);
    return failures.map(({ from, to }) => `${from} -> ${to}`);
  }
}
