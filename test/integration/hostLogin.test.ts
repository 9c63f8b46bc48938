import { afterEach, describe, expect, test } from "vitest";
import { JumpHostError, logIn, logInAhead, logInPatiently } from "../../components/hostLogin.ts";
import type { Connection, Login } from "../../components/remoteCommand.ts";
import { until } from "../../lab/system/commands.ts";
import { generateKeyPair } from "../sshKeyPair.ts";
import { ANSWER, freePort, login, startServer, startSilentServer, stopServers } from "../unit/sshServers.ts";

const LIMIT = 20;

describe("a login through a jump host", () => {
  afterEach(stopServers);

  /** A jump host, and the connection to a host behind it. */
  const servers = async () => {
    const [jumpHost, host] = [await startServer(), await startServer()];
    return { jumpHost, host, connection: { ...host.login, proxy: jumpHost.login } as Connection };
  };
  /** The connection with another jump host. */
  const through = (connection: Connection, change: Partial<Login>): Connection => ({
    ...connection,
    proxy: { ...(connection.proxy as Login), ...change },
  });
  /** The error of a login that has to fail. It must quote no private key. */
  const failure = async (connection: Connection): Promise<Error> => {
    const error: Error = await logIn(connection, LIMIT).then(
      () => new Error("no failure"),
      (reason: Error) => reason,
    );
    for (const line of login.private.split("\n").slice(1, -2)) expect(error.message).not.toContain(line);
    return error;
  };
  const at = ({ host, port }: Login) => `${host} port ${port}`;

  test("runs commands on the host behind it", async () => {
    const { connection, jumpHost, host } = await servers();
    const session = await logIn(connection, LIMIT);
    expect((await session.run("true", "", LIMIT)).stdout).toBe(ANSWER);
    expect([jumpHost.connections.all, host.connections.all]).toEqual([1, 1]);
    session.close();
    await until("the end of both connections", 20_000, () => jumpHost.connections.open === 0, 10);
  });

  test("shares one connection to the jump host with all others, which ends with the last of them", async () => {
    const { connection, jumpHost, host } = await servers();
    const sessions = await Promise.all([1, 2, 3, 4, 5].map(() => logIn(connection, LIMIT)));
    expect([jumpHost.connections.all, host.connections.open]).toEqual([1, 5]);
    for (const session of sessions.slice(1)) session.close();
    await until("the end of four sessions", 20_000, () => host.connections.open === 1, 10);
    expect(jumpHost.connections.open).toBe(1);
    sessions[0]?.close();
    await until("the end of the shared one", 20_000, () => jumpHost.connections.open === 0, 10);
    (await logIn(connection, LIMIT)).close();
    expect(jumpHost.connections.all).toBe(2);
  });

  test("says that the jump host does not answer", async () => {
    const { connection, host } = await servers();
    const port = await freePort();
    const error = await failure(through(connection, { port }));
    expect(error).toBeInstanceOf(JumpHostError);
    expect(error.message).toMatch(
      new RegExp(
        `^the jump host 127\\.0\\.0\\.1 port ${port} does not answer \\(.*ECONNREFUSED.*\\): start it`,
      ),
    );
    expect(host.connections.all).toBe(0);
  });

  test("says that the jump host has another host key, and does not try again", async () => {
    const { connection, jumpHost, host } = await servers();
    const changed = through(connection, { hostKey: generateKeyPair().public });
    const error = await failure(changed);
    expect(error).toBeInstanceOf(JumpHostError);
    expect(error.message).toContain(
      `the jump host ${at(jumpHost.login)} has another host key than the pinned one`,
    );
    const patience = { attempts: 5, pause: 60_000 };
    await expect(logInPatiently(changed, LIMIT, patience)).rejects.toThrow("another host key");
    expect(host.connections.all).toBe(0);
  });

  test("says that the jump host lets nobody in with this key", async () => {
    const { connection, host } = await servers();
    const error = await failure(through(connection, { privateKey: generateKeyPair().private }));
    expect(error).toBeInstanceOf(JumpHostError);
    expect(error.message).toMatch(/does not let opc in with this key \(.*\): append the public key/);
    expect(host.connections.all).toBe(0);
  });

  test("says that the jump host forwards nothing", async () => {
    const jumpHost = await startServer({ forwards: false });
    const { connection } = await servers();
    const error = await failure({ ...connection, proxy: jumpHost.login });
    expect(error).toBeInstanceOf(JumpHostError);
    expect(error.message).toMatch(/forwards no connection to 127\.0\.0\.1 port \d+ .*AllowTcpForwarding/);
    await until("the end of the connection", 20_000, () => jumpHost.connections.open === 0, 10);
  });

  test("says that the host behind it has another host key", async () => {
    const { connection, jumpHost } = await servers();
    const error = await failure({ ...connection, hostKey: generateKeyPair().public });
    expect(error).not.toBeInstanceOf(JumpHostError);
    expect(error.message).toMatch(/^127\.0\.0\.1 port \d+, behind the jump host .*: .*(denied|verification)/);
    await until("the end of the connection", 20_000, () => jumpHost.connections.open === 0, 10);
  });

  test("accepts no jump host without a pinned key", async () => {
    const { connection } = await servers();
    expect((await failure(through(connection, { hostKey: "" }))).message).not.toBe("no failure");
  });

  test("waits for a host that boots", async () => {
    const jumpHost = await startServer();
    const [port, host] = [await freePort(), generateKeyPair()];
    const connection = { ...jumpHost.login, port, hostKey: host.public, proxy: jumpHost.login };
    const loginAttempts = logInPatiently(connection, LIMIT, {
      attempts: Infinity,
      pause: 50,
      seconds: LIMIT,
    });
    await until("the first attempt", 20_000, () => jumpHost.connections.all > 0, 10);
    await startServer({ port, host });
    const session = await loginAttempts;
    expect((await session.run("true", "", LIMIT)).stdout).toBe(ANSWER);
    session.close();
    const end = logInPatiently({ ...connection, port: await freePort() }, LIMIT, {
      attempts: Infinity,
      pause: 50,
      seconds: 0.2,
    });
    await expect(end).rejects.toThrow(/the jump host .* does not reach 127\.0\.0\.1 port \d+ \(/);
  });
});

describe("a login ahead of a Command, for which the provider would wait without a limit", () => {
  afterEach(stopServers);

  const failure = (connection: Connection, seconds: number): Promise<string> =>
    logInAhead("c", connection, seconds).then(
      (session) => (session ? "a session" : "left to the provider"),
      (error: Error) => error.message,
    );

  test("is a session with a host that speaks", async () => {
    const session = await logInAhead("c", (await startServer()).login);
    expect((await session?.run("true", "", LIMIT))?.stdout).toBe(ANSWER);
    session?.close();
  });

  test("says that a host accepts TCP and sends no banner, after three attempts", async () => {
    const { login: silentLogin, connections } = await startSilentServer();
    expect(await failure(silentLogin, 0.5)).toMatch(
      new RegExp(
        `^c: SSH to 127\\.0\\.0\\.1 port ${silentLogin.port}, tried 3 times: it accepts TCP, and there was no SSH banner within 0\\.5 s\\. .*Restart sshd`,
      ),
    );
    expect(connections.all).toBe(3);
  });

  test("says that a host sends a banner and nothing after it", async () => {
    const { login: silentLogin } = await startSilentServer("SSH-2.0-OpenSSH_9.2\r\n");
    expect(await failure(silentLogin, 0.5)).toContain(
      "it accepts TCP, and there was no SSH login within 0.5 s",
    );
  });

  test("says that a host behind a jump host does not speak, or the jump host", async () => {
    const jumpHost = await startServer();
    const { login: silentLogin } = await startSilentServer();
    const failureBehindJumpHost = await failure({ ...silentLogin, proxy: jumpHost.login }, 2);
    expect(failureBehindJumpHost).toMatch(
      /^c: SSH to .*: 127\.0\.0\.1 port \d+, behind the jump host 127\.0\.0\.1 port \d+: it accepts TCP, and/,
    );
    const through = await failure({ ...jumpHost.login, proxy: silentLogin }, 0.5);
    expect(through).toMatch(/: the jump host 127\.0\.0\.1 port \d+ does not answer \(it accepts TCP, and/);
  });

  test("leaves all other faults to the provider, at once", async () => {
    const { login: refusingLogin, connections } = await startServer({ keys: [] });
    expect(await failure(refusingLogin, LIMIT)).toBe("left to the provider");
    expect(connections.all).toBe(1);
    expect(await failure({ ...refusingLogin, port: await freePort() }, LIMIT)).toBe("left to the provider");
  });
});
