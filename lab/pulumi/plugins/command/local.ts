import { spawn } from "node:child_process";
import type { CommandResult } from "./ssh.ts";

/** The inputs of the plugin's `local:Command`, besides its commands. */
export interface LocalInputs {
  /** Program and arguments; the command is appended as the last argument. Default: the machine's shell. */
  interpreter?: string[];
  stdin?: string;
}

const SHELL = process.platform === "win32" ? ["cmd", "/C"] : ["/bin/sh", "-c"];

/** Runs one command on this machine, in the plugin's own directory and environment, as the official plugin does. */
export function runLocally(
  { interpreter, stdin }: LocalInputs,
  command: string,
  environment: Readonly<Record<string, string>>,
): Promise<CommandResult> {
  const [program = "", ...args] = interpreter?.length ? interpreter : SHELL;
  return new Promise((resolve, reject) => {
    const child = spawn(program, [...args, command], { env: { ...process.env, ...environment } });
    const result: CommandResult = { stdout: "", stderr: "", all: "" };
    for (const stream of ["stdout", "stderr"] as const) {
      child[stream].setEncoding("utf8").on("data", (text: string) => {
        result[stream] += text;
        result.all += text;
      });
    }
    child.on("error", reject);
    child.on("close", (code, signal) => {
      const failure = signal ? `signal: ${signal}` : `exit status ${code}`;
      resolve({ ...result, failure: code === 0 ? undefined : failure });
    });
    // A command that does not read its input may end before all of it is written.
    child.stdin.on("error", () => undefined);
    child.stdin.end(stdin ?? "");
  });
}
