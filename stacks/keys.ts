import { readFileSync } from "node:fs";
import { homedir } from "node:os";
import nodePath from "node:path";
import * as pulumi from "@pulumi/pulumi";
import type { JumpHostArgs } from "../components/index.ts";
import { withUnixLineEnds } from "../components/vxlan/hostText.ts";
import { validateHostKey } from "../components/vxlan/validation/hostKey.ts";
import { publicKeyOf } from "../components/oci/loginKey.ts";
import { OLD_KEY_BESIDE_AGENT, validatePublicKeyText } from "../components/vxlan/validation/login.ts";
import { validatePrivateKey } from "../components/vxlan/validation/privateKey.ts";
import { joinPath } from "../components/vxlan/problems.ts";
import type { Problem } from "../components/vxlan/problems.ts";
import type { Environment } from "./schema.ts";

/** Keys that the stack config holds as secrets, beside its `environment`. */
export interface KeySecrets {
  privateKey?: string | undefined;
  passphrase?: string | undefined;
  /** The key that it replaces on the hosts. */
  oldPrivateKey?: string | undefined;
  oldPassphrase?: string | undefined;
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

/** The keys with which the hosts are logged in to. */
export interface LoginKeys {
  privateKey?: pulumi.Output<string>;
  privateKeyPassphrase?: pulumi.Output<string>;
  oldPrivateKey?: pulumi.Output<string>;
  oldPrivateKeyPassphrase?: pulumi.Output<string>;
  agent?: boolean | string;
  publicKey?: string;
}

/**
 * Reads and checks the keys that log in to the hosts: a private key, in a secret or a file, or those of an agent.
 *
 * @param root folder where relative paths start
 */
export function readLoginKeys(
  root: string,
  environment: Environment,
  secrets: KeySecrets,
): { keys: LoginKeys; problems: Problem[] } {
  const { agent, privateKeyPath, publicKeyPath } = environment.ssh;
  if (agent !== undefined && agent !== false) {
    const publicKey = readPublicKey(root, environment);
    return {
      keys: {
        agent: typeof agent === "string" ? keyFile(root, agent) : agent,
        publicKey: publicKey?.key,
      },
      problems: [...refuseKeysBesideAgent(environment, secrets), ...(publicKey?.problems ?? [])],
    };
  }
  const { key, problems } = readPrivateKey(root, privateKeyPath, secrets);
  const { passphrase, oldPassphrase } = secrets;
  const oldKey = readOldPrivateKey(root, environment, secrets);
  return {
    keys: {
      privateKey: pulumi.secret(key),
      privateKeyPassphrase: secretOf(passphrase),
      oldPrivateKey: secretOf(oldKey?.key),
      oldPrivateKeyPassphrase: oldKey && secretOf(oldPassphrase),
    },
    problems: [
      ...problems,
      ...(oldKey?.problems ?? (oldPassphrase === undefined ? [] : [LONE_OLD_PASSPHRASE])),
      ...(oldKey && problems.length + oldKey.problems.length === 0
        ? refuseSameKey(publicKeyOf(key, passphrase), publicKeyOf(oldKey.key, oldPassphrase))
        : []),
      ...(publicKeyPath === undefined
        ? []
        : [
            {
              path: "ssh.publicKeyPath",
              message: "goes with ssh.agent: it is derived from the private key, so leave it out.",
            },
          ]),
    ],
  };
}

const secretOf = (text: string | undefined) => (text === undefined ? undefined : pulumi.secret(text));

const LONE_OLD_PASSPHRASE: Problem = {
  path: "sshOldPrivateKeyPassphrase",
  message:
    "given without an old private key: take it out with `pulumi config rm sshOldPrivateKeyPassphrase`.",
};

function refuseSameKey(newKey: string, oldKey: string): Problem[] {
  if (newKey !== oldKey) return [];
  const message =
    "the old private key is the same key as the new one: give the key that the hosts have today as the old one, and another one as the new.";
  return [{ path: "ssh.oldPrivateKeyPath", message }];
}

function refuseKeysBesideAgent(
  { ssh }: Environment,
  { privateKey, passphrase, oldPrivateKey, oldPassphrase }: KeySecrets,
): Problem[] {
  const hasOldKey = [ssh.oldPrivateKeyPath, oldPrivateKey, oldPassphrase].some(
    (value) => value !== undefined,
  );
  return [
    ...refuseKeyBesideAgent(ssh, { privateKey, passphrase }),
    ...(hasOldKey ? [{ path: "ssh.oldPrivateKeyPath", message: OLD_KEY_BESIDE_AGENT }] : []),
  ];
}

function refuseKeyBesideAgent(ssh: Environment["ssh"], { privateKey, passphrase }: KeySecrets): Problem[] {
  const keySources = [
    ...(ssh.privateKeyPath === undefined ? [] : ["ssh.privateKeyPath"]),
    ...(privateKey === undefined ? [] : ["the secret sshPrivateKey"]),
    ...(passphrase === undefined ? [] : ["the secret sshPrivateKeyPassphrase"]),
  ];
  if (keySources.length === 0) return [];
  return [
    {
      path: "ssh.agent",
      message: `given beside ${keySources.join(" and ")}: keep the agent, or the private key.`,
    },
  ];
}

/** The public key that goes to instances. */
function readPublicKey(root: string, { ssh, hosts }: Environment): KeyText | undefined {
  const path = "ssh.publicKeyPath";
  if (ssh.publicKeyPath === undefined) {
    if (!Object.values(hosts).some(({ instance }) => instance !== undefined)) return undefined;
    const message =
      "missing: the SSH agent has the private key, so name the file of the public key that instances get.";
    return noKey(path, message);
  }
  const file = readKeyFile(root, ssh.publicKeyPath, path);
  if (file.problems.length > 0) return file;
  return { key: file.key.trim(), problems: validatePublicKeyText(path, file.key) };
}

/**
 * Reads and checks the private key, a secret or a file.
 *
 * @param root folder where relative paths start
 */
function readPrivateKey(
  root: string,
  privateKeyPath: string | undefined,
  { privateKey, passphrase }: KeySecrets,
): KeyText {
  const path = "ssh.privateKeyPath";
  const source = { path, file: privateKeyPath, secretName: "sshPrivateKey", secret: privateKey, passphrase };
  return (
    readKeySource(root, source) ??
    noKey(
      path,
      "no SSH key is given: name a file here, store the key with `pulumi config set --secret sshPrivateKey < FILE`, or set ssh.agent.",
    )
  );
}

/** The private key that the new one replaces; undefined where none is given. */
function readOldPrivateKey(
  root: string,
  { ssh }: Environment,
  { oldPrivateKey, oldPassphrase }: KeySecrets,
): KeyText | undefined {
  return readKeySource(root, {
    path: "ssh.oldPrivateKeyPath",
    file: ssh.oldPrivateKeyPath,
    secretName: "sshOldPrivateKey",
    secret: oldPrivateKey,
    passphrase: oldPassphrase,
  });
}

/** Where a private key may be: in a file, or in a secret of the stack config. */
interface KeySource {
  path: string;
  file: string | undefined;
  secretName: string;
  secret: string | undefined;
  passphrase: string | undefined;
}

/** @returns undefined where neither file nor secret is given */
function readKeySource(
  root: string,
  { path, file, secretName, secret, passphrase }: KeySource,
): KeyText | undefined {
  const check = (keyPath: string, givenText: string): KeyText => {
    const text = withUnixLineEnds(givenText);
    const passphrasePath = `${secretName}Passphrase`;
    return { key: text, problems: validatePrivateKey({ path: keyPath, text, passphrase, passphrasePath }) };
  };
  if (file === undefined) return secret === undefined ? undefined : check(secretName, secret);
  if (secret !== undefined) return noKey(path, `given, and the secret ${secretName} too: keep one of them.`);
  const keyText = readKeyFile(root, file, path);
  return keyText.problems.length > 0 ? keyText : check(path, keyText.key);
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
      privateKey: secretOf(key),
      privateKeyPassphrase: key === undefined ? undefined : secretOf(proxyPassphrase),
    },
    problems: [
      ...pinnedKey.problems,
      ...(file?.problems ?? []),
      ...(isReadable
        ? validatePrivateKey({
            path: keyPath,
            text: key,
            passphrase: proxyPassphrase,
            passphrasePath: "sshProxyPrivateKeyPassphrase",
          })
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
