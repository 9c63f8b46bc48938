import { execa } from "execa";
import { nsenterArgs, runInHost } from "../../../lab/hosts/exec.ts";
import type { Lab } from "../../../lab/system/lab.ts";

const RECEIVER = `
import hashlib, socket, sys
family = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
server = socket.create_server((sys.argv[1], 0), family=family)
server.settimeout(5)
print(server.getsockname()[1], flush=True)
peer, _ = server.accept()
peer.settimeout(5)
digest, size = hashlib.sha256(), 0
while chunk := peer.recv(65536):
    digest.update(chunk)
    size += len(chunk)
print(size, digest.hexdigest())
`;

const SENDER = `
import hashlib, os, socket, sys
data = os.urandom(int(sys.argv[3]))
with socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=4) as peer:
    peer.settimeout(5)
    peer.sendall(data)
print(len(data), hashlib.sha256(data).hexdigest())
`;

/**
 * Sends random bytes by TCP from one host to an address of another, and compares their checksums.
 *
 * @throws Error that names the cause in one line
 */
export async function transfer(
  lab: Lab,
  fromHost: string,
  toHost: string,
  address: string,
  bytes: number,
): Promise<void> {
  const receiver = execa("nsenter", [...nsenterArgs(lab, toHost), "python3", "-c", RECEIVER, address], {
    timeout: 12_000,
    reject: false,
  });
  try {
    const port = await new Promise<string>((resolve, reject) => {
      receiver.stdout.once("data", (text: Buffer) => resolve(text.toString().trim()));
      receiver.stdout.once("end", () => reject(new Error(`${toHost} cannot listen on ${address}`)));
    });
    const senderResult = await runInHost(lab, fromHost, [
      "python3",
      "-c",
      SENDER,
      address,
      port,
      String(bytes),
    ]);
    const receivedText = (await receiver).stdout.split("\n").at(-1);
    if (receivedText !== senderResult) throw new Error(`sent ${senderResult}, received ${receivedText}`);
  } catch (error) {
    receiver.kill("SIGKILL");
    throw new Error(lastLine(error), { cause: error });
  }
}

/** The last line of an error's text. For a failed command that is the last line of its output. */
export const lastLine = (error: unknown) => (error as Error).message.trim().split("\n").at(-1) ?? "";
