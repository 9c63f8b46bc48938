import type { Duplex } from "node:stream";
import type * as command from "@pulumi/command";
import type { Unwrap } from "@pulumi/pulumi";
import ssh2 from "ssh2";
import type { Client, ConnectConfig, ParsedKey, PublicKeyAuthMethod, ServerHostKeyAlgorithm } from "ssh2";

/** A provider's connection whose values are known. */
export type Connection = Unwrap<command.types.input.remote.ConnectionArgs>;

/** How a command ended on a host. */
export interface Answer {
  /** Exit code; undefined where a signal ended the command. */
  status: number | undefined;
  stdout: string;
  stderr: string;
}

/** Thrown where a host's sshd does not forward connections, by its own configuration. */
export class ForwardingRefused extends Error {}

/** A fleet has one login key as a rule, and to unlock it takes a third of a second. */
let unlocked: { text: string; passphrase: string | undefined; key: ParsedKey } | undefined;

function unlock(text: string, passphrase: string | undefined): ParsedKey {
  if (unlocked?.text !== text || unlocked.passphrase !== passphrase) {
    const key = ssh2.utils.parseKey(text, passphrase);
    if (key instanceof Error) throw key;
    unlocked = { text, passphrase, key };
  }
  return unlocked.key;
}

/** An SSH session of the program's own: the provider dials where something changed, and nowhere else. */
export class SshSession {
  private readonly client: Client;
  /** Rejects when the connection is lost; whatever waits for the host races with it. */
  private readonly lost: Promise<never>;

  private constructor(client: Client) {
    this.client = client;
    this.lost = new Promise((_, reject) => {
      client.on("error", reject);
      client.on("close", () => reject(new Error("the host closed the connection")));
    });
    this.lost.catch(() => undefined);
  }

  /**
   * Logs in. The pinned host key is the only one that is accepted.
   *
   * @param seconds from the first packet to the login's end
   * @param through the stream to the host; left out, it is dialled
   * @throws Error that quotes no key
   */
  static async open(connection: Connection, seconds: number, through?: Duplex): Promise<SshSession> {
    const client = new ssh2.Client();
    const session = new SshSession(client);
    const ready = new Promise<void>((resolve) => client.on("ready", resolve));
    try {
      client.connect({ ...loginWith(connection), ...(through ? { sock: through } : {}) });
      await within(seconds, "no answer", Promise.race([ready, session.lost]));
      return session;
    } catch (error) {
      client.destroy();
      throw error;
    }
  }

  /**
   * Runs a command.
   *
   * @param input what its standard input is
   * @param seconds until it must have ended
   */
  run(text: string, input: string, seconds: number): Promise<Answer> {
    const answer = new Promise<Answer>((resolve, reject) =>
      this.client.exec(text, (error, channel) => {
        if (error) return reject(error);
        let [stdout, stderr] = ["", ""];
        let status: number | undefined;
        channel.setEncoding("utf8").on("data", (chunk: string) => (stdout += chunk));
        channel.stderr.setEncoding("utf8").on("data", (chunk: string) => (stderr += chunk));
        channel.on("exit", (code: number | null) => (status = code ?? undefined));
        channel.on("close", () => resolve({ status, stdout, stderr }));
        channel.end(input);
      }),
    );
    return within(seconds, "no answer", Promise.race([answer, this.lost]));
  }

  /**
   * Has the host connect to an address, as it does for a jump host.
   *
   * @throws ForwardingRefused where its sshd forwards nothing; Error where the address does not answer
   */
  connectTo(host: string, port: number, seconds: number): Promise<Duplex> {
    const stream = new Promise<Duplex>((resolve, reject) =>
      this.client.forwardOut("127.0.0.1", 0, host, port, (error, channel) => {
        if (!error) resolve(channel);
        // The reason codes of RFC 4254: 1 is "administratively prohibited".
        else if ((error as { reason?: unknown }).reason === 1) reject(new ForwardingRefused(error.message));
        else reject(error);
      }),
    );
    return within(seconds, `no connection to ${host} port ${port}`, Promise.race([stream, this.lost]));
  }

  close(): void {
    this.client.end();
    this.client.destroy();
  }
}

/** @throws Error where the private key cannot be read */
function loginWith(connection: Connection): ConnectConfig {
  const { host, port, user, privateKey, privateKeyPassword, hostKey = "" } = connection;
  const [type, pinned = ""] = hostKey.trim().split(/\s+/);
  const username = user ?? "root";
  const login: PublicKeyAuthMethod = {
    type: "publickey",
    username,
    key: unlock(privateKey ?? "", privateKeyPassword),
  };
  return {
    host,
    port: port ?? 22,
    username,
    authHandler: [login],
    readyTimeout: 0,
    algorithms: { serverHostKey: [type as ServerHostKeyAlgorithm] },
    hostVerifier: (offered: Buffer) => offered.equals(Buffer.from(pinned, "base64")),
  };
}

/** @throws Error that says how long nothing came */
async function within<T>(seconds: number, what: string, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} within ${seconds} s`)), seconds * 1_000);
  });
  try {
    return await Promise.race([work, limit]);
  } finally {
    clearTimeout(timer);
  }
}
