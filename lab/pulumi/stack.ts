import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { accessEnvironment, ensureAccess } from "../cloud/access.ts";
import { attempt } from "../system/commands.ts";
import type { CommandResult } from "../system/commands.ts";
import type { Engine } from "./engine/engine.ts";
import { keysFolder } from "../hosts/keys.ts";
import { STACK_KEYS_FOLDER, ROOT } from "../system/lab.ts";
import type { Lab } from "../system/lab.ts";
import { asOperator, ensurePassphrase, runInForeground } from "./operator.ts";
import type { Mount } from "./operator.ts";
import { interruptProcesses, killProcesses, processesByEnvironment } from "../system/processes.ts";

const stateFolder = (lab: Lab) => join(lab.directory, "state");

/** The file of Pulumi's local backend that holds a stack's state. */
export const stateFileOf = (lab: Lab, stack: string) =>
  join(stateFolder(lab), ".pulumi/stacks/oci-vxlan", `${stack}.json`);

/**
 * Runs Pulumi as the operator, on a state of the lab's own. The stack's config file is the committed one, but
 * Pulumi writes the salt of the lab's passphrase into it; so Pulumi sees a copy in its place, and what else it
 * wrote there goes back to the committed file.
 */
export class LabPulumi {
  private readonly lab: Lab;
  private readonly engine: Engine;
  private readonly stack: string;
  /** A config to be used in place of the committed one. */
  private readonly config: string | undefined;

  constructor(lab: Lab, engine: Engine, stack: string, config?: string) {
    this.lab = lab;
    this.engine = engine;
    this.stack = stack;
    this.config = config;
  }

  /** Makes the stack where there is none yet, and clears away what a killed run left: processes and a lock. */
  async prepare(): Promise<void> {
    await this.endLeftovers();
    const state = stateFolder(this.lab);
    mkdirSync(state, { recursive: true, mode: 0o700 });
    ensurePassphrase(this.lab);
    await ensureAccess(this.lab);
    if (!existsSync(this.committed)) {
      throw new Error(`there is no stack ${this.stack}: stacks/Pulumi.${this.stack}.yaml does not exist.`);
    }
    if (!existsSync(stateFileOf(this.lab, this.stack))) {
      await this.must(["stack", "init", this.stack, "--non-interactive"]);
    }
    const locks = join(state, ".pulumi/locks/organization/oci-vxlan", this.stack);
    if (existsSync(locks) && readdirSync(locks).length > 0) await this.must(["cancel", "--yes"]);
  }

  /** An engine whose lab was killed works on, and plugins outlive a killed engine. */
  private async endLeftovers(): Promise<void> {
    const leftovers = () => processesByEnvironment("PULUMI_HOME", this.engine.env["PULUMI_HOME"] ?? "");
    if (leftovers().length === 0) return;
    await interruptProcesses(leftovers(), 15_000).catch(() => killProcesses(leftovers()));
  }

  /** Runs Pulumi on the terminal and returns its exit code. */
  inForeground(args: readonly string[]): Promise<number> {
    return this.withConfig((mounts) => runInForeground(this.argv(args, mounts), this.environment()));
  }

  /**
   * Runs Pulumi to its end and returns what it said.
   *
   * @param mounts files that it sees in others' places, beside the stack's config and keys
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

  /** The hosts that the stack's config names. */
  hosts(): string[] {
    const text = this.config ?? readFileSync(this.committed, "utf8");
    const { config } = parse(text) as { config?: { "oci-vxlan:environment"?: { hosts?: object } } };
    return Object.keys(config?.["oci-vxlan:environment"]?.hosts ?? {}).sort();
  }

  private async must(args: readonly string[]): Promise<void> {
    const { exitCode, stdout, stderr } = await this.attempt(args);
    if (exitCode !== 0) throw new Error(`pulumi ${args.join(" ")} failed: ${`${stderr}\n${stdout}`.trim()}`);
  }

  private argv(args: readonly string[], mounts: readonly Mount[]): string[] {
    return asOperator(this.lab, [this.engine.pulumi, ...args], mounts);
  }

  private environment(): Record<string, string> {
    return { ...this.engine.env, ...accessEnvironment(this.lab), PULUMI_STACK: this.stack };
  }

  private get committed(): string {
    return join(ROOT, "stacks", `Pulumi.${this.stack}.yaml`);
  }

  private async withConfig<T>(work: (mounts: Mount[]) => Promise<T>): Promise<T> {
    if (!existsSync(this.committed)) return work([]);
    const folder = join(this.lab.directory, "config");
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const copy = join(folder, `Pulumi.${this.stack}.yaml`);
    const salt = existsSync(copy) ? (SALT.exec(readFileSync(copy, "utf8"))?.[0] ?? "") : "";
    const before = this.config ?? readFileSync(this.committed, "utf8");
    writeFileSync(copy, salt + before, { mode: 0o600 });
    const result = await work([
      { source: copy, target: this.committed },
      { source: keysFolder(this.lab), target: STACK_KEYS_FOLDER },
    ]);
    const after = readFileSync(copy, "utf8").replace(SALT, "");
    if (this.config === undefined && meaning(after) !== meaning(before)) writeFileSync(this.committed, after);
    return result;
  }
}

const SALT = /^encryptionsalt: .*\n/m;

/** A config's text without what Pulumi's own writing changes: comments' indents, blank lines. */
const meaning = (text: string) => JSON.stringify(parse(text));
