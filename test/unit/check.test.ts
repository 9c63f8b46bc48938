import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import ssh2 from "ssh2";
import type { Server } from "ssh2";
import { askOverSsh } from "../../components/overSsh.ts";
import { checkCommand, problemFromCheck, warningsFromCheck } from "../../components/vxlan/check.ts";
import { drawKeyPair } from "../loginKey.ts";

const PASSPHRASE = "not for print";
const host = drawKeyPair();
const login = drawKeyPair(PASSPHRASE);

describe("asking a host over SSH", () => {
  let server: Server;
  let connections: Set<{ end(): void }>;
  afterEach(() => {
    for (const connection of connections) connection.end();
    server.close();
  });

  /** A server that takes the login key alone, and answers every command in one way; or not at all. */
  const serve = async (answer?: { status: number; stdout?: string; stderr: string }) => {
    connections = new Set();
    const wanted = ssh2.utils.parseKey(login.public);
    if (wanted instanceof Error) throw wanted;
    server = new ssh2.Server({ hostKeys: [host.private] }, (client) => {
      connections.add(client);
      client.on("error", () => undefined);
      client.on("authentication", (context) => {
        const known = context.method === "publickey" && context.key.data.equals(wanted.getPublicSSH());
        if (known) context.accept();
        else context.reject();
      });
      client.on("session", (accept) => {
        accept().on("exec", (take) => {
          const channel = take();
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
  /** Asks, and must fail; what is said holds no secret. */
  const failure = async (connection: Parameters<typeof askOverSsh>[0], seconds = 5) => {
    const said: string = await askOverSsh(connection, "check", seconds).then(
      () => "no failure",
      (error: Error) => error.message,
    );
    expect(said).not.toContain(PASSPHRASE);
    for (const line of login.private.split("\n").slice(1, -2)) expect(said).not.toContain(line);
    return said;
  };

  test("gives its exit code and what it said", async () => {
    const answer = { status: 3, stdout: "a warning\n", stderr: "paused\n" };
    expect(await askOverSsh(await serve(answer), "check", 5)).toEqual(answer);
  });

  test("is refused where another host key answers than the one that is pinned", async () => {
    const connection = await serve({ status: 0, stderr: "" });
    expect(await failure({ ...connection, hostKey: drawKeyPair().public })).toMatch(/denied|verification/i);
  });

  test("takes no host whose key is not pinned", async () => {
    const connection = await serve({ status: 0, stderr: "" });
    expect(await failure({ ...connection, hostKey: "" })).not.toBe("no failure");
  });

  test("says why there was no session", async () => {
    const connection = await serve({ status: 0, stderr: "" });
    expect(await failure({ ...connection, privateKey: drawKeyPair().private })).toMatch(/authentication/);
    expect(await failure({ ...connection, privateKeyPassword: "wrong" })).toMatch(/key/);
  });

  test("ends in time where a host takes the command and never answers", async () => {
    expect(await failure(await serve(), 1)).toBe("no answer within 1 s");
  });
});

describe("what a host answered", () => {
  test("is nothing where its overlay is kept true", () => {
    expect(problemFromCheck("host01", { status: 0, stderr: "" })).toBeUndefined();
  });

  test("is what it said, or that it lost its files", () => {
    expect(problemFromCheck("host01", { status: 1, stderr: "overlay lab.overlay is paused\n" })).toBe(
      "host01: overlay lab.overlay is paused",
    );
    expect(problemFromCheck("host01", { status: 127, stderr: "no such file" })).toMatch(
      /^host01 was re-imaged, or lost its files, .* raise its "generation"/,
    );
  });

  test("is warned of, line by line", () => {
    expect(
      warningsFromCheck("host01", "Welcome!\noci-vxlan warning: one\n\noci-vxlan warning: two\n"),
    ).toEqual(["host01: one", "host01: two"]);
    expect(warningsFromCheck("host01", "")).toEqual([]);
  });

  test.each([124, 137, undefined])("is no answer where the command was ended (%s)", (status) => {
    expect(() => problemFromCheck("host01", { status, stderr: "" })).toThrow("no answer within");
  });

  test("is asked for as root, about this installation", () => {
    const command = checkCommand(
      { overlay: "prod.overlay", owner: "oci-vxlan/prod/overlay" },
      "some-id",
      "end\n",
    );
    expect(command).toMatch(
      /sudo -n\) timeout -k \d+ \d+ \S+\/oci-vxlan check prod\.overlay some-id [0-9a-f]{64} /,
    );
  });
});
