import { cpSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { accessEnvironment, ensureAccess } from "../../cloud/access.ts";
import { attempt, run } from "../../system/commands.ts";
import type { Engine } from "../../pulumi/engine/engine.ts";
import { prepareEngine } from "../../pulumi/engine/engine.ts";
import { ROOT } from "../../system/lab.ts";
import type { Lab } from "../../system/lab.ts";
import { asOperator, ensurePassphrase } from "../../pulumi/operator.ts";
import { silentProgress } from "../../system/progress.ts";
import { operationCounts } from "../support/outcome.ts";
import type { Outcome } from "../support/outcome.ts";

/** Arguments that override the program's own, by resource name. */
type Overrides = Readonly<Record<string, object>>;

/** The program in programs/network on a stack of its own, run by the real engine against the lab's cloud. */
export class OciProgram {
  private readonly lab: Lab;
  private readonly engine: Engine;
  private readonly folder: string;

  private constructor(lab: Lab, engine: Engine) {
    this.lab = lab;
    this.engine = engine;
    this.folder = join(lab.directory, "program");
  }

  /** The lab's cloud must run. */
  static async prepare(lab: Lab): Promise<OciProgram> {
    await ensureAccess(lab);
    ensurePassphrase(lab);
    mkdirSync(join(lab.directory, "state"), { recursive: true });
    const program = new OciProgram(lab, await prepareEngine(lab, silentProgress));
    // A copy, since Pulumi writes the stack's file beside the program; node_modules is found from there too.
    cpSync(join(ROOT, "lab/test/lifecycle/programs/network"), program.folder, { recursive: true });
    await program.pulumi(["stack", "init", "test"]);
    return program;
  }

  up = (overrides: Overrides = {}) => this.pulumi(["up", "--yes", "--skip-preview", "--diff"], overrides);
  preview = (overrides: Overrides = {}) => this.pulumi(["preview"], overrides);
  refresh = (overrides: Overrides = {}) => this.pulumi(["refresh", "--yes", "--skip-preview"], overrides);
  destroy = () => this.pulumi(["destroy", "--yes", "--skip-preview"]);

  async pulumi(args: readonly string[], overrides: Overrides = {}): Promise<Outcome> {
    const argv = [this.engine.pulumi, "-C", this.folder, ...args, "--non-interactive", "--color=never"];
    const { exitCode, stdout, stderr } = await attempt(asOperator(this.lab, argv), {
      timeout: 300_000,
      env: { ...this.environment(), OVERRIDES: JSON.stringify(overrides) },
    });
    return { exitCode, text: `${stdout}\n${stderr}`, counts: operationCounts(stdout) };
  }

  /** The stack's outputs, secrets revealed. */
  async outputs(): Promise<any> {
    const { text } = await this.pulumi(["stack", "output", "--json", "--show-secrets"]);
    return JSON.parse(text);
  }

  /** Makes one call of the cloud's API without Pulumi. */
  async call(client: "network" | "compute", operation: string, request: object): Promise<any> {
    const script = join(ROOT, "lab/test/lifecycle/programs/call.ts");
    const node = join(ROOT, "node_modules/node/bin/node");
    const argv = asOperator(this.lab, [node, script, client, operation, JSON.stringify(request)]);
    return JSON.parse(await run(argv, { env: this.environment() }));
  }

  private environment(): Record<string, string> {
    return { ...this.engine.env, ...accessEnvironment(this.lab), PULUMI_STACK: "test" };
  }
}
