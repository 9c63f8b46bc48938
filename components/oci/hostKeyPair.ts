import { readFileSync } from "node:fs";

/** An SSH host key pair, issued before its host exists, so that the first connection can pin it already. */
export interface HostKeyPair {
  /** PEM text. A secret. */
  privateKey: string;
  /** One line, `ecdsa-sha2-nistp256 AAAA…`. */
  publicKey: string;
}

/**
 * The command that draws a pair and prints it, the same on Linux, macOS and Windows. Node is what runs the program
 * already. No key stands in it, and no path of the machine: a team shares the stack's state.
 */
export function hostKeyCommand(): { interpreter: string[]; create: string } {
  const program = readFileSync(new URL("./hostKeyPair.mjs", import.meta.url), "utf8");
  // A checkout on Windows may have other line ends.
  return { interpreter: ["node", "--input-type=module", "-e"], create: program.replaceAll("\r\n", "\n") };
}

/**
 * Reads what the command printed.
 *
 * @throws Error that quotes nothing of it, since half of it is a secret
 */
export function parseHostKeyPair(stdout: string): HostKeyPair {
  const pair = read(stdout);
  const { privateKey, publicKey } = pair as Partial<Record<keyof HostKeyPair, unknown>>;
  if (typeof privateKey !== "string" || typeof publicKey !== "string") {
    throw new Error(
      "the command that draws a host key printed no key pair: make sure that `node` on the PATH is Node.js, 22 or newer.",
    );
  }
  return { privateKey, publicKey };
}

function read(text: string): object {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? value : {};
  } catch {
    return {};
  }
}
