import { execa } from "execa";

/** Thrown when a command of the lab's own fails: the command, and what it said. */
export class CommandError extends Error {
  readonly exitCode: number;

  constructor(argv: readonly string[], exitCode: number, output: string) {
    super(`${argv.join(" ")} failed with ${exitCode}: ${output.trim().split("\n").slice(-5).join("\n")}`);
    this.name = "CommandError";
    this.exitCode = exitCode;
  }
}

/** What a command said, and how it ended. */
export interface Result {
  exitCode: number;
  stdout: string;
  stderr: string;
}

/** Runs a command to its end and returns whatever became of it. `input` goes to its standard input. */
export async function attempt(argv: readonly string[], input = "", timeout = 60_000): Promise<Result> {
  const [file = "", ...args] = argv;
  const result = await execa(file, args, { input, reject: false, timeout, stripFinalNewline: true });
  const exitCode = result.exitCode ?? 255;
  return { exitCode, stdout: result.stdout, stderr: exitCode === 255 ? `${result.stderr}${result.message ?? ""}` : result.stderr };
}

/**
 * Runs a command that must succeed and returns what it printed.
 *
 * @throws CommandError
 */
export async function run(argv: readonly string[], input = "", timeout = 60_000): Promise<string> {
  const { exitCode, stdout, stderr } = await attempt(argv, input, timeout);
  if (exitCode !== 0) throw new CommandError(argv, exitCode, stderr || stdout);
  return stdout;
}

/**
 * Waits until a condition holds, looking again every `every` milliseconds.
 *
 * @throws Error with `what` when it does not hold within `limit` milliseconds
 */
export async function until(what: string, limit: number, holds: () => Promise<boolean> | boolean, every = 50): Promise<void> {
  const deadline = Date.now() + limit;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`${what} did not happen within ${limit / 1000} s`);
    await new Promise((resolve) => setTimeout(resolve, every));
  }
}
