import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, posix, win32 } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { withDefaults } from "../../components/vxlan/settings.ts";
import { keyFile } from "../../stacks/keys.ts";
import { ConfigError, resolveEnvironment } from "../../stacks/load.ts";
import { generateKeyPair } from "../sshKeyPair.ts";

/** The stack config together with the keys that it names. */
let folder: string;
const HOST_KEY = `ssh-ed25519 ${"A".repeat(68)}`;
const login = generateKeyPair();
const locked = generateKeyPair("secret phrase");

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "settings-"));
  const files = { login: login.private, locked: locked.private, "host.pub": `${HOST_KEY} root@host\n` };
  for (const [name, text] of Object.entries({
    ...files,
    "login.pub": login.public,
    "rsa.pub": "ssh-rsa AAAA\n",
  }))
    writeFileSync(join(folder, name), text);
});
afterAll(() => rmSync(folder, { recursive: true }));

const environment = (change: (value: any) => void = () => undefined) => {
  const existing = (underlayAddress: string) => ({ underlayAddress, hostKeyPath: join(folder, "host.pub") });
  const value = {
    overlay: { cidrs: ["192.168.0.0/24"] },
    ssh: { privateKeyPath: join(folder, "login") },
    hosts: {
      host01: { overlayAddresses: ["192.168.0.1"], existing: existing("10.0.0.1") },
      host02: { overlayAddresses: ["192.168.0.2"], existing: existing("10.0.0.2") },
    },
  };
  change(value);
  return value;
};

const problems = (change: (value: any) => void, secrets = {}): string[] => {
  try {
    resolveEnvironment(environment(change), secrets);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems.map(({ path, message }) => `${path}: ${message}`);
    throw error;
  }
  return [];
};
const paths = (lines: readonly string[]) => lines.map((line) => line.split(": ")[0]);

test("host keys come from their files, trimmed, or from the config", () => {
  const { hosts } = resolveEnvironment(
    environment((e) => {
      e.hosts.host02.existing = { underlayAddress: "10.0.0.2", hostKey: HOST_KEY };
    }),
    {},
  );
  expect(hosts["host01"]?.existing?.hostKey).toBe(`${HOST_KEY} root@host`);
  expect(hosts["host02"]?.existing?.hostKey).toBe(HOST_KEY);
});

test("down of a host reaches the component", () => {
  const { hosts } = resolveEnvironment(
    environment((e) => (e.hosts.host02.down = true)),
    {},
  );
  expect(hosts["host01"]?.down).toBeUndefined();
  expect(hosts["host02"]).toMatchObject({ down: true, existing: { underlayAddress: "10.0.0.2" } });
});

test("confirmTimeout is three minutes unless the config says otherwise", () => {
  expect(withDefaults({}).confirmTimeout).toBe(180);
  const { overlay } = resolveEnvironment(
    environment((e) => (e.overlay.confirmTimeout = 60)),
    {},
  );
  expect(withDefaults(overlay).confirmTimeout).toBe(60);
});

test("wrong values, key files and host keys are reported in one run", () => {
  const lines = problems((e) => {
    e.overlay.vni = 2 ** 24;
    e.ssh.privateKeyPath = join(folder, "nowhere");
    e.hosts.host01.existing.hostKeyPath = join(folder, "nowhere.pub");
    e.hosts.host02.existing.hostKeyPath = join(folder, "rsa.pub");
  });
  expect(paths(lines)).toEqual([
    "overlay.vni",
    "ssh.privateKeyPath",
    "hosts.host01.existing.hostKeyPath",
    "hosts.host02.existing.hostKeyPath",
  ]);
  expect(lines[1]).toMatch(/cannot read .*nowhere: there is no such file/);
  expect(lines[3]).toMatch(/RSA host key pins SHA-1/);
});

