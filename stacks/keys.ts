import { readFileSync } from "node:fs";
import { homedir } from "node:os";
import { isAbsolute, join, resolve } from "node:path";
import type { Problem } from "../components/vxlan/validate.ts";

/** A file's text, or the problem with it. Nothing of a file's content ever stands in a message. */
export type FileText = { text: string } | { problem: Problem };

/**
 * Reads a key file that the config names.
 *
 * @param root relative paths start at the folder of Pulumi.yaml; `~/` is the home directory
 */
export function readKeyFile(root: string, path: string, configPath: string): FileText {
  const file = path.startsWith("~/")
    ? join(homedir(), path.slice(2))
    : isAbsolute(path)
      ? path
      : resolve(root, path);
  try {
    return { text: readFileSync(file, "utf8") };
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? "error";
    const reason = {
      ENOENT: "there is no such file",
      EACCES: "it may not be read",
      EISDIR: "it is a directory",
    }[code];
    return {
      problem: {
        path: configPath,
        message: `cannot read ${file}: ${reason ?? code}. Name a key file that exists.`,
      },
    };
  }
}

/** What is wrong with a private key, judged by its frame alone. */
export function validatePrivateKey(configPath: string, key: string, hasPassphrase: boolean): Problem[] {
  if (!/^-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----\s/.test(key.trimStart())) {
    return [
      {
        path: configPath,
        message:
          "this is no private key: it must begin with a line such as -----BEGIN OPENSSH PRIVATE KEY----- (is it the .pub file?).",
      },
    ];
  }
  if (!hasPassphrase && isEncrypted(key)) {
    return [
      {
        path: configPath,
        message:
          "the private key is encrypted: set its passphrase with `pulumi config set --secret sshPrivateKeyPassphrase`.",
      },
    ];
  }
  return [];
}

/** PEM says so in a header; OpenSSH's own format names its cipher behind a fixed start. */
function isEncrypted(key: string): boolean {
  if (/ENCRYPTED/.test(key)) return true;
  const body = /-----BEGIN OPENSSH PRIVATE KEY-----([\s\S]*?)-----END/.exec(key)?.[1];
  if (body === undefined) return false;
  const bytes = Buffer.from(body, "base64");
  const start = "openssh-key-v1\0".length;
  const length = bytes.length >= start + 4 ? bytes.readUInt32BE(start) : 0;
  return bytes.subarray(start + 4, start + 4 + length).toString() !== "none";
}
