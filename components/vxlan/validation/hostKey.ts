import type { Problem } from "../problems.ts";
import { CERTIFICATE } from "./privateKey.ts";

/**
 * Checks the public host key that every connection to a host pins. Without one the provider would accept any machine. A
 * key that is no text, such as an output, is not checked.
 */
export function validateHostKey(path: string, key: unknown): Problem[] {
  if (key === undefined) {
    return [
      {
        path,
        message: `no host key is pinned, and without one any machine could answer in the host's place: give the host's public key ${WHERE_KEYS_ARE}.`,
      },
    ];
  }
  if (typeof key !== "string" || HOST_KEY.test(key)) return [];
  return [
    {
      path,
      message: CERTIFICATE.test(key)
        ? `a host certificate, and certificates are not supported: give the host's plain public key ${WHERE_KEYS_ARE}.`
        : key.startsWith("ssh-rsa")
          ? "an RSA host key pins SHA-1 signatures, which current OpenSSH refuses: give the host's ed25519 or ECDSA key."
          : `"${key.slice(0, 40)}" is no public host key: give one line such as "ssh-ed25519 AAAA…" ${WHERE_KEYS_ARE}.`,
    },
  ];
}

const HOST_KEY = /^(ssh-ed25519|ecdsa-sha2-nistp(256|384|521)) [A-Za-z0-9+/]+={0,2}( .*)?\s*$/;
const WHERE_KEYS_ARE = "(on the host: cat /etc/ssh/ssh_host_ed25519_key.pub)";
