import { execa } from "execa";

/** Thrown when a command that the lab runs fails: names the command and the end of its output. */
class CommandError extends Error {
  readonly exitCode: number;

  constructor(argv: readonly string[], exitCode: number, output: string) {
    super(`${argv.join(" ")} failed with ${exitCode}: ${output.trim().split("\n").slice(-5).join("\n")}`);
    this.name = "CommandError";
    this.exitCode = exitCode;
  }
}

/** A command's exit code and output. */
export interface CommandResult {
  /** 255 where the command could not be started, was killed, or took too long. */
  exitCode: number;
  stdout: string;
  stderr: string;
}

/** How to run a command. */
interface CommandOptions {
  /** Text for its standard input. */
  input?: string;
  /** Milliseconds after which it is killed. Default one minute. */
  timeout?: number;
  /** Added to this process's environment. */
  env?: Readonly<Record<string, string>>;
}

/** Runs a command to its end and returns its result, also where it failed. */
export async function attempt(
  argv: readonly string[],
  { input = "", timeout = 60_000, env = {} }: CommandOptions = {},
): Promise<CommandResult> {
  const [file = "", ...args] = argv;
  const result = await execa(file, args, { input, reject: false, timeout, env });
  if (result.exitCode !== undefined)
    return { exitCode: result.exitCode, stdout: result.stdout, stderr: result.stderr };
  const reason = result.timedOut
    ? `it took longer than ${timeout / 1000} s`
    : (result.originalMessage ?? "it was ended");
  return { exitCode: 255, stdout: result.stdout, stderr: `${result.stderr}\n${reason}` };
}

/**
 * Runs a command that must succeed and returns what it printed.
 *
 * @throws CommandError
 */
export async function run(argv: readonly string[], options: CommandOptions = {}): Promise<string> {
  const { exitCode, stdout, stderr } = await attempt(argv, options);
  if (exitCode !== 0) throw new CommandError(argv, exitCode, stderr || stdout);
  return stdout;
}

/**
 * Waits until a condition holds, and evaluates it every `every` milliseconds.
 *
 * @throws Error that names `event` if it does not hold within `limit` milliseconds
 */
export async function until(
  event: string,
  limit: number,
  condition: () => Promise<boolean> | boolean,
  interval = 50,
): Promise<void> {
  const deadline = Date.now() + limit;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`${event} did not happen within ${limit / 1000} s`);
    await new Promise((resolve) => setTimeout(resolve, interval));
  }
}
