import * as pulumi from "@pulumi/pulumi";
import { limitConcurrency } from "./concurrentHosts.ts";
import { JumpHostError, logIn, logInTwice } from "./hostLogin.ts";
import type { Patience } from "./hostLogin.ts";
import { publicKeyOf } from "./oci/loginKey.ts";
import { connectionTo } from "./remoteCommand.ts";
import type { Connection, DialLimits, Login, SshArgs } from "./remoteCommand.ts";
import { asksHosts } from "./runMode.ts";
import { LOGIN_KEY_LIMIT, addKey, retireKey } from "./vxlan/loginKey.ts";
import type { KeyPair } from "./vxlan/loginKey.ts";
import type { CommandWithInput } from "./vxlan/phases/sentVerb.ts";

/**
 * The login key of a host is replaced in two halves. Before anything else logs in, the new key is added beside the old
 * one, and a login with it has to succeed. At the end of `up`, when the state has the new key too, a session that the
 * new key has opened removes the old one. Between the halves both log in, so that a run may end at any moment.
 */

/** Seconds for one login. */
const LOGIN_LIMIT = 8;

/** How often a host that refuses both keys is tried. sshd may block a client that fails more often. */
const REFUSALS = 3;

/** Milliseconds after a refusal of both keys. */
const REFUSAL_PAUSE = 3_000;

/** A private key and its passphrase. */
export type PrivateKey = Required<Pick<Login, "privateKey">> & Pick<Login, "privateKeyPassword">;

/** The replacement of one host's login key. */
export interface KeyReplacement {
  oldKey: PrivateKey;
  /** Why the new key does not log in. The connection has the old one then. */
  problem?: string;
}

/** How to log in to a host. */
export interface ResolvedLogin {
  connection: Connection;
  /** Undefined where the host's key is not replaced. */
  replacement?: KeyReplacement;
}

/**
 * The login to a host. Where its key is replaced, the new one is on the host and logs in before there is a result. A
 * host that cannot be reached keeps the old key in its connection, as in the state, so that its resources stay the same
 * and the run goes on for the other hosts.
 *
 * @param patience how the host is waited for; undefined: nobody dials it
 */
export function resolveLogin(
  ssh: SshArgs,
  limits: DialLimits,
  patience: Patience | undefined,
): pulumi.Output<ResolvedLogin> {
  const connection = connectionTo(ssh, limits);
  if (ssh.oldPrivateKey === undefined && ssh.proxy?.oldPrivateKey === undefined)
    return connection.apply((resolvedConnection) => ({ connection: resolvedConnection }));
  const oldKeys = pulumi.all([oldKeyOf(ssh), ssh.proxy ? oldKeyOf(ssh.proxy) : undefined]);
  return pulumi
    .secret(pulumi.all([connection, oldKeys]))
    .apply(async ([login, [oldKey, jumpHostOldKey]]): Promise<ResolvedLogin> =>
      patience && asksHosts()
        ? replaceKeys(login, oldKey, jumpHostOldKey, patience)
        : { connection: login, replacement: oldKey && { oldKey } },
    );
}

type OldKeyArgs = Pick<SshArgs, "oldPrivateKey" | "oldPrivateKeyPassphrase">;

function oldKeyOf(args: OldKeyArgs): pulumi.Output<PrivateKey | undefined> {
  return pulumi
    .all([args.oldPrivateKey, args.oldPrivateKeyPassphrase])
    .apply(([privateKey, privateKeyPassword]) =>
      privateKey === undefined ? undefined : { privateKey, privateKeyPassword },
    );
}

/** First the jump host's key, if that is a host whose key is replaced too, then the host's own. */
async function replaceKeys(
  connection: Connection,
  oldKey: PrivateKey | undefined,
  jumpHostOldKey: PrivateKey | undefined,
  patience: Patience,
): Promise<ResolvedLogin> {
  const { proxy } = connection;
  const jumpHost = proxy && jumpHostOldKey && (await replaceKey(proxy, jumpHostOldKey, patience));
  const reachedConnection = jumpHost ? { ...connection, proxy: { ...proxy, ...jumpHost.key } } : connection;
  if (!oldKey) return { connection: reachedConnection };
  if (jumpHost?.problem !== undefined) {
    const problem = `its jump host ${connection.proxy?.host}: ${jumpHost.problem}`;
    return { connection: { ...reachedConnection, ...oldKey }, replacement: { oldKey, problem } };
  }
  const { key, problem } = await replaceKey(reachedConnection, oldKey, patience);
  return { connection: { ...reachedConnection, ...key }, replacement: { oldKey, problem } };
}

/** The key that logs in to a host from now on. */
interface ReplacedKey {
  key: PrivateKey;
  problem?: string;
}

/** By the login: several resources use one, and so do the hosts behind a jump host. */
const replacedKeys = new Map<string, Promise<ReplacedKey>>();

const inTurn = limitConcurrency();

