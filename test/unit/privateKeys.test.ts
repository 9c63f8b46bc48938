import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { publicKeyOf } from "../../components/oci/loginKey.ts";
import { validateHostKey } from "../../components/vxlan/validation/hostKey.ts";
import { validatePrivateKey } from "../../components/vxlan/validation/privateKey.ts";

const PASSPHRASE = "a secret phrase";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "keys-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

let count = 0;
const newFile = () => join(folder, `key${count++}`);
const readText = (file: string) => readFileSync(file, "utf8");
const run = (command: string, ...args: string[]) =>
  execFileSync(command, args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });

/** Of the key derivation: few, since ssh2 takes long for each. */
const ROUNDS = ["-a", "1"];

/** A key as ssh-keygen writes it. */
function sshKeygen(type: string, { passphrase = "", options = [] as string[], bits = [] as string[] } = {}) {
  const file = newFile();
  run("ssh-keygen", "-q", ...ROUNDS, "-t", type, ...bits, ...options, "-N", passphrase, "-f", file);
  return { text: readText(file), publicKey: readText(`${file}.pub`).split(" ").slice(0, 2).join(" ") };
}

/** A key as openssl writes it. */
function openssl(...args: string[]) {
  const file = newFile();
  run("openssl", ...args, "-out", file);
  return { file, text: readText(file) };
}

/** The problems of a key as `path: message`; none of them quotes it. */
function problems(text: string, passphrase?: string): string[] {
  const problemTexts = validatePrivateKey({
    path: "KEY",
    text,
    passphrase,
    passphrasePath: "sshPrivateKeyPassphrase",
  }).map(({ path, message }) => `${path}: ${message}`);
  for (const line of text.split("\n").slice(1, -2))
    if (line.length > 20) expect(problemTexts.join("\n")).not.toContain(line);
  return problemTexts;
}

const TYPES: [string, string, string[]][] = [
  ["ed25519", "ed25519", []],
  ["ECDSA P-256", "ecdsa", ["-b", "256"]],
  ["ECDSA P-384", "ecdsa", ["-b", "384"]],
  ["ECDSA P-521", "ecdsa", ["-b", "521"]],
  ["RSA", "rsa", ["-b", "2048"]],
];

