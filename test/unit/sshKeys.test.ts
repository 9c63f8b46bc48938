import { execFileSync } from "node:child_process";
import { createPrivateKey } from "node:crypto";
import { describe, expect, test } from "vitest";
import { hostKeyCommand, parseHostKeyPair } from "../../components/oci/hostKeyPair.ts";
import { publicKeyOf } from "../../components/oci/loginKey.ts";
import { generateKeyPair } from "../sshKeyPair.ts";

describe("the host key", () => {
  const { interpreter, create, stdin } = hostKeyCommand();
  const generate = () =>
    execFileSync(process.execPath, [...interpreter.slice(1), create], { input: stdin, encoding: "utf8" });

  test("is a pair that Node, ssh2 and OpenSSH read alike", () => {
    const { privateKey, publicKey } = parseHostKeyPair(generate());
    expect(createPrivateKey(privateKey).asymmetricKeyDetails).toEqual({ namedCurve: "prime256v1" });
    expect(publicKeyOf(privateKey)).toBe(publicKey);
    const fingerprint = execFileSync("ssh-keygen", ["-lf", "-"], { input: publicKey, encoding: "utf8" });
    expect(fingerprint).toContain("(ECDSA)");
  });
  test("is not quoted where the command printed something else", () => {
    expect(() => parseHostKeyPair("SECRET")).toThrow(/printed no key pair/);
    expect(() => parseHostKeyPair("SECRET")).not.toThrow(/SECRET/);
  });
});

describe("the login key's public half", () => {
  test("is derived from the private one, encrypted or not", () => {
    const plainPair = generateKeyPair();
    expect(publicKeyOf(plainPair.private)).toBe(plainPair.public.trim());
    const encryptedPair = generateKeyPair("open");
    expect(publicKeyOf(encryptedPair.private, "open")).toBe(encryptedPair.public.trim());
  });
  test("text that is no key is refused, and not quoted", () => {
    expect(() => publicKeyOf("SECRET")).toThrow(/cannot be read/);
    expect(() => publicKeyOf("SECRET")).not.toThrow(/SECRET/);
  });
});
