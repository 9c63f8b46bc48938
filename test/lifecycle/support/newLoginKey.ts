import { join } from "node:path";
import { keysFolder, makeKeys } from "../../../lab/hosts/keys.ts";
import type { ConfigChange, TestStack } from "./testStack.ts";

/** Makes a login key, and returns the change of a config in which it replaces the lab's. */
export async function newLoginKey(stack: TestStack): Promise<ConfigChange> {
  await makeKeys([join(keysFolder(stack.lab), "next_ed25519")]);
  return (e) => {
    e.ssh = {
      ...e.ssh,
      privateKeyPath: ".lab/keys/next_ed25519",
      oldPrivateKeyPath: ".lab/keys/opc_ed25519",
    };
  };
}