function replaceKey(connection: Connection, oldKey: PrivateKey, patience: Patience): Promise<ReplacedKey> {
  const { host, port, user, hostKey, privateKey, proxy } = connection;
  const id = JSON.stringify([host, port, user, hostKey, privateKey, proxy?.host, proxy?.port, oldKey]);
  const replacedKey =
    replacedKeys.get(id) ??
    inTurn(async (): Promise<ReplacedKey> => {
      const problem = await installNewKey(connection, oldKey, patience);
      return problem === undefined ? { key: keyIn(connection) } : { key: oldKey, problem };
    });
  replacedKeys.set(id, replacedKey);
  return replacedKey;
}

const keyIn = ({ privateKey = "", privateKeyPassword }: Login): PrivateKey => ({
  privateKey,
  privateKeyPassword,
});

/** Neither of the two keys logs in. */
class KeysRefused extends Error {}

/** The new key was added, and does not log in. */
class KeyNotUsed extends Error {}

/** @returns why the new key does not log in; undefined where it does */
async function installNewKey(
  connection: Connection,
  oldKey: PrivateKey,
  { attempts, pause, seconds = Infinity }: Patience,
): Promise<string | undefined> {
  const deadline = performance.now() + seconds * 1_000;
  let refusals = 0;
  for (let attempt = 1; ; attempt++) {
    try {
      await tryBothKeys(connection, oldKey);
      return undefined;
    } catch (error) {
      if (error instanceof KeysRefused) refusals++;
      const milliseconds = error instanceof KeysRefused ? Math.max(pause, REFUSAL_PAUSE) : pause;
      const isLasting =
        error instanceof KeyNotUsed ||
        (error instanceof JumpHostError && error.isLasting) ||
        refusals >= REFUSALS;
      if (isLasting || attempt >= attempts || performance.now() + milliseconds > deadline)
        return (error as Error).message;
      await new Promise((resolve) => setTimeout(resolve, milliseconds));
    }
  }
}

/** @throws Error where the new key does not log in */
async function tryBothKeys(connection: Connection, oldKey: PrivateKey): Promise<void> {
  const keys = keyPair(connection, oldKey);
  if (await takesKey(connection)) return;
  const oldLogin = { ...connection, ...oldKey };
  if (!(await takesKey(oldLogin))) throw new KeysRefused(describeRefusal(connection));
  await runOn(oldLogin, addKey(keys));
  if (await takesKey(connection)) return;
  throw new KeyNotUsed(
    `the new key was added to authorized_keys of ${connection.user}, and sshd does not accept it: ` +
      "look at its journal there (journalctl -u ssh -u sshd), for example for PubkeyAcceptedAlgorithms",
  );
}

const describeRefusal = ({ user }: Login) =>
  `neither the new key nor the old one logs in as ${user}: give the key that the host has as the old one, or append ` +
  `the new public key to ~/.ssh/authorized_keys of ${user} by another way, such as the host's console`;

/**
 * The public halves of both keys.
 *
 * @throws Error where they are one key: to remove the old one would lock everybody out
 */
function keyPair(connection: Connection, oldKey: PrivateKey): KeyPair {
  const newKey = publicKeyOf(connection.privateKey ?? "", connection.privateKeyPassword);
  const keys = { newKey, oldKey: publicKeyOf(oldKey.privateKey, oldKey.privateKeyPassword) };
  if (keys.newKey === keys.oldKey) throw new KeyNotUsed("the old login key and the new one are the same key");
  return keys;
}

/** Whether a host lets somebody in by this key. */
async function takesKey(connection: Connection, login = logIn): Promise<boolean> {
  try {
    (await login(connection, LOGIN_LIMIT)).close();
    return true;
  } catch (error) {
    if (error instanceof JumpHostError || !/authentication methods failed/.test((error as Error).message))
      throw error;
    return false;
  }
}

async function runOn(connection: Connection, { command, input }: CommandWithInput): Promise<void> {
  const session = await logIn(connection, LOGIN_LIMIT);
  try {
    const { status, stderr } = await session.run(command, input, LOGIN_KEY_LIMIT + 10);
    if (status !== 0)
      throw new Error(stderr.trim().slice(-1_000) || `the command ended with ${status ?? "a signal"}`);
  } finally {
    session.close();
  }
}

/**
 * Removes the old key from a host by a session that the new one opens, and looks that it lets nobody in any more.
 *
 * @param everyUser whether it is exchanged for the new one in the files of all other users
 * @returns the problem; undefined where there is none
 */
export async function retireOldKey(
  connection: Connection,
  oldKey: PrivateKey,
  everyUser: boolean,
): Promise<string | undefined> {
  try {
    await runOn(connection, retireKey(keyPair(connection, oldKey), everyUser));
    if (!(await takesKey({ ...connection, ...oldKey }, logInTwice))) return undefined;
    return (
      `the old key was removed from authorized_keys of ${connection.user}, and still logs in: sshd finds it elsewhere, for ` +
      "example by AuthorizedKeysCommand. Remove it there"
    );
  } catch (error) {
    return (error as Error).message;
  }
}