// The `command` plugin reads each of the accepted ones too: seen with x/crypto 0.48, which it is built with.
describe.each(TYPES)("an %s key", (_, type, bits) => {
  test.each([
    ["OpenSSH's format", ["-m", "RFC4716"]],
    ["PEM", ["-m", "PEM"]],
    ["PKCS#8", ["-m", "PKCS8"]],
  ])("in %s is used", (_format, options) => {
    const { text, publicKey } = sshKeygen(type, { bits, options });
    expect(problems(text)).toEqual([]);
    expect(publicKeyOf(text)).toBe(publicKey);
  });

  test.each([
    ["OpenSSH's format", ["-m", "RFC4716"]],
    ["OpenSSH's format by aes256-cbc", ["-Z", "aes256-cbc"]],
    ["PEM", ["-m", "PEM"]],
  ])("in %s is used with its passphrase, and refused without", (_format, options) => {
    const { text, publicKey } = sshKeygen(type, { bits, options, passphrase: PASSPHRASE });
    expect(problems(text, PASSPHRASE)).toEqual([]);
    expect(publicKeyOf(text, PASSPHRASE)).toBe(publicKey);
    expect(problems(text)).toEqual([
      expect.stringMatching(/^KEY: the private key is encrypted: set its pass/),
    ]);
    const [problem = ""] = problems(text, "another phrase");
    expect(problem).toMatch(/^KEY: the SSH private key cannot be read \(/);
    expect(problem).not.toContain("another phrase");
  });

  test("encrypted in PKCS#8 is refused with the command that converts it, if it has that format at all", () => {
    const { text } = sshKeygen(type, { bits, options: ["-m", "PKCS8"], passphrase: PASSPHRASE });
    const expected =
      type === "ed25519"
        ? [] // ssh-keygen writes it in its own format.
        : [expect.stringMatching(/^KEY: an encrypted key in PKCS#8 .*`ssh-keygen -p -f FILE`/)];
    expect(problems(text, PASSPHRASE)).toEqual(expected);
  });

  test.each(["aes256-gcm@openssh.com", "chacha20-poly1305@openssh.com"])(
    "encrypted by %s is refused with the command that converts it, and used then",
    (cipher) => {
      const file = newFile();
      run("ssh-keygen", "-q", ...ROUNDS, "-t", type, ...bits, "-Z", cipher, "-N", PASSPHRASE, "-f", file);
      expect(problems(readText(file), PASSPHRASE)).toEqual([
        `KEY: encrypted with ${cipher}, which the command plugin does not read: convert it with \`ssh-keygen -p -Z aes256-ctr -f FILE\`.`,
      ]);
      run(
        "ssh-keygen",
        "-q",
        ...ROUNDS,
        "-p",
        "-Z",
        "aes256-ctr",
        "-P",
        PASSPHRASE,
        "-N",
        PASSPHRASE,
        "-f",
        file,
      );
      expect(problems(readText(file), PASSPHRASE)).toEqual([]);
    },
  );

  test("that is not encrypted is refused beside a passphrase, in every format", () => {
    for (const format of ["RFC4716", "PEM", "PKCS8"]) {
      const { text } = sshKeygen(type, { bits, options: ["-m", format] });
      expect(problems(text, PASSPHRASE)).toEqual([
        "sshPrivateKeyPassphrase: given, and the key at KEY is not encrypted, so each login would fail: " +
          "take it out with `pulumi config rm sshPrivateKeyPassphrase`.",
      ]);
    }
  });
});

describe("a key of openssl", () => {
  test("in PKCS#8 is used: ed25519, which only openssl writes so", () => {
    for (let attempt = 0; attempt < 5; attempt++) {
      const { text } = openssl("genpkey", "-algorithm", "ed25519");
      expect(text).toContain("BEGIN PRIVATE KEY");
      expect(problems(text)).toEqual([]);
      expect(publicKeyOf(text)).toMatch(/^ssh-ed25519 AAAA/);
    }
  });

  test.each(["-des3", "-aes128", "-aes256"])("in PKCS#1 with a passphrase by %s is used", (cipher) => {
    const plainKey = openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048");
    const { text } = openssl(
      "rsa",
      "-traditional",
      cipher,
      "-passout",
      `pass:${PASSPHRASE}`,
      "-in",
      plainKey.file,
    );
    expect(problems(text, PASSPHRASE)).toEqual([]);
    expect(publicKeyOf(text, PASSPHRASE)).toBe(publicKeyOf(plainKey.text));
  });

  test("with the parameters of its curve ahead is refused with the command that converts it, and used then", () => {
    const { file, text } = openssl("ecparam", "-name", "prime256v1", "-genkey");
    expect(problems(text)).toEqual([
      expect.stringMatching(/^KEY: it begins with EC PARAMETERS.*`ssh-keygen -p -f FILE`/),
    ]);
    run("chmod", "600", file);
    run("ssh-keygen", "-q", "-p", "-P", "", "-N", "", "-f", file);
    expect(problems(readText(file))).toEqual([]);
  });

  test("of a kind that SSH does not have is refused", () => {
    expect(problems(openssl("genpkey", "-algorithm", "ed448").text)).toEqual([
      expect.stringMatching(/^KEY: the SSH private key cannot be read \(ed448 .*give an ed25519, ECDSA/),
    ]);
    expect(problems(openssl("ecparam", "-name", "secp256k1", "-genkey", "-noout").text)).toEqual([
      expect.stringMatching(/^KEY: the SSH private key cannot be read/),
    ]);
  });
});

describe("what is no private key, or none that can be used, is named", () => {
  test("a certificate, in place of the private key and as a host key", () => {
    const [ca, file] = [newFile(), newFile()];
    for (const key of [ca, file]) run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key);
    run("ssh-keygen", "-q", "-s", ca, "-I", "id", "-n", "opc", `${file}.pub`);
    const certificate = readText(`${file}-cert.pub`);
    expect(problems(certificate)).toEqual([
      expect.stringMatching(/^KEY: this is an SSH certificate, and certificates are not/),
    ]);
    expect(validateHostKey("HOST", certificate)).toEqual([
      {
        path: "HOST",
        message: expect.stringMatching(/^a host certificate, and certificates are not supported/),
      },
    ]);
  });

  test.each([
    ["PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none\n", /a key of PuTTY: .*puttygen/],
    ["ssh-ed25519 AAAA user@host\n", /is it the \.pub file/],
    [
      "-----BEGIN DSA PRIVATE KEY-----\nAAAA\n-----END DSA PRIVATE KEY-----\n",
      /a DSA key, which OpenSSH refuses/,
    ],
    [
      "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n",
      /encrypted|cannot be read/,
    ],
  ])("%j", (text, message) => {
    expect(problems(text)).toEqual([expect.stringMatching(message)]);
  });

  test("a key on a security token", () => {
    const parts = ["none", "none", ""].map(field);
    const publicKey = field("sk-ssh-ed25519@openssh.com");
    const body = Buffer.concat([
      Buffer.from("openssh-key-v1\0"),
      ...parts,
      Buffer.from([0, 0, 0, 1]),
      field(publicKey),
    ]).toString("base64");
    expect(
      problems(`-----BEGIN OPENSSH PRIVATE KEY-----\n${body}\n-----END OPENSSH PRIVATE KEY-----\n`),
    ).toEqual([expect.stringMatching(/a key on a security token \(FIDO\), which is not supported/)]);
  });
});

function field(value: string | Buffer): Buffer {
  const bytes = Buffer.from(value);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
}
