import { readHostText } from "../vxlan/hostText.ts";
import type { HostKeyPair } from "./hostKeyPair.ts";

/** What a provisioned host needs for its first boot. */
export interface FirstBoot {
  hostname: string;
  /** Login user, created where the image has no user of that name. */
  user: string;
  /** Public keys that log in as this user, as lines of `authorized_keys`. */
  authorizedKeys: readonly string[];
  hostKey: HostKeyPair;
}

/**
 * The instance's user data: a cloud-config, so that any image with cloud-init gets the same user and the issued host
 * key. JSON is valid YAML, and needs no quoting rules. The text is a secret, since it holds the private host key.
 */
export function cloudConfig({ hostname, user, authorizedKeys, hostKey }: FirstBoot): string {
  const login = { name: user, ssh_authorized_keys: authorizedKeys };
  const config = {
    hostname,
    // Removes the image's host keys. Where ssh_keys is set, cloud-init generates none of other types.
    ssh_deletekeys: true,
    ssh_keys: { ecdsa_private: hostKey.privateKey, ecdsa_public: hostKey.publicKey },
    ssh_pwauth: false,
    runcmd: [["sh", "-c", packagesScript()]],
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

/** Installs the packages that the image lacks. */
export const packagesScript = (): string => readHostText(new URL("./packages.sh", import.meta.url));

/** The `metadata` of an instance, which its image reads at first boot. OCI's limit is 32,000 bytes. */
export function instanceMetadata(boot: FirstBoot): Record<string, string> {
  return {
    ssh_authorized_keys: boot.authorizedKeys.join("\n"),
    user_data: Buffer.from(cloudConfig(boot)).toString("base64"),
  };
}

/** Whether an instance was launched with a login key, a line of `authorized_keys`. */
export function launchedWithKey(
  metadata: Readonly<Record<string, string>> | undefined,
  publicKey: string,
): boolean {
  const keyIn = (line: string) => line.trim().split(/\s+/).slice(0, 2).join(" ");
  return (metadata?.["ssh_authorized_keys"] ?? "").split("\n").map(keyIn).includes(keyIn(publicKey));
}

/**
 * Reads the public host key of an instance from its `metadata`. It throws nothing, since the parser's error would quote
 * the private key.
 *
 * @returns undefined where the metadata is missing, or its user data is not by `cloudConfig`
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
