import { printable } from "./printable.ts";

/** One wrong value: where it stands in the user's input, why it is wrong, and what would be right. */
export interface Problem {
  /** Dotted path, for example `hosts.host01.overlayAddresses[0]`. */
  path: string;
  message: string;
}

/** The problems as text for a person, one a line. It never quotes a private key that stands in the wrong place. */
export function describeProblems(problems: readonly Problem[]): string {
  return problems
    .map(({ path, message }) => oneLine(`  ${path}: ${QUOTED_KEY.test(message) ? MISPLACED_KEY : message}`))
    .join("\n");
}

/** A value that is quoted may break the line, or steer the terminal. */
const oneLine = (text: string) => printable(text).replaceAll("\n", "\\n");

/** The header of a private key with a part of the key behind it, as text or as JSON. */
const QUOTED_KEY = /PRIVATE KEY-----(\s|\\[nr])*[A-Za-z0-9+/=]/;
const MISPLACED_KEY =
  "a private key stands here, where it would be shown: take it out, and store it with " +
  "`pulumi config set --secret sshPrivateKey < FILE` or name its file in ssh.privateKeyPath.";

/** Joins the parts of a problem's path, the first of which may be empty. */
export const joinPath = (...parts: string[]) => parts.filter((part) => part !== "").join(".");
