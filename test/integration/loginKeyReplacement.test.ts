import { afterEach, expect, test } from "vitest";
import { resolveLogin, retireOldKey } from "../../components/loginKeyReplacement.ts";
import type { ResolvedLogin } from "../../components/loginKeyReplacement.ts";
import type { Connection, SshArgs } from "../../components/remoteCommand.ts";
import { generateKeyPair } from "../sshKeyPair.ts";
import { startServer, stopServers } from "../unit/sshServers.ts";
import type { SshServer } from "../unit/sshServers.ts";

/** The replacement of a login key, against servers that stand in for sshd and its authorized_keys. */
const [oldKey, newKey] = [generateKeyPair(), generateKeyPair()];
const LIMITS = { dialErrorLimit: 0, perDialTimeout: 1 };
const ONE_ATTEMPT = { attempts: 1, pause: 0 };

afterEach(stopServers);

/** A server that accepts these keys, and does as the script that is sent to hosts. */
async function startHost(
  keys: string[],
  isObedient = true,
): Promise<SshServer & { keys: string[]; actions: string[] }> {
  const actions: string[] = [];
  const answer = (_: string, input: string) => {
    const [, action = ""] = /^main (\w+) /m.exec(input) ?? [];
    actions.push(action);
    if (!isObedient) return "";
    if (action === "add") keys.push(newKey.public);
    else keys.splice(0, keys.length, ...keys.filter((key) => key !== oldKey.public));
    return "";
  };
  return { ...(await startServer({ keys, answer })), keys, actions };
}

const sshTo = ({ login: { host, port, user, hostKey } }: SshServer): SshArgs => ({
  host,
  port,
  user,
  hostKey,
  privateKey: newKey.private,
  oldPrivateKey: oldKey.private,
});

const resolve = (ssh: SshArgs, patience: typeof ONE_ATTEMPT | undefined = ONE_ATTEMPT) =>
  (resolveLogin(ssh, LIMITS, patience) as any).promise() as Promise<ResolvedLogin>;

/** The problem of a login that keeps the old key. It must quote no private key. */
async function problemOf(ssh: SshArgs): Promise<string> {
  const { connection, replacement } = await resolve(ssh);
  expect(connection.privateKey).toBe(oldKey.private);
  const problem = replacement?.problem ?? "no problem";
  for (const { private: text } of [oldKey, newKey])
    for (const line of text.split("\n").slice(1, -2)) expect(problem).not.toContain(line);
  return problem;
}

test("a host that takes the new key already gets no command", async () => {
  const host = await startHost([oldKey.public, newKey.public]);
  const { connection, replacement } = await resolve(sshTo(host));
  expect([connection.privateKey, replacement?.problem]).toEqual([newKey.private, undefined]);
  expect(host.actions).toEqual([]);
});

test("a host that takes the old key gets the new one, which logs in before the connection has it", async () => {
  const host = await startHost([oldKey.public]);
  const { connection } = await resolve(sshTo(host));
  expect(connection.privateKey).toBe(newKey.private);
  expect(JSON.stringify(connection)).not.toContain(JSON.stringify(oldKey.private));
  expect([host.actions, host.keys]).toEqual([["add"], [oldKey.public, newKey.public]]);
});

test("several resources of one host share one replacement", async () => {
  const host = await startHost([oldKey.public]);
  await Promise.all([resolve(sshTo(host)), resolve(sshTo(host))]);
  expect(host.actions).toEqual(["add"]);
});

test("a host where the new key does not log in keeps the old one in its connection", async () => {
  const host = await startHost([oldKey.public], false);
  expect(await problemOf(sshTo(host))).toMatch(/^the new key was added .*, and sshd does not accept it/);
});

test("a host that takes neither key, or does not answer, says so", async () => {
  const host = await startHost([]);
  expect(await problemOf(sshTo(host))).toMatch(
    /^neither the new key nor the old one logs in as opc: .*console/,
  );
  const stopped = sshTo(await startHost([oldKey.public]));
  stopServers();
  expect(await problemOf(stopped)).toContain("ECONNREFUSED");
});

test("one key is not replaced by itself, whatever its text", async () => {
  const host = await startHost([]);
  const ssh = { ...sshTo(host), privateKey: `${oldKey.private}\n` };
  expect(await problemOf(ssh)).toBe("the old login key and the new one are the same key");
  const connection = { ...host.login, privateKey: `${oldKey.private}\n` } as Connection;
  expect(await retireOldKey(connection, { privateKey: oldKey.private }, false)).toContain("are the same key");
  expect(host.actions).toEqual([]);
});

test("a host that is down on purpose is not dialled", async () => {
  const host = await startHost([oldKey.public]);
  const { connection } = await ((
    resolveLogin(sshTo(host), LIMITS, undefined) as any
  ).promise() as Promise<ResolvedLogin>);
  expect(connection.privateKey).toBe(newKey.private);
  expect(host.connections.all).toBe(0);
});

test("a jump host gets the new key before the host behind it, and fails it where it cannot", async () => {
  const [jumpHost, host] = [await startHost([oldKey.public]), await startHost([oldKey.public])];
  const behindJumpHost = (jump: SshArgs): SshArgs => ({
    ...sshTo(host),
    proxy: { ...jump, address: jump.host },
  });
  const { connection } = await resolve(behindJumpHost(sshTo(jumpHost)));
  expect([connection.privateKey, connection.proxy?.privateKey]).toEqual([newKey.private, newKey.private]);
  expect([jumpHost.actions, host.actions]).toEqual([["add"], ["add"]]);
  const hostWithoutKeys = await startHost([]);
  expect(await problemOf(behindJumpHost(sshTo(hostWithoutKeys)))).toMatch(
    /^its jump host 127\.0\.0\.1: neither the new key nor/,
  );
});

test("the old key is removed by the new one, and has to be refused afterwards", async () => {
  const retire = ({ login }: SshServer) =>
    retireOldKey({ ...login, privateKey: newKey.private }, { privateKey: oldKey.private }, false);
  const host = await startHost([oldKey.public, newKey.public]);
  expect(await retire(host)).toBeUndefined();
  expect([host.actions, host.keys]).toEqual([["retire"], [newKey.public]]);
  const disobedientHost = await startHost([oldKey.public, newKey.public], false);
  expect(await retire(disobedientHost)).toMatch(/^the old key was removed .*, and still logs in/);
  const withoutNewKey = await startHost([oldKey.public]);
  expect(await retire(withoutNewKey)).toContain("authentication methods failed");
  expect(withoutNewKey.actions).toEqual([]);
});
