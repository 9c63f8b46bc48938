import { randomBytes } from "node:crypto";
import { flushCompileCache } from "node:module";
import { isDeepStrictEqual } from "node:util";
import { main } from "@pulumi/pulumi/provider/index.js";
import type { Provider } from "@pulumi/pulumi/provider/index.js";
import { unwrapSecrets } from "../secrets.ts";
import { runLocally } from "./local.ts";
import type { LocalInputs } from "./local.ts";
import { runOverSsh } from "./ssh.ts";
import type { Connection } from "./ssh.ts";

/**
 * A stand-in for Pulumi's `command` plugin 1.2.1, which no package registry carries. It has `command:remote:Command` and
 * `command:local:Command`, and behaves as the official plugin does where the program can see it: one run (and one
 * connection) for each create, update or delete; only `triggers` replaces; an update runs `update`, else `create`; a
 * delete runs with the inputs in state; a failed create leaves no state; refresh returns the state unchanged. It refuses
 * types and inputs that it does not support by name.
 */

const SHARED = ["create", "update", "delete", "stdin", "triggers", "addPreviousOutputInEnv", "logging"];

/** The supported types, and the inputs of each. */
const INPUTS: Readonly<Record<string, readonly string[]>> = {
  "command:remote:Command": ["connection", ...SHARED],
  "command:local:Command": ["interpreter", ...SHARED],
};

/** A Command's inputs, with secrets unwrapped. */
interface Inputs extends LocalInputs {
  connection?: Connection;
  create?: string;
  update?: string;
  delete?: string;
  addPreviousOutputInEnv?: boolean;
}

interface Outputs {
  stdout: string;
  stderr: string;
}

async function execute(command: string | undefined, raw: unknown, before?: Outputs): Promise<Outputs> {
  if (command === undefined) return { stdout: "", stderr: "" };
  const inputs = unwrapSecrets(raw) as Inputs;
  const { stdout, stderr, failure, all } = inputs.connection
    ? await runOverSsh(inputs.connection, command, inputs.stdin ?? "")
    : await runLocally(
        inputs,
        command,
        inputs.addPreviousOutputInEnv === false ? {} : previousOutput(before),
      );
  if (failure !== undefined) throw new Error(`${failure}: running ${JSON.stringify(command)}:\n${all}`);
  return { stdout: stdout.replace(/\n$/, ""), stderr: stderr.replace(/\n$/, "") };
}

/** Tells a local command the output of the last run. sshd would not pass these variables on to a remote command. */
function previousOutput(before: Outputs | undefined): Record<string, string> {
  const { stdout, stderr } = unwrapSecrets(before ?? {}) as Partial<Outputs>;
  return {
    ...(stdout ? { PULUMI_COMMAND_STDOUT: stdout } : {}),
    ...(stderr ? { PULUMI_COMMAND_STDERR: stderr } : {}),
  };
}

/** The type in a URN, without those of its parents. */
const typeIn = (urn: string) => urn.split("::")[2]?.split("$").pop() ?? "";

/** Whether two inputs differ. The wrapping of a secret alone is no difference. */
const inputDiffers = (olds: Record<string, unknown>, news: Record<string, unknown>, key: string) =>
  !isDeepStrictEqual(unwrapSecrets(olds[key]), unwrapSecrets(news[key]));

const provider: Provider = {
  version: "1.2.1",

  check: (urn, _olds, news: Record<string, unknown>) => {
    const type = typeIn(urn);
    const supportedInputs = INPUTS[type];
    if (!supportedInputs) {
      return Promise.reject(
        new Error(`the lab's stand-in for the command plugin has no ${type}: set LAB_COMMAND_PLUGIN`),
      );
    }
    const failures = Object.keys(news)
      .filter((key) => !supportedInputs.includes(key) && !key.startsWith("__"))
      .map((property) => ({
        property,
        reason: "the lab's stand-in does not know it: set LAB_COMMAND_PLUGIN",
      }));
    if (supportedInputs.includes("connection") && news["connection"] === undefined)
      failures.push({ property: "connection", reason: "it is required" });
    return Promise.resolve({ inputs: news, failures });
  },

  diff: (_id, urn, olds: Record<string, unknown>, news: Record<string, unknown>) => {
    const changed = (INPUTS[typeIn(urn)] ?? []).filter((key) => inputDiffers(olds, news, key));
    const replaces = changed.filter((key) => key === "triggers");
    return Promise.resolve({ changes: changed.length > 0, replaces });
  },

  create: async (urn, inputs: Record<string, unknown>) => {
    const name = urn.split("::").pop();
    const outputs = await execute(unwrapSecrets(inputs["create"]) as string | undefined, inputs);
    return { id: `${name}${randomBytes(4).toString("hex")}`, outs: { ...inputs, ...outputs } };
  },

  update: async (_id, _urn, olds: Outputs, news: Record<string, unknown>) => {
    const command = unwrapSecrets(news["update"] ?? news["create"]) as string | undefined;
    const { stdout, stderr } = olds;
    const outputs = command === undefined ? { stdout, stderr } : await execute(command, news, olds);
    return { outs: { ...news, ...outputs } };
  },

  delete: async (_id, _urn, props: Record<string, unknown>) => {
    await execute(unwrapSecrets(props["delete"]) as string | undefined, props, props as unknown as Outputs);
  },
};

// Node would write it when the process ends, and the engine kills plugins.
flushCompileCache();

await main(provider, process.argv.slice(2));
