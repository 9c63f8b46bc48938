import { readHeader, readPrivateKey } from "../privateKey.ts";
import type { PrivateKeyHeader } from "../privateKey.ts";
import type { Problem } from "../problems.ts";

/** Ciphers of OpenSSH's own format that the `command` plugin reads. */
const CIPHERS = ["none", "aes256-ctr", "aes256-cbc"];

/** A private key with its passphrase, and where they stand in the user's input. */
export interface PrivateKeyInput {
  path: string;
  text: string;
  passphrase: string | undefined;
  passphrasePath: string;
}

/** Refuses a private key that the `command` plugin or this program cannot use. It is never quoted. */
export function validatePrivateKey({ path, text, passphrase, passphrasePath }: PrivateKeyInput): Problem[] {
  const header = readHeader(text);
  const message = header ? problemWithFormat(header) : notAKey(text);
  if (message !== undefined) return [{ path, message }];
  if (header?.isEncrypted === true && passphrase === undefined) {
    const advice = `the private key is encrypted: set its passphrase with \`pulumi config set --secret ${passphrasePath}\`.`;
    return [{ path, message: advice }];
  }
  if (header?.isEncrypted === false && passphrase !== undefined) {
    const advice = `given, and the key at ${path} is not encrypted, so each login would fail: take it out with \`pulumi config rm ${passphrasePath}\`.`;
    return [{ path: passphrasePath, message: advice }];
  }
  try {
    readPrivateKey(text, passphrase);
    return [];
  } catch (error) {
    const { message: reason } = error as Error;
    return [
      {
        path,
        message:
          `the SSH private key cannot be read (${reason}): give an ed25519, ECDSA (P-256, P-384 or P-521) or RSA key, ` +
          "and the passphrase that it has.",
      },
    ];
  }
}

function notAKey(text: string): string {
  if (CERTIFICATE.test(text))
    return "this is an SSH certificate, and certificates are not supported: give the private key itself, and let the hosts accept its public key.";
  if (text.trimStart().startsWith("PuTTY-User-Key-File"))
    return "this is a key of PuTTY: convert it with `puttygen FILE -O private-openssh -o NEW_FILE`.";
  return "this is no private key: it must begin with a line such as -----BEGIN OPENSSH PRIVATE KEY----- (is it the .pub file?).";
}

/** A certificate, as ssh-keygen writes it. */
export const CERTIFICATE = /^\s*[a-z0-9-]+-cert-v\d\d@openssh\.com\s/;

function problemWithFormat({ format, cipher, type = "" }: PrivateKeyHeader): string | undefined {
  if (format === "ENCRYPTED PRIVATE KEY")
    return (
      "an encrypted key in PKCS#8 format, which the command plugin does not read: convert it with `ssh-keygen -p -f FILE` " +
      "(for ed25519, of OpenSSH 9.6 or newer)."
    );
  if (format === "EC PARAMETERS")
    return "it begins with EC PARAMETERS, which the command plugin does not read: convert it with `ssh-keygen -p -f FILE`.";
  if (format === "DSA PRIVATE KEY" || type === "ssh-dss")
    return "a DSA key, which OpenSSH refuses: give an ed25519, ECDSA or RSA key.";
  if (type.startsWith("sk-"))
    return "a key on a security token (FIDO), which is not supported: give an ed25519, ECDSA or RSA key.";
  if (cipher !== undefined && !CIPHERS.includes(cipher))
    return `encrypted with ${cipher}, which the command plugin does not read: convert it with \`ssh-keygen -p -Z aes256-ctr -f FILE\`.`;
  return undefined;
}
