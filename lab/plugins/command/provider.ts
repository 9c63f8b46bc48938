import { randomBytes } from "node:crypto";
import { isDeepStrictEqual } from "node:util";
import { main } from "@pulumi/pulumi/provider/index.js";
import type { Provider } from "@pulumi/pulumi/provider/index.js";
import { reveal } from "../secrets.ts";
import { runOverSsh } from "./ssh.ts";
import type { Connection } from "./ssh.ts";

/**
 * A stand-in for Pulumi's `command` plugin 1.2.1, for machines that only package registries answer: none of
 * them carries the plugin. It has `command:remote:Command` alone, with the behaviour that the program can see
 * of the real one: one connection for each create, update or delete; only `triggers` replaces; an update runs
 * `update`, else `create`; a delete runs with the inputs in state; a failed create leaves no state; refresh
 * returns the state as it is. What it has not, it refuses by name.
 */

const TYPE = "command:remote:Command";
const INPUTS = [
  "connection",
  "create",
  "update",
  "delete",
  "stdin",
  "triggers",
  "addPreviousOutputInEnv",
  "logging",
];

/** A Command's inputs, with secrets revealed. */
interface Inputs {
  connection: Connection;
  create?: string;
  update?: string;
  delete?: string;
  stdin?: string;
}

interface Outputs {
  stdout: string;
  stderr: string;
}

async function execute(command: string | undefined, raw: unknown): Promise<Outputs> {
  const inputs = reveal(raw) as Inputs;
  if (command === undefined) return { stdout: "", stderr: "" };
  const { stdout, stderr, ended, all } = await runOverSsh(inputs.connection, command, inputs.stdin ?? "");
  if (ended !== undefined) throw new Error(`${ended}: running ${JSON.stringify(command)}:\n${all}`);
  return { stdout: stdout.replace(/\n$/, ""), stderr: stderr.replace(/\n$/, "") };
}

/** Whether two inputs differ once secrets are revealed: their wrapping alone is no change. */
const differs = (olds: Record<string, unknown>, news: Record<string, unknown>, key: string) =>
  !isDeepStrictEqual(reveal(olds[key]), reveal(news[key]));

const provider: Provider = {
  version: "1.2.1",

  check: (urn, _olds, news: Record<string, unknown>) => {
    const type = urn.split("::")[2]?.split("$").pop();
    if (type !== TYPE) {
      return Promise.reject(
        new Error(`the lab's stand-in for the command plugin has no ${type}: set LAB_COMMAND_PLUGIN`),
      );
    }
    const failures = Object.keys(news)
      .filter((key) => !INPUTS.includes(key) && !key.startsWith("__"))
      .map((property) => ({
        property,
        reason: "the lab's stand-in does not know it: set LAB_COMMAND_PLUGIN",
      }));
    if (news["connection"] === undefined) failures.push({ property: "connection", reason: "it is required" });
    return Promise.resolve({ inputs: news, failures });
  },

  diff: (_id, _urn, olds: Record<string, unknown>, news: Record<string, unknown>) => {
    const changed = INPUTS.filter((key) => differs(olds, news, key));
    const replaces = changed.filter((key) => key === "triggers");
    return Promise.resolve({ changes: changed.length > 0, replaces });
  },

  create: async (urn, inputs: Record<string, unknown>) => {
    const name = urn.split("::").pop();
    const outputs = await execute(reveal(inputs["create"]) as string | undefined, inputs);
    return { id: `${name}${randomBytes(4).toString("hex")}`, outs: { ...inputs, ...outputs } };
  },

  update: async (_id, _urn, olds: Outputs, news: Record<string, unknown>) => {
    const command = reveal(news["update"] ?? news["create"]) as string | undefined;
    const { stdout, stderr } = olds;
    const outputs = command === undefined ? { stdout, stderr } : await execute(command, news);
    return { outs: { ...news, ...outputs } };
  },

  delete: async (_id, _urn, props: Record<string, unknown>) => {
    await execute(reveal(props["delete"]) as string | undefined, props);
  },
};

await main(provider, process.argv.slice(2));
