import ssh2 from "ssh2";

/**
 * The public half of a private key in OpenSSH or PEM format, as one line for `authorized_keys`.
 *
 * @throws Error that does not quote the key
 */
export function publicKeyOf(privateKey: string, passphrase?: string): string {
  const parsed = ssh2.utils.parseKey(privateKey, passphrase);
  if (parsed instanceof Error) {
    throw new Error(
      `the SSH private key cannot be read (${parsed.message}): give a key in OpenSSH or PEM format, and its passphrase if it has one.`,
    );
  }
  return `${parsed.type} ${parsed.getPublicSSH().toString("base64")}`;
}