test("a key file is not looked for while keys or types are wrong", () => {
  const lines = problems((e) => {
    e.overlay.colour = "blue";
    e.ssh.privateKeyPath = join(folder, "nowhere");
  });
  expect(paths(lines)).toEqual(["overlay.colour"]);
});

test.each([
  ["~/.ssh/key", posix, "/home/me", "/home/me/.ssh/key"],
  ["~/.ssh/key", win32, "C:\\Users\\me", "C:\\Users\\me\\.ssh\\key"],
  ["~\\.ssh\\key", win32, "C:\\Users\\me", "C:\\Users\\me\\.ssh\\key"],
  ["keys/key", posix, "/home/me", "/project/keys/key"],
  ["keys/key", win32, "C:\\Users\\me", "C:\\project\\keys\\key"],
  ["D:\\key", win32, "C:\\Users\\me", "D:\\key"],
])("a key file may be given as %s", (name, system, home, file) => {
  expect(keyFile(system === posix ? "/project" : "C:\\project", name, system, home)).toBe(file);
});

test("keys in files and secrets with line ends of Windows are the same as those with line ends of Unix", async () => {
  const windows = (text: string) => text.replaceAll("\n", "\r\n");
  writeFileSync(join(folder, "login.windows"), windows(login.private));
  writeFileSync(join(folder, "host.windows"), windows(`${HOST_KEY}\n`));
  const privateKeyOf = (args: ReturnType<typeof resolveEnvironment>) =>
    (args.ssh.privateKey as any).promise() as Promise<string>;
  const fromFiles = resolveEnvironment(
    environment((e) => {
      e.ssh.privateKeyPath = join(folder, "login.windows");
      e.hosts.host01.existing.hostKeyPath = join(folder, "host.windows");
    }),
    {},
  );
  expect(await privateKeyOf(fromFiles)).toBe(login.private);
  expect(fromFiles.hosts["host01"]?.existing?.hostKey).toBe(HOST_KEY);
  const fromSecret = resolveEnvironment(
    environment((e) => delete e.ssh),
    { privateKey: windows(login.private) },
  );
  expect(await privateKeyOf(fromSecret)).toBe(login.private);
});

describe("the private key", () => {
  const onlyProblemOf = (change: (value: any) => void, secrets = {}) => {
    const lines = problems(change, secrets);
    expect(lines).toHaveLength(1);
    return lines[0];
  };
  const withoutSsh = (e: any) => delete e.ssh;

  test("is given once", () => {
    expect(onlyProblemOf(withoutSsh)).toMatch(/^ssh\.privateKeyPath: no SSH key is given/);
    expect(onlyProblemOf(() => undefined, { privateKey: login.private })).toMatch(
      /and the secret sshPrivateKey too/,
    );
    expect(problems(withoutSsh, { privateKey: login.private })).toEqual([]);
  });
  test("is one, whether file or secret", () => {
    expect(onlyProblemOf((e) => (e.ssh.privateKeyPath = join(folder, "login.pub")))).toMatch(
      /^ssh\.privateKeyPath: this is no private key: .*is it the \.pub file/,
    );
    expect(onlyProblemOf(withoutSsh, { privateKey: "hunter2" })).toBe(
      "sshPrivateKey: this is no private key: it must begin with a line such as -----BEGIN OPENSSH PRIVATE KEY----- (is it the .pub file?).",
    );
  });
  test("needs its passphrase", () => {
    const path = (e: any) => (e.ssh.privateKeyPath = join(folder, "locked"));
    expect(onlyProblemOf(path)).toMatch(
      /^ssh\.privateKeyPath: the private key is encrypted: set its passphrase/,
    );
    expect(problems(path, { passphrase: "secret phrase" })).toEqual([]);
  });
  test("opens with its passphrase where its public half goes to instances", () => {
    const withProvisionedHosts = (e: any) => {
      e.compartmentId = "ocid1.compartment.oc1..aaaa";
      e.network = {
        vcn: { cidr: "10.0.0.0/24" },
        operatorCidrs: ["198.51.100.10/32"],
        subnets: { all: { cidr: "10.0.0.0/28" } },
      };
      e.ssh.privateKeyPath = join(folder, "locked");
      for (const host of Object.values<any>(e.hosts)) {
        delete host.existing;
        host.instance = {};
      }
    };
    expect(problems(withProvisionedHosts, { passphrase: "secret phrase" })).toEqual([]);
    const problem = onlyProblemOf(withProvisionedHosts, { passphrase: "another phrase" });
    expect(problem).toMatch(/^ssh\.privateKeyPath: the SSH private key cannot be read/);
    expect(problem).not.toContain("another phrase");
  });
});

