import { readPrivateKey } from "../vxlan/privateKey.ts";

/**
 * The public half of a private key, as one line for `authorized_keys`.
 *
 * @throws Error that does not quote the key
 */
export function publicKeyOf(privateKey: string, passphrase?: string): string {
  try {
    const key = readPrivateKey(privateKey, passphrase);
    return `${key.type} ${key.getPublicSSH().toString("base64")}`;
  } catch (error) {
    throw new Error(
      `the SSH private key cannot be read (${(error as Error).message}): give a key in OpenSSH or PEM format, and its passphrase if it has one.`,
      { cause: error },
    );
  }
}
