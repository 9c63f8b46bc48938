import { readFileSync } from "node:fs";

/**
 * Reads a file of this project that goes to hosts. A checkout on Windows may have line ends that no shell on a host
 * reads; and the state, which a team shares, must not depend on who runs `up`.
 */
export function readHostText(file: URL): string {
  return withUnixLineEnds(readFileSync(file, "utf8"));
}

/** A text with line ends of Unix. */
export function withUnixLineEnds(text: string): string {
  return text.replaceAll("\r\n", "\n");
}
