import { once } from "node:events";
import { connect, createServer } from "node:net";
import type { AddressInfo, Server as TcpServer } from "node:net";
import ssh2 from "ssh2";
import type { Server, ServerConfig } from "ssh2";
import type { Login } from "../../components/remoteCommand.ts";
import { generateKeyPair } from "../sshKeyPair.ts";

/** SSH servers on this machine for the tests of a file. */

export const login = generateKeyPair();

/** A server that accepts the login key only, unless a test has it accept others. */
export interface SshServer {
  /** How to log in to it. */
  login: Login;
  /** How many connections it has had, and how many of them are open. */
  connections: { all: number; open: number };
}

interface Behaviour {
  /** Whether it forwards connections, as a jump host does. Default true. */
  forwards?: boolean;
  /** Default: a free one. */
  port?: number;
  /** Its host key; default: a new one. */
  host?: ReturnType<typeof generateKeyPair>;
  /** Public keys that it accepts, which may change meanwhile. Default: the login key. */
  keys?: readonly string[];
  /** What a command gets, by its text. Default: the same for every command. */
  answer?: (command: string, input: string) => string;
}

const servers: (Server | TcpServer)[] = [];
const clients = new Set<{ end(): void }>();

/** Every command gets this answer. */
export const ANSWER = "an answer\n";

export async function startServer({
  forwards = true,
  port = 0,
  host = generateKeyPair(),
  keys = [login.public],
  answer = () => ANSWER,
}: Behaviour = {}): Promise<SshServer> {
  const connections = { all: 0, open: 0 };
  const server = new ssh2.Server({ hostKeys: [host.private] } satisfies ServerConfig, (client) => {
    connections.all++;
    connections.open++;
    clients.add(client);
    client.on("error", () => undefined);
    client.on("close", () => {
      connections.open--;
      clients.delete(client);
    });
    client.on("authentication", (context) => {
      const { data } = context.method === "publickey" ? context.key : { data: Buffer.of() };
      if (keys.some((key) => data.equals(Buffer.from(key.split(" ")[1] ?? "", "base64")))) context.accept();
      else context.reject();
    });
    client.on("session", (accept) => {
      accept().on("exec", (acceptExec, _, { command }) => {
        const channel = acceptExec();
        let input = "";
        channel.on("data", (text: Buffer) => (input += text.toString()));
        channel.on("end", () => {
          channel.write(answer(command, input));
          channel.exit(0);
          channel.end();
        });
      });
    });
    if (!forwards) return; // ssh2 then answers "administratively prohibited".
    client.on("tcpip", (accept, reject, { destIP, destPort }) => {
      const socket = connect(destPort, destIP);
      socket.on("error", () => reject());
      socket.on("connect", () => {
        const channel = accept();
        channel.on("error", () => undefined);
        channel.pipe(socket).pipe(channel);
      });
    });
  });
  servers.push(server);
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  const { port: boundPort } = server.address() as AddressInfo;
  return {
    connections,
    login: {
      host: "127.0.0.1",
      port: boundPort,
      user: "opc",
      privateKey: login.private,
      hostKey: host.public,
    },
  };
}

/** A port that nothing listens at. */
export async function freePort(): Promise<number> {
  const server = await startServer();
  const { port } = server.login;
  const stopped = servers.pop();
  await new Promise((resolve) => stopped?.close(resolve));
  return port;
}

/** How to log in where something accepts connections, prints what is given, and nothing more. */
export async function startSilentServer(text = ""): Promise<{ login: Login; connections: { all: number } }> {
  const connections = { all: 0 };
  const server = createServer((socket) => {
    connections.all++;
    clients.add(socket);
    socket.on("error", () => undefined);
    socket.write(text);
  });
  servers.push(server);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const hostKey = generateKeyPair().public;
  return { connections, login: { host: "127.0.0.1", port, user: "opc", privateKey: login.private, hostKey } };
}

export function stopServers(): void {
  for (const client of clients) client.end();
  for (const server of servers.splice(0)) server.close();
}