describe("the private key that a new one replaces", () => {
  const next = generateKeyPair();
  beforeAll(() => writeFileSync(join(folder, "next"), next.private));
  const withNewKey =
    (change: (e: any) => void = () => undefined) =>
    (e: any) => {
      e.ssh = { privateKeyPath: join(folder, "next"), oldPrivateKeyPath: join(folder, "login") };
      change(e);
    };

  test("is in a file or a secret, and may have a passphrase of its own", async () => {
    const oldKeys = async (secrets: object, change?: (e: any) => void) => {
      const { ssh } = resolveEnvironment(environment(withNewKey(change)), secrets);
      const { privateKey, oldPrivateKey, oldPrivateKeyPassphrase } = ssh as any;
      return Promise.all([privateKey, oldPrivateKey, oldPrivateKeyPassphrase].map((key) => key?.promise()));
    };
    expect(await oldKeys({})).toEqual([next.private, login.private, undefined]);
    const secrets = { oldPrivateKey: locked.private, oldPassphrase: "secret phrase" };
    const withoutOldKeyPath = (e: any) => delete e.ssh.oldPrivateKeyPath;
    expect(await oldKeys(secrets, withoutOldKeyPath)).toEqual([
      next.private,
      locked.private,
      "secret phrase",
    ]);
  });

  test("is one, given once, and another key than the new one", () => {
    expect(problems(withNewKey((e) => (e.ssh.oldPrivateKeyPath = join(folder, "login.pub"))))).toEqual([
      expect.stringMatching(/^ssh\.oldPrivateKeyPath: this is no private key/),
    ]);
    expect(problems(withNewKey(), { oldPrivateKey: login.private })).toEqual([
      "ssh.oldPrivateKeyPath: given, and the secret sshOldPrivateKey too: keep one of them.",
    ]);
    expect(problems(withNewKey((e) => (e.ssh.privateKeyPath = join(folder, "login"))))).toEqual([
      expect.stringMatching(/^ssh\.oldPrivateKeyPath: the old private key is the same key as the new one/),
    ]);
    expect(problems(() => undefined, { oldPassphrase: "left" })).toEqual([
      expect.stringMatching(/^sshOldPrivateKeyPassphrase: given without an old private key/),
    ]);
  });

  test("is refused beside an agent, with what to do instead", () => {
    const withAgent = (e: any) => (e.ssh = { agent: true, oldPrivateKeyPath: join(folder, "login") });
    expect(problems(withAgent)).toEqual([
      expect.stringMatching(/^ssh\.oldPrivateKeyPath: given beside ssh\.agent, .*append the new public key/),
    ]);
  });

  test("is refused with a jump host that has no key of its own, or that is a host of the environment", () => {
    const proxy = { address: "203.0.113.7", hostKey: `ssh-ed25519 ${"B".repeat(68)}` };
    expect(problems(withNewKey((e) => (e.ssh.proxy = proxy)))).toEqual([
      expect.stringMatching(/^ssh\.proxy: it has no private key of its own, and up does not replace/),
    ]);
    const withKey = { ...proxy, privateKeyPath: join(folder, "login") };
    expect(problems(withNewKey((e) => (e.ssh.proxy = withKey)))).toEqual([]);
    expect(problems(withNewKey((e) => (e.ssh.proxy = { ...withKey, hostKey: HOST_KEY })))).toEqual([
      "ssh.proxy: it is host01 of this environment, by its host key: name it as ssh.via while the login key is replaced.",
    ]);
  });
});

