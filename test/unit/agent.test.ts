import { execFileSync, spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { problemWithAgent } from "../../components/agent.ts";
import { logIn } from "../../components/hostLogin.ts";
import { SshSession } from "../../components/sshSession.ts";
import { startSshAgent } from "../sshAgent.ts";
import { ANSWER, login, startServer, stopServers } from "./sshServers.ts";

const LIMIT = 20;

describe("the SSH agent", () => {
  let folder: string;
  let agent: ChildProcess | undefined;
  const before = process.env["SSH_AUTH_SOCK"];
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "agent-"));
    delete process.env["SSH_AUTH_SOCK"];
  });
  afterEach(() => {
    agent?.kill();
    agent = undefined;
    stopServers();
    if (before === undefined) delete process.env["SSH_AUTH_SOCK"];
    else process.env["SSH_AUTH_SOCK"] = before;
    rmSync(folder, { recursive: true });
  });

  /** A real agent, and its socket. */
  const startAgent = async (): Promise<string> => {
    const socket = join(folder, "socket");
    agent = await startSshAgent(socket);
    return socket;
  };
  const load = (socket: string, key: string) =>
    execFileSync("ssh-add", ["-q", "-"], {
      input: key,
      env: { ...process.env, SSH_AUTH_SOCK: socket },
      stdio: ["pipe", "ignore", "ignore"],
    });
  /** A login without a private key. */
  const loginWithoutKey = async () => {
    const { login: withKey } = await startServer();
    return { ...withKey, privateKey: undefined };
  };

  test("logs in with the key that it holds: of the environment, or of the socket that is named", async () => {
    const socket = await startAgent();
    load(socket, login.private);
    const connection = await loginWithoutKey();
    const session = await SshSession.open({ ...connection, agentSocketPath: socket }, LIMIT);
    expect((await session.run("true", "", LIMIT)).stdout).toBe(ANSWER);
    session.close();
    process.env["SSH_AUTH_SOCK"] = socket;
    (await SshSession.open(connection, LIMIT)).close();
  });

  test("logs in to a jump host and to the host behind it", async () => {
    const socket = await startAgent();
    load(socket, login.private);
    process.env["SSH_AUTH_SOCK"] = socket;
    const session = await logIn({ ...(await loginWithoutKey()), proxy: await loginWithoutKey() }, LIMIT);
    expect((await session.run("true", "", LIMIT)).stdout).toBe(ANSWER);
    session.close();
  });

  test("is not asked where there is a private key", async () => {
    process.env["SSH_AUTH_SOCK"] = join(folder, "gone");
    (await SshSession.open((await startServer()).login, LIMIT)).close();
  });

  test("a login without it and without a key fails by name", async () => {
    await expect(SshSession.open(await loginWithoutKey(), LIMIT)).rejects.toThrow(
      "there is neither a private key nor an SSH agent (SSH_AUTH_SOCK)",
    );
  });

  describe("is checked before anything is dialled:", () => {
    test("one that answers and holds a key is fine", async () => {
      const socket = await startAgent();
      load(socket, login.private);
      expect(await problemWithAgent(socket)).toBeUndefined();
      process.env["SSH_AUTH_SOCK"] = socket;
      for (const choice of [true, false, undefined]) expect(await problemWithAgent(choice)).toBeUndefined();
    });

    test("none is fine where none is asked for", async () => {
      expect(await problemWithAgent(undefined)).toBeUndefined();
      process.env["SSH_AUTH_SOCK"] = "";
      expect(await problemWithAgent(false)).toBeUndefined();
    });

    test("the variable is not set", async () => {
      expect(await problemWithAgent(true)).toMatch(
        /^ssh\.agent is true, and SSH_AUTH_SOCK is not set: start an agent/,
      );
    });

    test.each(["gone", "stale"])("its socket is %s", async (name) => {
      const socket = join(folder, name);
      if (name === "stale") await leaveSocket(socket);
      expect(existsSync(socket)).toBe(name === "stale");
      const code = name === "stale" ? "ECONNREFUSED" : "ENOENT";
      expect(await problemWithAgent(socket)).toMatch(
        new RegExp(`^no SSH agent answers at ${socket}, which ssh\\.agent names \\(${code}\\)`),
      );
      process.env["SSH_AUTH_SOCK"] = socket;
      expect(await problemWithAgent(true)).toMatch(/which SSH_AUTH_SOCK names/);
      // Where no agent is asked for, the plugin would dial it all the same.
      expect(await problemWithAgent(undefined)).toMatch(
        new RegExp(
          `^SSH_AUTH_SOCK is ${socket}, and no SSH agent answers there \\(${code}\\).*\`env -u SSH_AUTH_SOCK pulumi up\``,
        ),
      );
      // A named socket is dialled instead of it.
      const socketPath = join(folder, "agent");
      expect(await problemWithAgent(socketPath)).not.toMatch(/SSH_AUTH_SOCK/);
    });

    test("it holds no key, or only a certificate", async () => {
      const socket = await startAgent();
      expect(await problemWithAgent(socket)).toMatch(/holds no key that can be used: .*ssh-add FILE/);
      const [ca, key] = [join(folder, "ca"), join(folder, "key")];
      for (const file of [ca, key]) execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", file]);
      execFileSync("ssh-keygen", ["-q", "-s", ca, "-I", "id", "-n", "opc", `${key}.pub`]);
      const environment = { ...process.env, SSH_AUTH_SOCK: socket };
      execFileSync("ssh-add", ["-q", key], { env: environment, stdio: "ignore" });
      execFileSync("ssh-add", ["-q", "-d", "-k", key], { env: environment, stdio: "ignore" });
      const keyList = execFileSync("ssh-add", ["-L"], { env: environment, encoding: "utf8" });
      expect(keyList).toMatch(/^ssh-ed25519-cert-v01@openssh\.com /);
      expect(keyList).not.toContain(readFileSync(`${key}.pub`, "utf8").split(" ")[1]);
      expect(await problemWithAgent(socket)).toMatch(
        /Certificates and keys on security tokens are not supported/,
      );
    });
  });
});

/** Leaves the socket of a program that has ended, as a killed agent does. */
async function leaveSocket(path: string): Promise<void> {
  const script = `require("node:net").createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, "SIGKILL"))`;
  await new Promise((resolve) => spawn(process.execPath, ["-e", script]).on("exit", resolve));
}
