import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { REFERENCE_HOSTS } from "../../lab/cli/existingHosts.ts";
import { keysFolder, publicKey } from "../../lab/hosts/keys.ts";
import { run } from "../../lab/system/commands.ts";
import { expectSuccess, expectUnchanged } from "./support/outcome.ts";
import { TestStack, UP } from "./support/testStack.ts";

/** The `command` plugin logs in with it to run phases, and the program for all else. Each test starts where the one before ended. */
describe("a login key", () => {
  let stack: TestStack;
  beforeAll(async () => {
    stack = await TestStack.boot("test-key-formats", REFERENCE_HOSTS);
    expectSuccess(await stack.up());
  });
  afterAll(() => stack.remove());

  /** Makes a key, and lets it log in to both hosts beside those before. */
  const admitNewKey = async (name: string, options: readonly string[], passphrase: string) => {
    const file = join(keysFolder(stack.lab), name);
    await run(["ssh-keygen", "-q", ...options, "-N", passphrase, "-f", file]);
    for (const host of Object.keys(REFERENCE_HOSTS))
      await stack.on(host, `echo '${publicKey(file)}' >>/home/opc/.ssh/authorized_keys`);
  };

  const upWith = (name: string, passphrase: string) => {
    const secret = passphrase === "" ? [] : ["--config", `oci-vxlan:sshPrivateKeyPassphrase=${passphrase}`];
    const config = stack.config((e) => (e.ssh.privateKeyPath = `.lab/keys/${name}`));
    return stack.pulumi([...UP, ...secret], config);
  };

  const logsIn =
    (name: string, options: readonly string[], passphrase = "") =>
    async () => {
      await admitNewKey(name, options, passphrase);
      const { counts } = expectSuccess(await upWith(name, passphrase));
      expect(counts).toEqual({ updated: 4, unchanged: 4 }); // The phases device and peers of both hosts.
      expectUnchanged(await upWith(name, passphrase));
      expect(await stack.failingPairs()).toEqual([]);
    };

  test("RSA in PEM logs in", logsIn("rsa_pem", ["-t", "rsa", "-b", "3072", "-m", "PEM"]));

  // The stand-in for the plugin logs in by ssh2, which reads no PKCS#8.
  test.skipIf(process.env["LAB_COMMAND_PLUGIN"] === undefined)(
    "RSA in PKCS#8 logs in",
    logsIn("rsa_pkcs8", ["-t", "rsa", "-b", "3072", "-m", "PKCS8"]),
  );

  test("ECDSA P-256 in OpenSSH's format logs in", logsIn("ecdsa", ["-t", "ecdsa", "-b", "256"]));

  test(
    "ed25519 in OpenSSH's format with a passphrase logs in",
    logsIn("encrypted", ["-t", "ed25519"], "a secret phrase"),
  );
});
