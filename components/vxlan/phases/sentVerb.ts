import { readHostText } from "../hostText.ts";
import { PROGRAM, asRoot, lines } from "./phase.ts";

/** A command with its standard input. */
export interface CommandWithInput {
  command: string;
  input: string;
}

/** Exit code where the program is missing on the host, as of a command that is not found. */
export const PROGRAM_MISSING = 127;

/**
 * A command that runs a verb of the host's program which is not installed: the file is sent each time, and its functions
 * use those of the program. The braces make bash read all of it before it runs any, so that no tool reads the rest as
 * its own standard input.
 *
 * @param file below host/sent/
 * @param args the verb, the overlay and what the verb takes; plain words
 * @param seconds after which the command is ended on the host
 * @param hint for the person who reads the command in an error
 */
export function sentVerb(
  file: string,
  args: readonly string[],
  seconds: number,
  hint: string,
): CommandWithInput {
  return {
    command: asRoot(seconds, "bash -s", hint),
    input: lines(
      "{",
      `[[ -e ${PROGRAM} ]] || exit ${PROGRAM_MISSING}`,
      `. ${PROGRAM}`,
      readHostText(new URL(`../host/sent/${file}`, import.meta.url)),
      `main ${args.join(" ")}`,
      "}",
    ),
  };
}
