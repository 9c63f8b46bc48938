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

/** A command's output, and its failure if it failed. */
export interface CommandResult {
  stdout: string;
  stderr: string;
  /** Both outputs, in the order of their arrival. */
  all: string;
  failure?: string;
}

/** The official plugin's pauses between dials: from 100 ms, each 1.5 times as long as the last, at most 5 s. */
const FIRST_PAUSE = 100;
const BACKOFF = 1.5;
const LONGEST_PAUSE = 5_000;

/**
 * Connects, runs one command with `stdin` on its standard input, and disconnects.
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
  for (
    let failures = 0, pause = FIRST_PAUSE;
    ;
    failures++, pause = Math.min(pause * BACKOFF, LONGEST_PAUSE)
  ) {
    try {
      return await dial(connection);
    } catch (error) {
      if (limit >= 0 && failures >= limit) {
        throw new Error(`after ${failures} failed attempts: ${(error as Error).message}`, { cause: error });
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
    // A booting host may close the connection during the handshake, which ssh2 does not report as an error.
    sock.once("close", () => reject(new Error("ssh: handshake failed: EOF")));
    client.on("error", (error) => {
      sock.destroy();
      reject(new Error(`ssh: handshake failed: ${error.message}`, { cause: error }));
    });
    client.connect({ ...configFor(connection), sock });
  });
}

function configFor(connection: Connection): ConnectConfig {
  const { user = "root", password, privateKey, privateKeyPassword: passphrase, hostKey } = connection;
  const agent = connection.agentSocketPath ?? process.env["SSH_AUTH_SOCK"];
  const config = { username: user, readyTimeout: 0, password, privateKey, passphrase, agent };
  if (hostKey === undefined) return config;
  const [type, key] = hostKey.trim().split(/\s+/);
  // An unreadable key must not be treated as no key, which would accept any host.
  if (type === undefined || key === undefined) throw new Error("failed to parse host key: ssh: no key found");
  return {
    ...config,
    // Only the pinned key's type is negotiated, and another key of that type is refused.
    algorithms: { serverHostKey: [type as ServerHostKeyAlgorithm] },
    hostVerifier: (offeredKey: Buffer) => offeredKey.equals(Buffer.from(key, "base64")),
  };
}

/** `perDialTimeout` limits only the TCP connect, not the handshake, as in the official plugin. */
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
      if (error) return reject(error);
      const result: CommandResult = { stdout: "", stderr: "", all: "" };
      const collect = (stream: "stdout" | "stderr") => (text: string) => {
        result[stream] += text;
        result.all += text;
      };
      channel.setEncoding("utf8").on("data", collect("stdout"));
      channel.stderr.setEncoding("utf8").on("data", collect("stderr"));
      let failure: string | undefined = "wait: remote command exited without exit status or exit signal";
      channel.on("exit", (code: number | null, signal?: string) => {
        if (code === null) failure = `Process exited with signal ${signal ?? "unknown"}`;
        else failure = code === 0 ? undefined : `Process exited with status ${code}`;
      });
      channel.on("close", () => resolve({ ...result, failure }));
      channel.end(stdin);
    });
  });
}
