import { createServer } from "node:net";
import type { AddressInfo, Socket } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import { runLocally } from "../../pulumi/plugins/command/local.ts";
import { runOverSsh } from "../../pulumi/plugins/command/ssh.ts";

describe("the fake command plugin", () => {
  let close = () => {};
  afterEach(() => close());

  /** Listens on a free port, and passes each connection to a handler. */
  const listen = async (onConnection: (socket: Socket) => void): Promise<number> => {
    const server = createServer(onConnection);
    close = () => server.close();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return (server.address() as AddressInfo).port;
  };
  const dial = (port: number) =>
    runOverSsh({ host: "127.0.0.1", port, dialErrorLimit: 2, password: "x" }, "true", "");

  test.each([
    ["at once", (socket: Socket) => socket.end()],
    ["with a reset", (socket: Socket) => socket.resetAndDestroy()],
    ["after its banner", (socket: Socket) => socket.end("SSH-2.0-OpenSSH_9.2p1\r\n")],
    [
      "in the middle of the key exchange",
      (socket: Socket) => {
        socket.write("SSH-2.0-OpenSSH_9.2p1\r\n");
        socket.once("data", () => socket.destroy());
      },
    ],
  ])("dials again if a booting host closes the connection %s", async (_, onConnection) => {
    let dials = 0;
    const port = await listen((socket) => {
      dials++;
      socket.on("error", () => undefined);
      onConnection(socket);
    });
    await expect(dial(port)).rejects.toThrow(/^after 2 failed attempts: (ssh: handshake failed|dial tcp)/);
    expect(dials).toBe(3);
  });

  test("runs a local command by its interpreter, with standard input", async () => {
    const result = await runLocally(
      { interpreter: ["sh", "-c"], stdin: "in" },
      "cat; echo err >&2; exit 3",
      {},
    );
    expect(result).toMatchObject({ stdout: "in", stderr: "err\n", failure: "exit status 3" });
  });
});
