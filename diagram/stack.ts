import { existsSync, globSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { basename, join } from "node:path";
import { parse } from "yaml";
import { ConfigError, parsePlan } from "../stacks/load.ts";
import { describeProblems } from "../components/vxlan/problems.ts";
import type { Environment } from "../stacks/schema.ts";
import { runPulumi } from "../status/stackState.ts";
import { parseOutputs } from "./outputs.ts";
import type { StackOutputs } from "./outputs.ts";

export const ROOT = join(import.meta.dirname, "..");

/** Thrown where a stack cannot be drawn. */
export class CannotDraw extends Error {}

/** @throws CannotDraw if the stack has no config, or a wrong one */
export function readPlan(stack: string): Environment {
  const name = `Pulumi.${stack.split("/").at(-1) ?? ""}.yaml`;
  const file = join(ROOT, "stacks", name);
  if (!existsSync(file))
    throw new CannotDraw(`there is no stack ${stack}: stacks/${name} does not exist. ${knownStacks()}`);
  const { config } = parse(readFileSync(file, "utf8")) as { config?: Record<string, unknown> };
  try {
    return parsePlan(config?.["oci-vxlan:environment"]);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    throw new CannotDraw(`stacks/${name} has to be corrected first:\n${describeProblems(error.problems)}`);
  }
}

export const knownStacks = () =>
  `There are ${globSync("Pulumi.*.yaml", { cwd: join(ROOT, "stacks") })
    .map((file) => basename(file).split(".")[1] ?? "")
    .sort()
    .join(", ")}.`;

/** The outputs of a stack's last `up`; or else why there are none. */
export async function readOutputs(stack: string): Promise<{ outputs: StackOutputs } | { reason: string }> {
  if (!isLoggedIn()) return { reason: "pulumi is not logged in to a backend" };
  try {
    const outputs = parseOutputs(await runPulumi({ stack, directory: ROOT }, ["stack", "output", "--json"]));
    return outputs.macs ? { outputs } : { reason: "no `pulumi up` has ended well yet" };
  } catch (error) {
    return { reason: (error as Error).message };
  }
}

/** The stack that `pulumi stack select` has selected. */
export async function selectedStack(): Promise<string | undefined> {
  if (process.env["PULUMI_STACK"]) return process.env["PULUMI_STACK"];
  if (!isLoggedIn()) return undefined;
  return runPulumi({ directory: ROOT }, ["stack", "--show-name"]).then(
    (name) => name.trim() || undefined,
    () => undefined,
  );
}

/** Without a login there is no stack to ask about, and npm's launcher would download Pulumi to find that out. */
function isLoggedIn(): boolean {
  const { PULUMI_BACKEND_URL, PULUMI_ACCESS_TOKEN, PULUMI_HOME } = process.env;
  const home = PULUMI_HOME ?? join(homedir(), ".pulumi");
  return Boolean(PULUMI_BACKEND_URL || PULUMI_ACCESS_TOKEN) || existsSync(join(home, "credentials.json"));
}
