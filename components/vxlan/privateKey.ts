import { createPrivateKey } from "node:crypto";
import type { KeyObject } from "node:crypto";
import ssh2 from "ssh2";
import type { ParsedKey } from "ssh2";

/**
 * SSH private keys. Two programs read them: the `command` plugin by Go's x/crypto, and this one by ssh2. What only one
 * of them reads is refused by `validatePrivateKey`, except for plain PKCS#8, which is rewritten for ssh2.
 */

/** The keys that were read, by text and passphrase. To unlock one takes a third of a second. */
const keys = new Map<string, ParsedKey>();

/**
 * Reads a private key, and unlocks it.
 *
 * @throws Error that quotes no key
 */
export function readPrivateKey(text: string, passphrase: string | undefined): ParsedKey {
  const id = JSON.stringify([text, passphrase]);
  const cachedKey = keys.get(id);
  if (cachedKey) return cachedKey;
  const key = ssh2.utils.parseKey(isPkcs8(text) ? rewritePkcs8(text) : text, passphrase);
  if (key instanceof Error) throw key;
  keys.set(id, key);
  return key;
}

const isPkcs8 = (text: string) => /^-----BEGIN PRIVATE KEY-----/.test(text.trimStart());

/** A key of plain PKCS#8 in a format that ssh2 reads. */
function rewritePkcs8(text: string): string {
  const key = createPrivateKey(text);
  switch (key.asymmetricKeyType) {
    case "rsa":
      return key.export({ type: "pkcs1", format: "pem" }).toString();
    case "ec":
      return key.export({ type: "sec1", format: "pem" }).toString();
    case "ed25519":
      return opensshText(key);
    default:
      throw new Error(`${key.asymmetricKeyType ?? "unknown"} keys are not supported`);
  }
}

/** An ed25519 key in OpenSSH's own format (PROTOCOL.key in its sources), the only one that it has besides PKCS#8. */
function opensshText(key: KeyObject): string {
  const { d = "", x = "" } = key.export({ format: "jwk" });
  const [seed, publicKey] = [Buffer.from(d, "base64url"), Buffer.from(x, "base64url")];
  const publicPart = [field("ssh-ed25519"), field(publicKey)];
  const checkBytes = Buffer.alloc(8); // Twice the same number: equal again where decryption succeeded.
  const content = Buffer.concat([
    checkBytes,
    ...publicPart,
    field(Buffer.concat([seed, publicKey])),
    field("comment"),
  ]);
  const padding = Buffer.from([1, 2, 3, 4, 5, 6, 7]).subarray(0, (8 - (content.length % 8)) % 8);
  const body = Buffer.concat([
    Buffer.from(OPENSSH_MAGIC),
    ...["none", "none", ""].map(field), // Cipher, key derivation and its options.
    uint32(1), // Number of keys.
    field(Buffer.concat(publicPart)),
    field(Buffer.concat([content, padding])),
  ]).toString("base64");
  return `-----BEGIN OPENSSH PRIVATE KEY-----\n${body.replace(/.{70}/g, "$&\n")}\n-----END OPENSSH PRIVATE KEY-----\n`;
}

const OPENSSH_MAGIC = "openssh-key-v1\0";

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

function field(value: string | Buffer): Buffer {
  const bytes = Buffer.from(value);
  return Buffer.concat([uint32(bytes.length), bytes]);
}

/** What a private key shows without being unlocked. */
export interface PrivateKeyHeader {
  /** The words of its first line, such as `RSA PRIVATE KEY`. */
  format: string;
  /** Of OpenSSH's own format: `none` for a plain key. */
  cipher?: string;
  /** Of OpenSSH's own format: type of the public key. */
  type?: string;
  isEncrypted: boolean;
}

/** Reads the header of a private key; undefined where the text is none. */
export function readHeader(text: string): PrivateKeyHeader | undefined {
  const format = /^-----BEGIN ([A-Z0-9 ]*(?:PRIVATE KEY|EC PARAMETERS))-----\s/.exec(text.trimStart())?.[1];
  if (format === undefined) return undefined;
  if (format !== "OPENSSH PRIVATE KEY") return { format, isEncrypted: /ENCRYPTED/.test(text) };
  const body = /-----BEGIN OPENSSH PRIVATE KEY-----([\s\S]*?)-----END/.exec(text)?.[1] ?? "";
  const bytes = Buffer.from(body, "base64");
  const cipher = readField(bytes, OPENSSH_MAGIC.length);
  const derivation = readField(bytes, cipher.end);
  const publicKey = readField(bytes, readField(bytes, derivation.end).end + 4);
  return {
    format,
    cipher: cipher.value.toString(),
    type: readField(publicKey.value, 0).value.toString(),
    isEncrypted: cipher.value.toString() !== "none",
  };
}

/** A length, and so many bytes. It is empty where the text is cut off. */
function readField(bytes: Buffer, start: number): { value: Buffer; end: number } {
  const length = bytes.length >= start + 4 ? bytes.readUInt32BE(start) : 0;
  const end = start + 4 + length;
  return { value: bytes.subarray(start + 4, end), end };
}
