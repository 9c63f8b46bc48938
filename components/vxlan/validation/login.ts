import type { Problem } from "../problems.ts";
import { CERTIFICATE } from "./privateKey.ts";

/** The keys of a login. A key that is no text, such as an output, counts as given. */
interface LoginKeys {
  privateKey?: unknown;
  oldPrivateKey?: unknown;
  agent?: boolean | string;
  publicKey?: string;
}

const hasAgent = ({ agent }: LoginKeys) => agent !== undefined && agent !== false;

/** Checks that a login has a private key or an agent. */
export function validateLogin(path: string, login: LoginKeys): Problem[] {
  if (hasAgent(login) && login.oldPrivateKey !== undefined)
    return [{ path: `${path}.oldPrivateKey`, message: OLD_KEY_BESIDE_AGENT }];
  if (hasAgent(login) && login.privateKey !== undefined)
    return [{ path: `${path}.agent`, message: "given, and a private key too: keep one of them." }];
  if (hasAgent(login) || login.privateKey !== undefined) return [];
  return [{ path: `${path}.privateKey`, message: "no SSH key is given: give a private key, or set agent." }];
}

export const OLD_KEY_BESIDE_AGENT =
  "given beside ssh.agent, whose keys up does not replace: append the new public key to authorized_keys on the hosts, load the new " +
  "key into the agent, and remove the old one in both places.";

/** Checks the jump host of a login whose key is replaced. Nothing is changed on one that is no host of the overlay. */
export function validateJumpHostLogin(
  path: string,
  login: LoginKeys,
  jumpHost: Pick<LoginKeys, "privateKey">,
): Problem[] {
  if (login.oldPrivateKey === undefined || jumpHost.privateKey !== undefined) return [];
  const message =
    "it has no private key of its own, and up does not replace the key of the hosts on it: append the new public key to authorized_keys " +
    "there by hand, and give the private key that it takes.";
  return [{ path, message }];
}

/** Checks the public key that goes to instances, which cannot be derived where an agent has the private one. */
export function validatePublicKey(path: string, login: LoginKeys): Problem[] {
  const { publicKey } = login;
  const keyPath = `${path}.publicKey`;
  if (publicKey === undefined) {
    if (!hasAgent(login)) return [];
    const message = "missing: the SSH agent has the private key, so give the public key that instances get.";
    return [{ path: keyPath, message }];
  }
  return validatePublicKeyText(keyPath, publicKey);
}

/** Checks the text of a public login key. */
export function validatePublicKeyText(path: string, text: string): Problem[] {
  if (CERTIFICATE.test(text)) {
    const message =
      "this is an SSH certificate, and certificates are not supported: give the public key itself, without -cert.";
    return [{ path, message }];
  }
  if (PUBLIC_KEY.test(text)) return [];
  return [{ path, message: 'this is no public key: it must be one line such as "ssh-ed25519 AAAA…".' }];
}

const PUBLIC_KEY = /^(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(256|384|521)) [A-Za-z0-9+/]+={0,2}( .*)?\s*$/;
