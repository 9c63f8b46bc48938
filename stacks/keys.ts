import { readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { publicKeyOf } from "../components/oci/loginKey.ts";
import { validateHostKey } from "../components/vxlan/validate.ts";
import type { Problem } from "../components/vxlan/validate.ts";
import type { Environment } from "./config.ts";
import type { Partly } from "./salvage.ts";

/** Keys that the stack config holds as secrets, beside its `environment`. */
export interface KeySecrets {
  privateKey?: string | undefined;
  passphrase?: string | undefined;
}

/**
 * Finds the private key, as a secret or in a file.
 *
 * @param root relative paths start there
 * @returns empty where there is a problem, which is added to `problems`
 */
export function readPrivateKey(
  root: string,
  { ssh, hosts = {} }: Partly<Environment>,
  secrets: KeySecrets,
  problems: Problem[],
): string {
  const path = "ssh.privateKeyPath";
  const file = ssh?.privateKeyPath;
  if (secrets.privateKey !== undefined && file !== undefined) {
    problems.push({ path, message: "given, and the secret sshPrivateKey too: keep one of them." });
    return "";
  }
  if (secrets.privateKey === undefined && file === undefined) {
    problems.push({
      path,
      message:
        "no SSH key is given: name a file here, or store the key with `pulumi config set --secret sshPrivateKey < FILE`.",
    });
    return "";
  }
  const key = file === undefined ? secrets.privateKey : readKeyFile(root, file, path, problems);
  if (key === undefined) return "";
  const isPublished = Object.values(hosts).some((host) => host?.instance !== undefined);
  problems.push(
    ...validatePrivateKey(file === undefined ? "sshPrivateKey" : path, key, secrets.passphrase, isPublished),
  );
  return key;
}

/**
 * Finds the public host keys of hosts that exist, by host name.
 *
 * @param root relative paths start there
 * @param problems gets what is wrong with a file; a key that stands in the config is checked with the rest of it
 */
export function readHostKeys(
  root: string,
  { hosts = {} }: Partly<Environment>,
  problems: Problem[],
): Record<string, string> {
  const keys: Record<string, string> = {};
  for (const [name, host] of Object.entries(hosts)) {
    const { hostKey, hostKeyPath } = host?.existing ?? {};
    if (hostKey !== undefined) keys[name] = hostKey;
    if (hostKeyPath === undefined) continue;
    const path = `hosts.${name}.existing.hostKeyPath`;
    const text = readKeyFile(root, hostKeyPath, path, problems);
    if (text === undefined) continue;
    problems.push(...validateHostKey(path, text));
    keys[name] = text.trim();
  }
  return keys;
}

/** A file's text. `~/` is the home directory. Nothing of a file's content ever stands in a message. */
function readKeyFile(
  root: string,
  path: string,
  configPath: string,
  problems: Problem[],
): string | undefined {
  const file = path.startsWith("~/") ? join(homedir(), path.slice(2)) : resolve(root, path);
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? "error";
    const reason = {
      ENOENT: "there is no such file",
      EACCES: "it may not be read",
      EISDIR: "it is a directory",
    }[code];
    problems.push({
      path: configPath,
      message: `cannot read ${file}: ${reason ?? code}. Name a key file that exists.`,
    });
    return undefined;
  }
}

/**
 * What is wrong with a private key.
 *
 * @param isPublished its public half goes to instances, so it has to be readable here
 */
function validatePrivateKey(
  path: string,
  key: string,
  passphrase: string | undefined,
  isPublished: boolean,
): Problem[] {
  if (!/^-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----\s/.test(key.trimStart())) {
    return [
      {
        path,
        message:
          "this is no private key: it must begin with a line such as -----BEGIN OPENSSH PRIVATE KEY----- (is it the .pub file?).",
      },
    ];
  }
  if (passphrase === undefined && isEncrypted(key)) {
    return [
      {
        path,
        message:
          "the private key is encrypted: set its passphrase with `pulumi config set --secret sshPrivateKeyPassphrase`.",
      },
    ];
  }
  if (!isPublished) return [];
  try {
    publicKeyOf(key, passphrase);
    return [];
  } catch (error) {
    return [{ path, message: (error as Error).message }];
  }
}

/** PEM says so in a header; OpenSSH's own format names its cipher behind a fixed start. */
function isEncrypted(key: string): boolean {
  if (/ENCRYPTED/.test(key)) return true;
  const body = /-----BEGIN OPENSSH PRIVATE KEY-----([\s\S]*?)-----END/.exec(key)?.[1];
  if (body === undefined) return false;
  const bytes = Buffer.from(body, "base64");
  const start = "openssh-key-v1\0".length;
  const length = bytes.length >= start + 4 ? bytes.readUInt32BE(start) : 0;
  return bytes.subarray(start + 4, start + 4 + length).toString() !== "none";
}
