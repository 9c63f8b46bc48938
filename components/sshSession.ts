import { Socket, connect } from "node:net";
import type { Duplex, Readable } from "node:stream";
import ssh2 from "ssh2";
import type {
  AgentAuthMethod,
  Client,
  ClientChannel,
  ConnectConfig,
  PublicKeyAuthMethod,
  ServerHostKeyAlgorithm,
} from "ssh2";
import { agentSocketOf } from "./agent.ts";
import type { Login } from "./remoteCommand.ts";
import { printable } from "./vxlan/printable.ts";
import { readPrivateKey } from "./vxlan/privateKey.ts";

/** How a command ended on a host. */
export interface Answer {
  /** Exit code; undefined where a signal ended the command. */
  status: number | undefined;
  stdout: string;
  stderr: string;
}

/** Bytes that a command may print on either stream. */
const ANSWER_LIMIT = 1024 * 1024;

/** Thrown where the configuration of a host's sshd forbids to forward connections. */
export class ForwardingRefused extends Error {}

/** Thrown where a host accepts the TCP connection, and neither completes nor refuses the login in time. */
export class SilentHost extends Error {}

/** An SSH session of the program itself. The provider dials only where a resource changes. */
export class SshSession {
  private readonly client: Client;
  /** Rejects when the connection is lost. Everything that waits for the host waits for this as well. */
  private readonly connectionLoss: Promise<never>;

  private constructor(client: Client) {
    this.client = client;
    this.connectionLoss = new Promise((_, reject) => {
      client.on("error", (error) => reject(printableError(error)));
      client.on("close", () => reject(new Error("the host closed the connection")));
    });
    this.connectionLoss.catch(() => undefined);
  }

  /**
   * Logs in. It accepts only the pinned host key.
   *
   * @param seconds from the first packet to the end of the login
   * @param stream to the host; if it is left out, the host is dialled
   * @throws SilentHost; another Error that quotes no key
   */
  static async open(login: Login, seconds: number, stream?: Duplex): Promise<SshSession> {
    const config = configOf(login);
    const client = new ssh2.Client();
    const session = new SshSession(client);
    const ready = new Promise<void>((resolve) => client.on("ready", resolve));
    const socket = stream ?? connect(login.port, login.host);
    try {
      client.connect({ ...config, sock: socket });
      await withTimeLimit(
        seconds,
        (limit) => noLogin(socket, limit),
        Promise.race([ready, session.connectionLoss]),
      );
      return session;
    } catch (error) {
      client.destroy();
      socket.destroy();
      throw error;
    }
  }

  /**
   * Runs a command. Its output is printable.
   *
   * @param input its standard input
   * @param seconds after which its end is no longer waited for
   * @throws Error where it prints more than the limit
   */
  run(command: string, input: string, seconds: number): Promise<Answer> {
    return this.exec(command, seconds, (channel, resolve, reject) => {
      const collect = (stream: Readable) =>
        collectText(stream, () => {
          reject(new Error(`the host printed more than ${ANSWER_LIMIT / 1024} KiB`));
          channel.destroy();
        });
      const [stdout, stderr] = [collect(channel), collect(channel.stderr)];
      let status: number | undefined;
      channel.on("exit", (code: number | null) => (status = code ?? undefined));
      channel.on("close", () => resolve({ status, stdout: stdout(), stderr: stderr() }));
      channel.end(input);
    });
  }

  /**
   * Runs a command without input, and returns how many bytes it prints.
   *
   * @param seconds after which its end is no longer waited for
   */
  countOutput(command: string, seconds: number): Promise<number> {
    return this.exec(command, seconds, (channel, resolve) => {
      let bytes = 0;
      channel.on("data", (chunk: Buffer) => (bytes += chunk.length));
      channel.stderr.resume();
      channel.on("close", () => resolve(bytes));
      channel.end();
    });
  }

  /** @param readChannel takes what the command prints */
  private exec<T>(
    command: string,
    seconds: number,
    readChannel: (
      channel: ClientChannel,
      resolve: (result: T) => void,
      reject: (error: Error) => void,
    ) => void,
  ): Promise<T> {
    const result = new Promise<T>((resolve, reject) =>
      this.client.exec(command, (error, channel) => {
        if (error) reject(printableError(error));
        else readChannel(channel, resolve, reject);
      }),
    );
    return withTimeLimit(seconds, noAnswer, Promise.race([result, this.connectionLoss]));
  }

