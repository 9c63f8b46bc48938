import type * as command from "@pulumi/command";
import type { Unwrap } from "@pulumi/pulumi";
import ssh2 from "ssh2";
import type { ParsedKey, PublicKeyAuthMethod, ServerHostKeyAlgorithm } from "ssh2";

/** A provider's connection whose values are known. */
export type Connection = Unwrap<command.types.input.remote.ConnectionArgs>;

/** How a command ended on a host. */
export interface Answer {
  /** Undefined where a signal ended it. */
  status: number | undefined;
  stdout: string;
  stderr: string;
}

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

/**
 * Runs one short command on a host, from the program itself: the provider dials where something changed, and
 * nowhere else. The pinned host key is the only one that is taken.
 *
 * @param seconds for all of it, from the first packet to the command's end
 * @throws Error that quotes no key, when there is no answer in that time
 */
export function askOverSsh(connection: Connection, text: string, seconds: number): Promise<Answer> {
  const { host, port, user, privateKey, privateKeyPassword, hostKey = "" } = connection;
  const [type, pinned = ""] = hostKey.trim().split(/\s+/);
  return new Promise<Answer>((resolve, reject) => {
    const client = new ssh2.Client();
    let timer: NodeJS.Timeout | undefined;
    const end = (finish: () => void) => {
      clearTimeout(timer);
      client.destroy();
      finish();
    };
    const fail = (error: Error) => end(() => reject(error));
    client.on("error", fail);
    client.on("close", () => fail(new Error("it closed the connection")));
    client.on("ready", () =>
      client.exec(text, (error, channel) => {
        if (error) return fail(error);
        let [stdout, stderr] = ["", ""];
        let status: number | undefined;
        channel.setEncoding("utf8").on("data", (said: string) => (stdout += said));
        channel.stderr.setEncoding("utf8").on("data", (said: string) => (stderr += said));
        channel.on("exit", (code: number | null) => (status = code ?? undefined));
        channel.on("close", () => end(() => resolve({ status, stdout, stderr })));
        channel.end();
      }),
    );
    try {
      const username = user ?? "root";
      const key = unlock(privateKey ?? "", privateKeyPassword);
      const login: PublicKeyAuthMethod = { type: "publickey", username, key };
      client.connect({
        host,
        port: port ?? 22,
        username,
        authHandler: [login],
        readyTimeout: 0,
        algorithms: { serverHostKey: [type as ServerHostKeyAlgorithm] },
        hostVerifier: (offered: Buffer) => offered.equals(Buffer.from(pinned, "base64")),
      });
      timer = setTimeout(() => fail(new Error(`no answer within ${seconds} s`)), seconds * 1_000);
    } catch (error) {
      fail(error as Error); // A private key that it cannot read.
    }
  });
}
