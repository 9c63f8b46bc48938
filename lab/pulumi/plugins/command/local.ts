import { spawn } from "node:child_process";
import type { CommandResult } from "./ssh.ts";

/** What the plugin's `local:Command` takes beside its commands. */
export interface Local {
  /** Program and arguments that get the command as their last. Default: the machine's shell. */
  interpreter?: string[];
  stdin?: string;
}

const SHELL = process.platform === "win32" ? ["cmd", "/C"] : ["/bin/sh", "-c"];

/** Runs one command on this machine, in the plugin's own directory and environment, as the real plugin does. */
export function runHere(
  { interpreter, stdin }: Local,
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
      const ended = signal ? `signal: ${signal}` : `exit status ${code}`;
      resolve(code === 0 ? result : { ...result, ended });
    });
    // A command that reads nothing may be gone before it is all written.
    child.stdin.on("error", () => undefined);
    child.stdin.end(stdin ?? "");
  });
}
