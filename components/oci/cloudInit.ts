import type { HostKeyPair } from "./hostKeyPair.ts";

/** What a provisioned host is given before its first boot. */
export interface FirstBoot {
  hostname: string;
  /** Login user, made where the image has none of that name. */
  user: string;
  /** Public keys that log in as this user, as lines of `authorized_keys`. */
  authorizedKeys: readonly string[];
  hostKey: HostKeyPair;
}

/**
 * The instance's user data: a cloud-config, so that any image with cloud-init ends with the same user and the host
 * key that was issued for it. JSON is YAML, and needs no quoting rules. It holds the private host key: a secret.
 */
export function cloudConfig({ hostname, user, authorizedKeys, hostKey }: FirstBoot): string {
  const login = { name: user, ssh_authorized_keys: authorizedKeys };
  const config = {
    hostname,
    // The image's host keys go. With ssh_keys given, cloud-init generates none of any other type.
    ssh_deletekeys: true,
    ssh_keys: { ecdsa_private: hostKey.privateKey, ecdsa_public: hostKey.publicKey },
    ssh_pwauth: false,
    ...(user === "root"
      ? { disable_root: false, users: ["default", login] }
      : {
          users: [
            "default",
            { ...login, shell: "/bin/bash", sudo: "ALL=(ALL) NOPASSWD:ALL", lock_passwd: true },
          ],
        }),
  };
  return `#cloud-config\n${JSON.stringify(config, null, 2)}\n`;
}

/**
 * The `metadata` of an instance: what Oracle's image reads at its first boot. Its size is limited to 32,000 bytes
 * together with `extendedMetadata`.
 */
export function instanceMetadata(boot: FirstBoot): Record<string, string> {
  return {
    ssh_authorized_keys: boot.authorizedKeys.join("\n"),
    user_data: Buffer.from(cloudConfig(boot)).toString("base64"),
  };
}

/**
 * The public host key that an instance was launched with, read from its `metadata`.
 *
 * @returns undefined where the metadata is missing, or holds other user data than `cloudConfig` writes. Nothing is
 *   thrown: the parser's own error would quote the private key.
 */
export function hostPublicKey(metadata: Readonly<Record<string, string>> | undefined): string | undefined {
  const userData = Buffer.from(metadata?.["user_data"] ?? "", "base64").toString("utf8");
  const [header = "", ...config] = userData.split("\n");
  if (header.trim() !== "#cloud-config") return undefined;
  try {
    const { ssh_keys: keys } = JSON.parse(config.join("\n")) as { ssh_keys?: Record<string, unknown> };
    const publicKey = keys?.["ecdsa_public"];
    return typeof publicKey === "string" && PUBLIC_KEY.test(publicKey.trim()) ? publicKey.trim() : undefined;
  } catch {
    return undefined;
  }
}

/** An ECDSA P-256 public key in OpenSSH's format, with or without a comment. */
const PUBLIC_KEY = /^ecdsa-sha2-nistp256 [A-Za-z0-9+/]+={0,2}( .*)?$/;
