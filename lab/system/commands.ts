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

/** How a command is run. */
export interface Options {
  /** What its standard input is. */
  input?: string;
  /** Milliseconds after which it is ended. Default one minute. */
  timeout?: number;
  /** Added to this process's environment. */
  env?: Readonly<Record<string, string>>;
}

/** Runs a command to its end and returns whatever became of it. */
export async function attempt(argv: readonly string[], options: Options = {}): Promise<Result> {
  const { input = "", timeout = 60_000, env = {} } = options;
  const [file = "", ...args] = argv;
  const result = await execa(file, args, { input, reject: false, timeout, env });
  if (result.exitCode !== undefined)
    return { exitCode: result.exitCode, stdout: result.stdout, stderr: result.stderr };
  const why = result.timedOut
    ? `it took longer than ${timeout / 1000} s`
    : (result.originalMessage ?? "it was ended");
  return { exitCode: 255, stdout: result.stdout, stderr: `${result.stderr}\n${why}` };
}

/**
 * Runs a command that must succeed and returns what it printed.
 *
 * @throws CommandError
 */
export async function run(argv: readonly string[], options: Options = {}): Promise<string> {
  const { exitCode, stdout, stderr } = await attempt(argv, options);
  if (exitCode !== 0) throw new CommandError(argv, exitCode, stderr || stdout);
  return stdout;
}

/**
 * Waits until a condition holds, looking again every `every` milliseconds.
 *
 * @throws Error with `what` when it does not hold within `limit` milliseconds
 */
export async function until(
  what: string,
  limit: number,
  holds: () => Promise<boolean> | boolean,
  every = 50,
): Promise<void> {
  const deadline = Date.now() + limit;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`${what} did not happen within ${limit / 1000} s`);
    await new Promise((resolve) => setTimeout(resolve, every));
  }
}
