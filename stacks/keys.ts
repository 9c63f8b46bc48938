import { readFileSync } from "node:fs";
import { homedir } from "node:os";
import nodePath from "node:path";
import * as pulumi from "@pulumi/pulumi";
import type { JumpHostArgs } from "../components/index.ts";
import { publicKeyOf } from "../components/oci/loginKey.ts";
import { withUnixLineEnds } from "../components/vxlan/hostText.ts";
import { validateHostKey } from "../components/vxlan/validation/hostKey.ts";
import { joinPath } from "../components/vxlan/problems.ts";
import type { Problem } from "../components/vxlan/problems.ts";
import type { Environment } from "./schema.ts";

/** Keys that the stack config holds as secrets, beside its `environment`. */
export interface KeySecrets {
  privateKey?: string | undefined;
  passphrase?: string | undefined;
  /** Of jump hosts. */
  proxyPrivateKey?: string | undefined;
  proxyPassphrase?: string | undefined;
}

/** A key as text; empty where `problems` says why it cannot be read. */
interface KeyText {
  key: string;
  problems: Problem[];
}

const noKey = (path: string, message: string): KeyText => ({ key: "", problems: [{ path, message }] });

/**
 * Reads and checks the private key, a secret or a file.
 *
 * @param root folder where relative paths start
 */
export function readPrivateKey(
  root: string,
  { ssh, hosts }: Environment,
  { privateKey, passphrase }: KeySecrets,
): KeyText {
  const path = "ssh.privateKeyPath";
  const isPublished = Object.values(hosts).some(({ instance }) => instance !== undefined);
  const check = (keyPath: string, text: string): KeyText => {
    const key = withUnixLineEnds(text);
    return { key, problems: validatePrivateKey(keyPath, key, passphrase, isPublished) };
  };
  if (ssh.privateKeyPath === undefined) {
    if (privateKey !== undefined) return check("sshPrivateKey", privateKey);
    return noKey(
      path,
      "no SSH key is given: name a file here, or store the key with `pulumi config set --secret sshPrivateKey < FILE`.",
    );
  }
  if (privateKey !== undefined)
    return noKey(path, "given, and the secret sshPrivateKey too: keep one of them.");
  const file = readKeyFile(root, ssh.privateKeyPath, path);
  return file.problems.length > 0 ? file : check(path, file.key);
}

type JumpHostConfig = NonNullable<Environment["ssh"]["proxy"]>;

/** The arguments of a jump host, whose keys may be in files. */
interface JumpHost {
  jumpHost: JumpHostArgs;
  problems: Problem[];
}

/**
 * Reads and checks the keys of a jump host.
 *
 * @param root folder where relative paths start
 * @param path where the jump host stands in the config
 */
export function readJumpHost(
  root: string,
  path: string,
  { privateKeyPath, hostKey, hostKeyPath, ...jumpHost }: JumpHostConfig,
  { proxyPrivateKey, proxyPassphrase }: KeySecrets,
): JumpHost {
  const pinnedKey = readHostKey(root, path, { hostKey, hostKeyPath });
  const file =
    privateKeyPath === undefined
      ? undefined
      : readKeyFile(root, privateKeyPath, joinPath(path, "privateKeyPath"));
  const key = file?.key ?? (proxyPrivateKey === undefined ? undefined : withUnixLineEnds(proxyPrivateKey));
  const keyPath = file ? joinPath(path, "privateKeyPath") : "sshProxyPrivateKey";
  const isReadable = key !== undefined && !file?.problems.length;
  return {
    jumpHost: {
      ...jumpHost,
      hostKey: pinnedKey.key,
      ...(key !== undefined && { privateKey: pulumi.secret(key) }),
      ...(key !== undefined &&
        proxyPassphrase !== undefined && { privateKeyPassphrase: pulumi.secret(proxyPassphrase) }),
    },
    problems: [
      ...pinnedKey.problems,
      ...(file?.problems ?? []),
      ...(isReadable
        ? validatePrivateKey(keyPath, key, proxyPassphrase, false, "sshProxyPrivateKeyPassphrase")
        : []),
    ],
  };
}

/** A public host key, as text or in a file. */
interface HostKeyConfig {
  hostKey?: string | undefined;
  hostKeyPath?: string | undefined;
}

/**
 * Reads and checks the public key of a host that exists; it is given exactly once, as text or as a file.
 *
 * @param root folder where relative paths start
 * @param path where the host stands in the config
 */
export function readHostKey(root: string, path: string, { hostKey, hostKeyPath }: HostKeyConfig): KeyText {
  if (hostKey !== undefined && hostKeyPath !== undefined)
    return noKey(`${path}.hostKey`, "given twice, as hostKey and as hostKeyPath: keep one.");
  if (hostKey !== undefined) return { key: hostKey, problems: validateHostKey(`${path}.hostKey`, hostKey) };
  if (hostKeyPath === undefined) {
    return noKey(
      `${path}.hostKey`,
      "no host key is pinned, and without one any machine could answer in the host's place: give hostKey or hostKeyPath " +
        "(on the host: cat /etc/ssh/ssh_host_ed25519_key.pub).",
    );
  }
  const file = readKeyFile(root, hostKeyPath, `${path}.hostKeyPath`);
  if (file.problems.length > 0) return file;
  return { key: file.key.trim(), problems: validateHostKey(`${path}.hostKeyPath`, file.key) };
}

/**
 * The file that a config names. `~/` is the home directory, and so is `~\` on Windows.
 *
 * @param root folder where relative paths start
 * @param system how paths are written where the program runs
 */
export function keyFile(
  root: string,
  name: string,
  system: Pick<typeof nodePath, "join" | "resolve" | "sep"> = nodePath,
  home = homedir(),
): string {
  const isBelowHome = name.startsWith("~/") || name.startsWith(`~${system.sep}`);
  return isBelowHome ? system.join(home, name.slice(2)) : system.resolve(root, name);
}

/** A file's text. An error never quotes it. */
function readKeyFile(root: string, path: string, configPath: string): KeyText {
  const file = keyFile(root, path);
  try {
    return { key: withUnixLineEnds(readFileSync(file, "utf8")), problems: [] };
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? "error";
    const reason = {
      ENOENT: "there is no such file",
      EACCES: "it may not be read",
      EISDIR: "it is a directory",
    }[code];
    return noKey(configPath, `cannot read ${file}: ${reason ?? code}. Name a key file that exists.`);
  }
}

/**
 * Checks a private key.
 *
 * @param isPublished whether the public half goes to instances, which needs a key that can be read here
 */
function validatePrivateKey(
  path: string,
  key: string,
  passphrase: string | undefined,
  isPublished: boolean,
  passphraseName = "sshPrivateKeyPassphrase",
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
        message: `the private key is encrypted: set its passphrase with \`pulumi config set --secret ${passphraseName}\`.`,
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

/** PEM has a header for it; OpenSSH's own format names the cipher after a fixed prefix, `none` for a plain key. */
function isEncrypted(key: string): boolean {
  if (/ENCRYPTED/.test(key)) return true;
  const body = /-----BEGIN OPENSSH PRIVATE KEY-----([\s\S]*?)-----END/.exec(key)?.[1];
  if (body === undefined) return false;
  const bytes = Buffer.from(body, "base64");
  const start = "openssh-key-v1\0".length;
  const length = bytes.length >= start + 4 ? bytes.readUInt32BE(start) : 0;
  return bytes.subarray(start + 4, start + 4 + length).toString() !== "none";
}
