import { connect } from "node:net";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import ssh2 from "ssh2";
import type { Client as SshClient, ConnectConfig, ServerHostKeyAlgorithm } from "ssh2";

/** One host of the plugin's `connection`, with the plugin's defaults. */
interface Endpoint {
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

/** The plugin's `connection`. */
export interface Connection extends Endpoint {
  /** A jump host. */
  proxy?: Endpoint;
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
  const clients: SshClient[] = [];
  try {
    return await execute(await connectClient(connection, clients), command, stdin);
  } finally {
    for (const client of clients.reverse()) client.end();
  }
}

/** @param clients gets each client that is connected, the one of the jump host too */
async function connectClient({ proxy, ...host }: Connection, clients: SshClient[]): Promise<SshClient> {
  const keepClient = (client: SshClient) => {
    clients.push(client);
    return client;
  };
  await requireLogin(host);
  if (!proxy) return keepClient(await retry(host, () => dial(host)));
  try {
    await requireLogin(proxy);
    const jumpHost = keepClient(await retry(proxy, () => dial(proxy)));
    const stream = await retry(host, () => dialFrom(jumpHost, host));
    // The official plugin tries again over the same connection, which a failed handshake has closed.
    return keepClient(await retry({ ...host, dialErrorLimit: 0 }, () => handshake(host, stream)));
  } catch (error) {
    throw new Error(`proxy: ${(error as Error).message}`, { cause: error });
  }
}

/** Tries something until it succeeds, or the dials that the endpoint allows have failed. */
async function retry<T>({ dialErrorLimit: limit = 10 }: Endpoint, work: () => Promise<T>): Promise<T> {
  for (
    let failures = 0, pause = FIRST_PAUSE;
    ;
    failures++, pause = Math.min(pause * BACKOFF, LONGEST_PAUSE)
  ) {
    try {
      return await work();
    } catch (error) {
      if (limit >= 0 && failures >= limit) {
        throw new Error(`after ${failures} failed attempts: ${(error as Error).message}`, { cause: error });
      }
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
  }
}

async function dial(endpoint: Endpoint): Promise<SshClient> {
  return handshake(endpoint, await connectTcp(endpoint));
}

/** Lets a jump host connect to a host. */
function dialFrom(jumpHost: SshClient, { host, port = 22 }: Endpoint): Promise<Duplex> {
  return new Promise((resolve, reject) =>
    jumpHost.forwardOut("127.0.0.1", 0, host, port, (error, stream) => {
      if (error) reject(new Error(`ssh: rejected: ${error.message}`, { cause: error }));
      else resolve(stream);
    }),
  );
}

function handshake(endpoint: Endpoint, sock: Duplex): Promise<SshClient> {
  const client = new ssh2.Client();
  return new Promise((resolve, reject) => {
    client.on("ready", () => resolve(client));
    // A booting host may close the connection during the handshake, which ssh2 does not report as an error.
    sock.once("close", () => reject(new Error("ssh: handshake failed: EOF")));
    client.on("error", (error) => {
      sock.destroy();
      reject(new Error(`ssh: handshake failed: ${error.message}`, { cause: error }));
    });
    client.connect({ ...configFor(endpoint), sock });
  });
}

/** ssh2 takes a passphrase for a key that has none. The official plugin refuses that. */
const isEncrypted = (key = "") => ssh2.utils.parseKey(key) instanceof Error;

/** The agent's socket. It is dialled even where there is a private key, and then not used. */
const agentOf = ({ agentSocketPath }: Endpoint) =>
  agentSocketPath ?? (process.env["SSH_AUTH_SOCK"] || undefined);

/** What the official plugin does once, before it dials. */
async function requireLogin(endpoint: Endpoint): Promise<void> {
  if (endpoint.privateKeyPassword !== undefined && !isEncrypted(endpoint.privateKey))
    throw new Error("ssh: key is not password protected");
  const path = agentOf(endpoint);
  if (path === undefined) return;
  await new Promise<void>((resolve, reject) => {
    const socket = connect(path, () => {
      socket.destroy();
      resolve();
    });
    socket.on("error", (error) => reject(new Error(`dial unix ${path}: connect: ${error.message}`)));
  });
}

function configFor(endpoint: Endpoint): ConnectConfig {
  const { user = "root", password, privateKey, privateKeyPassword: passphrase, hostKey } = endpoint;
  const agent = privateKey === undefined ? agentOf(endpoint) : undefined;
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

/**
 * Milliseconds of silence after which the kernel asks whether the host is still there. The official plugin has this from
 * Go's dialer, which gives up after 150 s; here the ten questions that follow are a second apart.
 */
const KEEP_ALIVE = 60_000;

/** `perDialTimeout` limits only the TCP connect, not the handshake, as in the official plugin. */
function connectTcp({ host, port = 22, perDialTimeout = 15 }: Endpoint): Promise<Socket> {
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
      socket.setKeepAlive(true, KEEP_ALIVE);
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
