import { execFile } from "node:child_process";
import { CouldNotLook } from "./couldNotLook.ts";

/** A resource of a stack, as far as it is used here. */
export interface StackResource {
  urn: string;
  type: string;
  parent?: string;
  inputs: Record<string, unknown>;
  outputs: Record<string, unknown>;
}

/** Where a stack's state is read from. */
export interface StackLocation {
  /** Name of the stack. Default: the selected one, as of every `pulumi` command. */
  stack?: string;
  /** Folder with the project's Pulumi.yaml. */
  directory: string;
}

/** The marks by which the engine writes a secret into an exported state. */
const SIGNATURE_KEY = "4dabf18193072939515e22adb298388d";
const SECRET_SIGNATURE = "1b47061264138c4ac30d75fd1eb44270";

/** Bytes that Pulumi may print: a fleet of a thousand hosts has a state of some 20 MB. */
const OUTPUT_LIMIT = 512 * 1024 * 1024;

/**
 * Reads the resources of a stack, secrets included. They go through a pipe, and so into no file and no list of processes.
 *
 * @throws CouldNotLook with what Pulumi says
 */
export async function readStack(location: StackLocation): Promise<StackResource[]> {
  const text = await runPulumi(location, ["stack", "export", "--show-secrets"]);
  const { deployment } = JSON.parse(text) as { deployment?: { resources?: Partial<StackResource>[] } };
  return (deployment?.resources ?? []).map(({ urn = "", type = "", parent, inputs, outputs }) => ({
    urn,
    type,
    parent,
    inputs: openSecrets(inputs ?? {}) as Record<string, unknown>,
    outputs: openSecrets(outputs ?? {}) as Record<string, unknown>,
  }));
}

/**
 * Runs Pulumi on the stack, and returns what it prints.
 *
 * @throws CouldNotLook with what Pulumi says
 */
export async function runPulumi(location: StackLocation, args: readonly string[]): Promise<string> {
  const { stdout, problem } = await attemptPulumi(location, args);
  if (problem !== undefined) throw new CouldNotLook(`pulumi ${args.slice(0, 2).join(" ")}: ${problem}`);
  return stdout;
}

/** What a run of Pulumi has printed. */
interface PulumiRun {
  stdout: string;
  /** Why it failed; undefined where it did not. */
  problem?: string;
}

/** Runs Pulumi on the stack, which may fail. */
export function attemptPulumi(
  { stack, directory }: StackLocation,
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<PulumiRun> {
  const stackArgs = stack === undefined ? [] : ["--stack", stack];
  const argv = [...args, ...stackArgs, "--non-interactive", "--color=never"];
  const env = { ...process.env, ...environment };
  const options = { cwd: directory, env, maxBuffer: OUTPUT_LIMIT, encoding: "utf8" } as const;
  return new Promise((resolve) => {
    const child = execFile("pulumi", argv, options, (error, stdout, stderr) => {
      if (!error) return resolve({ stdout });
      const reason = error.code === "ENOENT" ? "it is not on PATH" : `it ended with ${String(error.code)}`;
      resolve({ stdout, problem: stderr.trim().replace(/^error: /, "") || reason });
    });
    child.stdin?.end();
  });
}

/** A value of the state with its secrets in plain text. */
function openSecrets(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map(openSecrets);
  if ((value as Record<string, unknown>)[SIGNATURE_KEY] === SECRET_SIGNATURE)
    return openSecrets(JSON.parse((value as { plaintext?: string }).plaintext ?? "null"));
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, openSecrets(each)]));
}
