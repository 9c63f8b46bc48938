import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { parse } from "yaml";
import { accessEnvironment, ensureAccess } from "../cloud/access.ts";
import { refusalOfAuth } from "../cloud/authentication.ts";
import { keysFolder } from "../hosts/keys.ts";
import { attempt } from "../system/commands.ts";
import type { CommandResult } from "../system/commands.ts";
import { pulumiState, ROOT, STACK_KEYS_FOLDER } from "../system/lab.ts";
import type { Lab } from "../system/lab.ts";
import { interruptProcesses, killProcesses, processesByEnvironment } from "../system/processes.ts";
import type { Engine } from "./engine/engine.ts";
import { asOperator, ensurePassphrase, runInForeground } from "./operator.ts";
import type { Mount } from "./operator.ts";

/** The file of Pulumi's local backend that holds a stack's state. */
export const stateFileOf = (lab: Lab, stack: string) =>
  join(pulumiState(lab), ".pulumi/stacks/oci-vxlan", `${stack}.json`);

/** The part of a stack's config that the lab reads. */
interface StackConfig {
  config?: { "oci:auth"?: string };
}

/**
 * Runs Pulumi on one stack as the operator, with the lab's own state. Pulumi writes the salt of the lab's passphrase
 * into the stack's config file. So it sees a copy in place of the committed file; other changes that it makes to the
 * copy are written to the committed file afterwards.
 */
export class LabStack {
  private readonly lab: Lab;
  private readonly engine: Engine;
  private readonly stack: string;
  /** The text of a config to use instead of the committed file. */
  private readonly config: string | undefined;

  constructor(lab: Lab, engine: Engine, stack: string, config?: string) {
    this.lab = lab;
    this.engine = engine;
    this.stack = stack;
    this.config = config;
  }

  /** Creates the stack if it is missing, and removes what a killed run has left: processes and a lock. */
  async prepare(): Promise<void> {
    this.requireApiKey();
    await this.endEarlierRuns();
    mkdirSync(pulumiState(this.lab), { recursive: true, mode: 0o700 });
    ensurePassphrase(this.lab);
    await ensureAccess(this.lab);
    if (!existsSync(this.committedConfig)) {
      throw new Error(`there is no stack ${this.stack}: stacks/Pulumi.${this.stack}.yaml does not exist.`);
    }
    if (!existsSync(stateFileOf(this.lab, this.stack)))
      await this.run(["stack", "init", this.stack, "--non-interactive"]);
    const locks = join(pulumiState(this.lab), ".pulumi/locks/organization/oci-vxlan", this.stack);
    if (existsSync(locks) && readdirSync(locks).length > 0) await this.run(["cancel", "--yes"]);
  }

  /** @throws Error if config or environment choose another way of authentication than the lab's cloud has */
  private requireApiKey(): void {
    const { config } = this.parsedConfig();
    const refusal =
      refusalOfAuth(config?.["oci:auth"], "oci:auth") ??
      refusalOfAuth(process.env["TF_VAR_auth"], "TF_VAR_auth") ??
      refusalOfAuth(process.env["OCI_AUTH"], "OCI_AUTH");
    if (refusal !== undefined) throw new Error(refusal);
  }

  /** Ends engines and plugins of earlier runs: an engine survives its killed lab command, a plugin its engine. */
  private async endEarlierRuns(): Promise<void> {
    const processes = () => processesByEnvironment("PULUMI_HOME", this.engine.env["PULUMI_HOME"] ?? "");
    if (processes().length === 0) return;
    await interruptProcesses(processes(), 15_000).catch(() => killProcesses(processes()));
  }

  /** Runs Pulumi on the terminal and returns its exit code. */
  inForeground(args: readonly string[]): Promise<number> {
    return this.withConfig((mounts) => runInForeground(this.argv(args, mounts), this.environment()));
  }

  /**
   * Runs a program of Node that reads the stack, as the operator on the terminal, and returns its exit code. It may run
   * beside `up`: the config that it sees is the copy of that run.
   */
  readerInForeground(program: string, args: readonly string[]): Promise<number> {
    return runInForeground(this.readerArgv(program, args), this.readerEnvironment());
  }

