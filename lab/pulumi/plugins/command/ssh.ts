import { connect } from "node:net";
import type { Socket } from "node:net";
import ssh2 from "ssh2";
import type { Client as SshClient, ConnectConfig, ServerHostKeyAlgorithm } from "ssh2";

/** The plugin's `connection`, with the plugin's defaults. */
export interface Connection {
  host: string;
  /** Default 22. */
  port?: number;
  /** Default root. */
  user?: string;
  password?: string;
  privateKey?: string;
  privateKeyPassword?: string;
  agentSocketPath?: string;
  /** How many dials may fail before it gives up; -1: any number. Default 10. */
  dialErrorLimit?: number;
  /** Seconds for each TCP connect; 0: no limit. Default 15. */
  perDialTimeout?: number;
  /** The host's public key. Without it any host is accepted. */
  hostKey?: string;
}

/** What a command printed, and how it ended where that was not well. */
export interface CommandResult {
  stdout: string;
  stderr: string;
  /** Both, in the order of their arrival. */
  all: string;
  ended?: string;
}

/** The real plugin's pauses between dials: from 100 ms, each half as long again, 5 s at most. */
const FIRST_PAUSE = 100;
const BACKOFF = 1.5;
const LONGEST_PAUSE = 5_000;

/**
 * Dials, runs one command with `stdin` on its standard input, and hangs up.
 *
 * @throws Error when no dial succeeds
 */
export async function runOverSsh(
  connection: Connection,
  command: string,
  stdin: string,
): Promise<CommandResult> {
  const client = await dialWithRetry(connection);
  try {
    return await execute(client, command, stdin);
  } finally {
    client.end();
  }
}

async function dialWithRetry(connection: Connection): Promise<SshClient> {
  const limit = connection.dialErrorLimit ?? 10;
  for (let failed = 0, pause = FIRST_PAUSE; ; failed++, pause = Math.min(pause * BACKOFF, LONGEST_PAUSE)) {
    try {
      return await dial(connection);
    } catch (error) {
      if (limit >= 0 && failed >= limit) {
        throw new Error(`after ${failed} failed attempts: ${(error as Error).message}`, { cause: error });
      }
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
  }
}

async function dial(connection: Connection): Promise<SshClient> {
  const sock = await connectTcp(connection);
  const client = new ssh2.Client();
  return new Promise((resolve, reject) => {
    client.on("ready", () => resolve(client));
    // A host that is still booting may hang up in the middle of the handshake, which is no error to the library.
    sock.once("close", () => reject(new Error("ssh: handshake failed: EOF")));
    client.on("error", (error) => {
      sock.destroy();
      reject(new Error(`ssh: handshake failed: ${error.message}`, { cause: error }));
    });
    client.connect({ ...configFor(connection), sock });
  });
}

function configFor(connection: Connection): ConnectConfig {
  const [type, key] = connection.hostKey?.trim().split(/\s+/) ?? [];
  // A key that cannot be read must never count as none.
  if (connection.hostKey !== undefined && (type === undefined || key === undefined)) {
    throw new Error("failed to parse host key: ssh: no key found");
  }
  const agent = connection.agentSocketPath ?? process.env["SSH_AUTH_SOCK"];
  return {
    username: connection.user ?? "root",
    readyTimeout: 0,
    ...(connection.privateKey === undefined ? {} : { privateKey: connection.privateKey }),
    ...(connection.privateKeyPassword === undefined ? {} : { passphrase: connection.privateKeyPassword }),
    ...(connection.password === undefined ? {} : { password: connection.password }),
    ...(agent === undefined ? {} : { agent }),
    // The type of the pinned key is the only one offered; another key of that type is refused.
    ...(type === undefined || key === undefined
      ? {}
      : {
          algorithms: { serverHostKey: [type as ServerHostKeyAlgorithm] },
          hostVerifier: (offered: Buffer) => offered.equals(Buffer.from(key, "base64")),
        }),
  };
}

/** The dial limit bounds the TCP connect and nothing after it, as in the real plugin. */
function connectTcp({ host, port = 22, perDialTimeout = 15 }: Connection): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, host);
    const fail = (reason: string) => {
      socket.destroy();
      reject(new Error(`dial tcp ${host}:${port}: ${reason}`));
    };
    const timer =
      perDialTimeout > 0 ? setTimeout(() => fail("i/o timeout"), perDialTimeout * 1_000) : undefined;
    socket.once("error", (error) => {
      clearTimeout(timer);
      fail(`connect: ${error.message}`);
    });
    socket.once("connect", () => {
      clearTimeout(timer);
      socket.removeAllListeners("error");
      resolve(socket);
    });
  });
}

function execute(client: SshClient, command: string, stdin: string): Promise<CommandResult> {
  return new Promise((resolve, reject) => {
    client.on("error", reject);
    client.on("close", () => reject(new Error("the connection was closed before the command ended")));
    client.exec(command, (error, channel) => {
      if (error) {
        reject(error);
        return;
      }
      const result: CommandResult = { stdout: "", stderr: "", all: "" };
      const collect = (stream: "stdout" | "stderr") => (text: string) => {
        result[stream] += text;
        result.all += text;
      };
      channel.setEncoding("utf8").on("data", collect("stdout"));
      channel.stderr.setEncoding("utf8").on("data", collect("stderr"));
      let ended: string | undefined = "wait: remote command exited without exit status or exit signal";
      channel.on("exit", (code: number | null, signal?: string) => {
        if (code === null) ended = `Process exited with signal ${signal ?? "unknown"}`;
        else ended = code === 0 ? undefined : `Process exited with status ${code}`;
      });
      channel.on("close", () => resolve(ended === undefined ? result : { ...result, ended }));
      channel.end(stdin);
    });
  });
}