  /**
   * Lets the host connect to an address, as a jump host does.
   *
   * @throws ForwardingRefused where its sshd forwards nothing; Error where the address does not answer
   */
  connectTo(host: string, port: number, seconds: number): Promise<Duplex> {
    const stream = new Promise<Duplex>((resolve, reject) =>
      this.client.forwardOut("127.0.0.1", 0, host, port, (error, channel) => {
        if (!error) resolve(channel);
        // The reason codes of RFC 4254: 1 is "administratively prohibited".
        else if ((error as { reason?: unknown }).reason === 1)
          reject(new ForwardingRefused(printable(error.message)));
        else reject(printableError(error));
      }),
    );
    const noConnection = (limit: string) => new Error(`no connection to ${host} port ${port} ${limit}`);
    return withTimeLimit(seconds, noConnection, Promise.race([stream, this.connectionLoss]));
  }

  /** @param action runs when the session is closed, or is lost */
  onClose(action: () => void): void {
    this.client.once("close", action);
  }

  close(): void {
    this.client.end();
    this.client.destroy();
  }
}

/**
 * Collects the data of a stream, up to the limit. The result is a function that returns it as text.
 *
 * @param onExcess called once the stream has brought more
 */
function collectText(stream: Readable, onExcess: () => void): () => string {
  const chunks: Buffer[] = [];
  let bytes = 0;
  stream.on("data", (chunk: Buffer) => {
    if (bytes > ANSWER_LIMIT) return;
    bytes += chunk.length;
    if (bytes > ANSWER_LIMIT) onExcess();
    else chunks.push(chunk);
  });
  return () => printable(Buffer.concat(chunks).toString());
}

/** Refuses a private key that cannot be read, before anything is dialled. */
export function requireKey({ privateKey, privateKeyPassword }: Login): void {
  if (privateKey !== undefined) readPrivateKey(privateKey, privateKeyPassword);
}

/** The message may quote the server, for example why it closed the connection. */
const printableError = (error: Error) => new Error(printable(error.message));

/** @throws Error where the private key cannot be read, or there is no agent */
function configOf(login: Login): ConnectConfig {
  const { host, port, user: username, hostKey } = login;
  const [type, pinnedKey = ""] = hostKey.trim().split(/\s+/);
  return {
    host,
    port,
    username,
    authHandler: [authenticationOf(login)],
    readyTimeout: 0,
    algorithms: { serverHostKey: [type as ServerHostKeyAlgorithm] },
    hostVerifier: (offeredKey: Buffer) => offeredKey.equals(Buffer.from(pinnedKey, "base64")),
  };
}

function authenticationOf({
  user: username,
  privateKey,
  privateKeyPassword,
  agentSocketPath,
}: Login): PublicKeyAuthMethod | AgentAuthMethod {
  if (privateKey !== undefined)
    return { type: "publickey", username, key: readPrivateKey(privateKey, privateKeyPassword) };
  const agent = agentSocketPath ?? agentSocketOf(true);
  if (agent === undefined) throw new Error("there is neither a private key nor an SSH agent (SSH_AUTH_SOCK)");
  return { type: "agent", username, agent };
}

const noAnswer = (limit: string) => new Error(`no answer ${limit}`);

/** @param socket of the login that has not ended in time */
function noLogin(socket: Duplex, limit: string): Error {
  if (socket instanceof Socket && socket.connecting) return noAnswer(limit);
  const missingPart = socket.readableDidRead ? "login" : "banner";
  return new SilentHost(`it accepts TCP, and there was no SSH ${missingPart} ${limit}`);
}

/**
 * @param errorOf returns the error from the limit in words, such as "within 5 s"
 * @throws Error where the time is up first
 */
async function withTimeLimit<T>(
  seconds: number,
  errorOf: (limit: string) => Error,
  work: Promise<T>,
): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(errorOf(`within ${seconds} s`)), seconds * 1_000);
  });
  try {
    return await Promise.race([work, limit]);
  } finally {
    clearTimeout(timer);
  }
}