  /** Runs such a program to its end and returns its result, also where it failed. */
  attemptReader(program: string, args: readonly string[]): Promise<CommandResult> {
    return attempt(this.readerArgv(program, args), { timeout: 120_000, env: this.readerEnvironment() });
  }

  /**
   * Starts a program of Node as the operator, with pipes for what it prints. It goes on between runs of Pulumi: `prepare`,
   * which ends what has this lab's PULUMI_HOME, leaves it alone.
   *
   * @param env added to its environment
   */
  startInBackground(program: string, env: Readonly<Record<string, string>>): ChildProcess {
    const [file = "", ...args] = this.readerArgv(program, []);
    return spawn(file, args, {
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, ...this.readerEnvironment(), ...env, PULUMI_HOME: undefined },
    });
  }

  private readerArgv(program: string, args: readonly string[]): string[] {
    const mounts = [{ source: this.configCopy, target: this.committedConfig }, this.keysMount];
    const usedMounts = mounts.filter(({ source }) => existsSync(source));
    return asOperator(this.lab, [process.execPath, join(ROOT, program), ...args], usedMounts);
  }

  private readerEnvironment(): Record<string, string> {
    const environment = this.environment();
    return { ...environment, PATH: `${dirname(this.engine.pulumi)}:${environment["PATH"] ?? ""}` };
  }

  /**
   * Runs Pulumi to its end and returns its result, also where it failed.
   *
   * @param mounts files that it sees in place of others, in addition to the stack's config and keys
   */
  attempt(
    args: readonly string[],
    env: Readonly<Record<string, string>> = {},
    mounts: readonly Mount[] = [],
  ): Promise<CommandResult> {
    return this.withConfig((labMounts) =>
      attempt(this.argv(args, [...labMounts, ...mounts]), {
        timeout: 600_000,
        env: { ...this.environment(), ...env },
      }),
    );
  }

  /** @throws Error with Pulumi's output, if it fails */
  private async run(args: readonly string[]): Promise<void> {
    const { exitCode, stdout, stderr } = await this.attempt(args);
    if (exitCode !== 0) throw new Error(`pulumi ${args.join(" ")} failed: ${`${stderr}\n${stdout}`.trim()}`);
  }

  private argv(args: readonly string[], mounts: readonly Mount[]): string[] {
    return asOperator(this.lab, [this.engine.pulumi, ...args], mounts);
  }

  private environment(): Record<string, string> {
    return { ...this.engine.env, ...accessEnvironment(this.lab), PULUMI_STACK: this.stack };
  }

  private parsedConfig(): StackConfig {
    if (this.config === undefined && !existsSync(this.committedConfig)) return {};
    return parse(this.config ?? readFileSync(this.committedConfig, "utf8")) as StackConfig;
  }

  private get committedConfig(): string {
    return join(ROOT, "stacks", `Pulumi.${this.stack}.yaml`);
  }

  private get configCopy(): string {
    return join(this.lab.directory, "config", `Pulumi.${this.stack}.yaml`);
  }

  private get keysMount(): Mount {
    return { source: keysFolder(this.lab), target: STACK_KEYS_FOLDER };
  }

  /** Runs Pulumi with a copy of the config in place of the committed file, and writes its changes back. */
  private async withConfig<T>(command: (mounts: Mount[]) => Promise<T>): Promise<T> {
    if (!existsSync(this.committedConfig)) return command([]);
    const copy = this.configCopy;
    mkdirSync(dirname(copy), { recursive: true, mode: 0o700 });
    const salt = existsSync(copy) ? (SALT.exec(readFileSync(copy, "utf8"))?.[0] ?? "") : "";
    const before = this.config ?? readFileSync(this.committedConfig, "utf8");
    writeFileSync(copy, salt + before, { mode: 0o600 });
    const result = await command([{ source: copy, target: this.committedConfig }, this.keysMount]);
    const after = readFileSync(copy, "utf8").replace(SALT, "");
    if (this.config === undefined && !hasSameContent(before, after))
      writeFileSync(this.committedConfig, after);
    return result;
  }
}

const SALT = /^encryptionsalt: .*\n/m;

/** Whether two YAML texts have the same content. Pulumi writes comments and blank lines in its own way. */
const hasSameContent = (a: string, b: string) => JSON.stringify(parse(a)) === JSON.stringify(parse(b));
