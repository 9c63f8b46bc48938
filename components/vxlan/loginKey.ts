import { readHostText } from "./hostText.ts";
import { asRoot } from "./phases/phase.ts";
import type { CommandWithInput } from "./phases/sentVerb.ts";

/** Seconds after which the command is ended on the host. It may wait for another run. */
export const LOGIN_KEY_LIMIT = 60;

/** Two public keys, each as "TYPE BASE64". */
export interface KeyPair {
  oldKey: string;
  newKey: string;
}

/** Adds the new key beside the old one, in the login user's `authorized_keys`. */
export const addKey = (keys: KeyPair): CommandWithInput => loginKeyCommand("add", keys, "adds the login key");

/**
 * Removes the old key from the login user's `authorized_keys`.
 *
 * @param everyUser whether it is exchanged for the new one in the files of all other users too
 */
export const retireKey = (keys: KeyPair, everyUser: boolean): CommandWithInput =>
  loginKeyCommand("retire", keys, "removes the old login key", everyUser ? ["every"] : []);

function loginKeyCommand(
  action: "add" | "retire",
  { oldKey, newKey }: KeyPair,
  hint: string,
  args: readonly string[] = [],
): CommandWithInput {
  const script = readHostText(new URL("./host/sent/login-key.sh", import.meta.url));
  const call = ["main", action, `"${oldKey}"`, `"${newKey}"`, ...args].join(" ");
  return { command: asRoot(LOGIN_KEY_LIMIT, "bash -s", hint), input: `${script}\n${call}\n` };
}
