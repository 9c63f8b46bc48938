import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import ssh2 from "ssh2";
import type { Server } from "ssh2";
import { ForwardingRefused, SshSession } from "../../components/sshSession.ts";
import type { Connection } from "../../components/sshSession.ts";
import { checkCommand, readCheck } from "../../components/vxlan/connectivityTest/syncCheck.ts";
import { generateKeyPair } from "../sshKeyPair.ts";

const PASSPHRASE = "not for print";
const host = generateKeyPair();
const login = generateKeyPair(PASSPHRASE);

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
  /** Logs in and runs a command. */
  const ask = async (connection: Connection, seconds: number) => {
    const session = await SshSession.open(connection, seconds);
    try {
      return await session.run("check", "", seconds);
    } finally {
      session.close();
    }
  };
  /** Asks, and must fail; what is said holds no secret. */
  const failure = async (connection: Connection, seconds = 5) => {
    const said: string = await ask(connection, seconds).then(
      () => "no failure",
      (error: Error) => error.message,
    );
    expect(said).not.toContain(PASSPHRASE);
    for (const line of login.private.split("\n").slice(1, -2)) expect(said).not.toContain(line);
    return said;
  };

  test("gives its exit code and what it said", async () => {
    const answer = { status: 3, stdout: "a warning\n", stderr: "paused\n" };
    expect(await ask(await serve(answer), 5)).toEqual(answer);
  });

  test("is refused where another host key answers than the one that is pinned", async () => {
    const connection = await serve({ status: 0, stderr: "" });
    expect(await failure({ ...connection, hostKey: generateKeyPair().public })).toMatch(
      /denied|verification/i,
    );
  });

  test("takes no host whose key is not pinned", async () => {
    const connection = await serve({ status: 0, stderr: "" });
    expect(await failure({ ...connection, hostKey: "" })).not.toBe("no failure");
  });

  test("says why there was no session", async () => {
    const connection = await serve({ status: 0, stderr: "" });
    expect(await failure({ ...connection, privateKey: generateKeyPair().private })).toMatch(/authentication/);
    expect(await failure({ ...connection, privateKeyPassword: "wrong" })).toMatch(/key/);
  });

  test("tells a host that forwards nothing from an address that does not answer", async () => {
    const session = await SshSession.open(await serve({ status: 0, stderr: "" }), 5);
    await expect(session.connectTo("127.0.0.1", 9, 5)).rejects.toThrow(ForwardingRefused);
    session.close();
  });

  test("ends in time where a host takes the command and never answers", async () => {
    expect(await failure(await serve(), 1)).toBe("no answer within 1 s");
  });
});

describe("what a host answered", () => {
  const answer = (status: number | undefined, stdout = "", stderr = "") =>
    readCheck("host01", { status, stdout, stderr });

  test("is its turn where it is in sync", () => {
    expect(answer(0, "oci-vxlan turn 7\n")).toEqual({ state: "in sync", warnings: [], turn: 7 });
    expect(answer(0)).toMatchObject({ state: "in sync", turn: 0 });
  });

  test("is warned of, line by line", () => {
    const stdout = "Welcome!\noci-vxlan warning: one\n\noci-vxlan warning: two\noci-vxlan turn 1\n";
    expect(answer(0, stdout)).toMatchObject({ warnings: ["host01: one", "host01: two"] });
  });

  test("is its reason where a person has to change something", () => {
    expect(answer(1, "", "overlay lab.overlay is paused\n")).toEqual({
      state: "failed",
      problem: "host01: overlay lab.overlay is paused",
    });
    expect(answer(5)).toMatchObject({ problem: expect.stringContaining("ended with 5 and gave no reason") });
  });

  test.each([3, 127])("is that its phases have to run again (%s)", (status) => {
    expect(answer(status, "", "no such file")).toEqual({ state: "differs" });
  });

  test.each([124, 137, undefined])("is a failure where it did not finish (%s)", (status) => {
    expect(answer(status, "", "mending\n")).toMatchObject({
      state: "failed",
      problem: expect.stringMatching(
        /^host01 let us in and did not finish its check within \d+ s.* It said last: mending/,
      ),
    });
  });

  test("is asked for as root, about this installation and these settings", () => {
    const command = checkCommand(
      { overlay: "prod.overlay", owner: "oci-vxlan/prod/overlay" },
      { installation: "some-id", deviceSettings: "a\n", peersSettings: "end\n" },
    );
    expect(command).toMatch(
      /sudo -n\) env .* timeout -k \d+ \d+ \S+\/oci-vxlan check prod\.overlay some-id [0-9a-f]{64} [0-9a-f]{64} /,
    );
  });
});
