import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import ssh2 from "ssh2";
import type { Server } from "ssh2";
import type { Connection } from "../../components/remoteCommand.ts";
import { ForwardingRefused, SshSession } from "../../components/sshSession.ts";
import { generateKeyPair } from "../sshKeyPair.ts";

const PASSPHRASE = "not for print";
const host = generateKeyPair();
const login = generateKeyPair(PASSPHRASE);

describe("an SSH session", () => {
  let server: Server;
  let connections: Set<{ end(): void }>;
  afterEach(() => {
    for (const connection of connections) connection.end();
    server.close();
  });

  /** A server that accepts the login key only, and gives every command the same answer; or none. */
  const serve = async (answer?: { status: number; stdout?: string; stderr: string }) => {
    connections = new Set();
    const loginKey = ssh2.utils.parseKey(login.public);
    if (loginKey instanceof Error) throw loginKey;
    server = new ssh2.Server({ hostKeys: [host.private] }, (client) => {
      connections.add(client);
      client.on("error", () => undefined);
      client.on("authentication", (context) => {
        const isLogin = context.method === "publickey" && context.key.data.equals(loginKey.getPublicSSH());
        if (isLogin) context.accept();
        else context.reject();
      });
      client.on("session", (accept) => {
        accept().on("exec", (acceptExec) => {
          const channel = acceptExec();
          if (answer === undefined) return;
          channel.write(answer.stdout ?? "");
          channel.stderr.write(answer.stderr);
          channel.exit(answer.status);
          channel.end();
        });
      });
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return {
      host: "127.0.0.1",
      port: (server.address() as AddressInfo).port,
      user: "opc",
      privateKey: login.private,
      privateKeyPassword: PASSPHRASE,
      hostKey: host.public,
    };
  };
  /** Logs in and runs a command. */
  const run = async (connection: Connection, seconds: number) => {
    const session = await SshSession.open(connection, seconds);
    try {
      return await session.run("check", "", seconds);
    } finally {
      session.close();
    }
  };
  /** The error of a session that has to fail. It must hold no secret. */
  const failure = async (connection: Connection, seconds = 5) => {
    const message: string = await run(connection, seconds).then(
      () => "no failure",
      (error: Error) => error.message,
    );
    expect(message).not.toContain(PASSPHRASE);
    for (const line of login.private.split("\n").slice(1, -2)) expect(message).not.toContain(line);
    return message;
  };

  test("returns a command's exit code and its output", async () => {
    const answer = { status: 3, stdout: "a warning\n", stderr: "paused\n" };
    expect(await run(await serve(answer), 5)).toEqual(answer);
  });

  test("returns output without what a terminal would obey", async () => {
    const answer = {
      status: 0,
      stdout: "a\tb\r\nred: \u001B[31m\u0000\u009B2J\n",
      stderr: "back\u0008space \u202Etxt.\n",
    };
    expect(await run(await serve(answer), 5)).toEqual({
      status: 0,
      stdout: "a\tb\nred: �[31m��2J\n",
      stderr: "back�space �txt.\n",
    });
  });

  test("counts the bytes that a command prints, text or not", async () => {
    const stdout = "\0\r\n".repeat(50_000);
    const session = await SshSession.open(await serve({ status: 0, stdout, stderr: "a warning\n" }), 5);
    expect(await session.countOutput("send", 5)).toBe(stdout.length);
    session.close();
  });

  test.each(["stdout", "stderr"] as const)(
    "fails where the host prints without end to %s",
    async (stream) => {
      const text = "x".repeat(1024 * 1024);
      const answer = { status: 0, stdout: "", stderr: "" };
      expect((await run(await serve({ ...answer, [stream]: text }), 10))[stream]).toHaveLength(text.length);
      expect(await failure(await serve({ ...answer, [stream]: `${text}x` }), 10)).toBe(
        "the host printed more than 1024 KiB",
      );
    },
  );

  test("is refused where the host has another key than the pinned one", async () => {
    const connection = await serve({ status: 0, stderr: "" });
    expect(await failure({ ...connection, hostKey: generateKeyPair().public })).toMatch(
      /denied|verification/i,
    );
  });

  test("is refused where no host key is pinned", async () => {
    const connection = await serve({ status: 0, stderr: "" });
    expect(await failure({ ...connection, hostKey: "" })).not.toBe("no failure");
  });

  test("fails with the reason", async () => {
    const connection = await serve({ status: 0, stderr: "" });
    expect(await failure({ ...connection, privateKey: generateKeyPair().private })).toMatch(/authentication/);
    expect(await failure({ ...connection, privateKeyPassword: "wrong" })).toMatch(/key/);
  });

  test("fails in a way of its own where the host forwards no connections", async () => {
    const session = await SshSession.open(await serve({ status: 0, stderr: "" }), 5);
    await expect(session.connectTo("127.0.0.1", 9, 5)).rejects.toThrow(ForwardingRefused);
    session.close();
  });

  test("ends in time where the host takes a command and never answers", async () => {
    expect(await failure(await serve(), 1)).toBe("no answer within 1 s");
  });
});