describe("an SSH agent in place of the private key", () => {
  const withAgent = (change: (e: any) => void = () => undefined, secrets = {}) =>
    problems((e) => {
      e.ssh = { agent: true };
      change(e);
    }, secrets);
  const withProvisionedHosts = (e: any) => {
    e.compartmentId = "ocid1.compartment.oc1..aaaa";
    e.network = {
      vcn: { cidr: "10.0.0.0/24" },
      operatorCidrs: ["198.51.100.10/32"],
      subnets: { all: { cidr: "10.0.0.0/28" } },
    };
    delete e.hosts.host01.existing;
    e.hosts.host01.instance = {};
  };

  test("reaches the component without any key; a path of a socket is absolute there", () => {
    const sshOf = (agent: unknown) =>
      resolveEnvironment(
        environment((e) => (e.ssh = { agent })),
        {},
      ).ssh;
    const { agent, privateKey } = sshOf(true);
    expect([agent, privateKey]).toEqual([true, undefined]);
    expect(sshOf("~/agent").agent).toMatch(/^\/.*\/agent$/);
  });
  test("is refused beside a private key or a passphrase, and not beside false", () => {
    expect(withAgent((e) => (e.ssh.privateKeyPath = join(folder, "login")))).toEqual([
      "ssh.agent: given beside ssh.privateKeyPath: keep the agent, or the private key.",
    ]);
    expect(withAgent(undefined, { privateKey: login.private, passphrase: "p" })).toEqual([
      "ssh.agent: given beside the secret sshPrivateKey and the secret sshPrivateKeyPassphrase: keep the agent, or the private key.",
    ]);
    expect(withAgent((e) => (e.ssh.agent = false))[0]).toMatch(/no SSH key is given: .*or set ssh\.agent/);
  });
  test("needs the public key that instances get, in a file", () => {
    expect(withAgent(withProvisionedHosts)).toEqual([
      expect.stringMatching(/^ssh\.publicKeyPath: missing: the SSH agent/),
    ]);
    const withPublicKeyPath = (name: string) =>
      withAgent((e) => {
        withProvisionedHosts(e);
        e.ssh.publicKeyPath = join(folder, name);
      });
    expect(withPublicKeyPath("login.pub")).toEqual([]);
    expect(withPublicKeyPath("login")).toEqual([
      expect.stringMatching(/^ssh\.publicKeyPath: this is no public key/),
    ]);
    expect(problems((e) => (e.ssh.publicKeyPath = join(folder, "login.pub")))).toEqual([
      expect.stringMatching(/^ssh\.publicKeyPath: goes with ssh\.agent/),
    ]);
  });
});

test.each([
  ["in place of its file's name", (e: any, key: string) => (e.ssh.privateKeyPath = key)],
  [
    "in place of a host key",
    (e: any, key: string) => (e.hosts.host01.existing = { underlayAddress: "10.0.0.1", hostKey: key }),
  ],
  [
    "in a file that is to hold a host key",
    (e: any) => (e.hosts.host01.existing.hostKeyPath = join(folder, "login")),
  ],
  ["where no text belongs", (e: any, key: string) => (e.ssh = key)],
])("a private key %s is not shown", (_, change) => {
  let message = "";
  try {
    resolveEnvironment(
      environment((e) => change(e, login.private)),
      {},
    );
  } catch (error) {
    message = (error as Error).message;
  }
  expect(message).toContain("a private key stands here");
  for (const line of login.private.split("\n").slice(1, -2)) expect(message).not.toContain(line.slice(0, 4));
});
