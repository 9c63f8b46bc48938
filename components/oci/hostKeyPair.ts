import { readHostText } from "../vxlan/hostText.ts";

/** An SSH host key pair. It is issued before its host exists, so that the first connection can pin it. */
export interface HostKeyPair {
  /** PEM text. A secret. */
  privateKey: string;
  /** One line, `ecdsa-sha2-nistp256 AAAA…`. */
  publicKey: string;
}

/**
 * The command that generates a pair and prints it, the same on Linux, macOS and Windows: Node runs the program anyway.
 * The command holds no path of this machine, since a team shares the stack's state. Node reads the program from its
 * standard input: on Windows the first `node` on the PATH may be a batch file of npm, and no argument of one can hold
 * line ends or quotes.
 */
export function hostKeyCommand(): { interpreter: string[]; create: string; stdin: string } {
  const program = readHostText(new URL("./hostKeyPair.mjs", import.meta.url));
  return { interpreter: ["node", "--input-type=module"], create: "-", stdin: program };
}

/**
 * Reads what the command printed.
 *
 * @throws Error that does not quote it, since half of it is secret
 */
export function parseHostKeyPair(stdout: string): HostKeyPair {
  const pair = parseObject(stdout);
  const { privateKey, publicKey } = pair as Partial<Record<keyof HostKeyPair, unknown>>;
  if (typeof privateKey !== "string" || typeof publicKey !== "string") {
    throw new Error(
      "the command that draws a host key printed no key pair: make sure that `node` on the PATH is Node.js, 22 or newer.",
    );
  }
  return { privateKey, publicKey };
}

function parseObject(text: string): object {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? value : {};
  } catch {
    return {};
  }
}
