import { describe, expect, test } from "vitest";
import {
  cloudConfig,
  hostPublicKey,
  instanceMetadata,
  packagesScript,
} from "../../components/oci/cloudInit.ts";

const hostKey = { privateKey: "PRIVATE\nKEY\n", publicKey: "ecdsa-sha2-nistp256 AAAA" };
const boot = { hostname: "host01", user: "opc", authorizedKeys: ["ssh-ed25519 BBBB"], hostKey };

describe("cloud-init's user data", () => {
  const config = (user = "opc") => {
    const [header, ...json] = cloudConfig({ ...boot, user }).split("\n");
    expect(header).toBe("#cloud-config");
    return JSON.parse(json.join("\n")) as Record<string, any>;
  };

  test("is this text", () => {
    const text = cloudConfig(boot).replace(JSON.stringify(packagesScript()), "PACKAGES");
    expect(text).toMatchInlineSnapshot(`
      "#cloud-config
      {
        "hostname": "host01",
        "ssh_deletekeys": true,
        "ssh_keys": {
          "ecdsa_private": "PRIVATE\\nKEY\\n",
          "ecdsa_public": "ecdsa-sha2-nistp256 AAAA"
        },
        "ssh_pwauth": false,
        "runcmd": [
          [
            "sh",
            "-c",
            PACKAGES
          ]
        ],
        "users": [
          "default",
          {
            "name": "opc",
            "ssh_authorized_keys": [
              "ssh-ed25519 BBBB"
            ],
            "shell": "/bin/bash",
            "sudo": "ALL=(ALL) NOPASSWD:ALL",
            "lock_passwd": true
          }
        ]
      }
      "
    `);
  });
  test("leaves the issued host key as the only one", () => {
    expect(config()).toMatchObject({
      ssh_deletekeys: true,
      ssh_keys: { ecdsa_private: hostKey.privateKey, ecdsa_public: hostKey.publicKey },
    });
  });
  test("creates the login user with sudo and without a password, beside the image's own", () => {
    expect(config()["users"]).toEqual([
      "default",
      {
        name: "opc",
        ssh_authorized_keys: ["ssh-ed25519 BBBB"],
        shell: "/bin/bash",
        sudo: "ALL=(ALL) NOPASSWD:ALL",
        lock_passwd: true,
      },
    ]);
    expect(config()["ssh_pwauth"]).toBe(false);
  });
  test("lets root in where root is the login user", () => {
    expect(config("root")).toMatchObject({ disable_root: false });
    expect(config("root")["users"][1]).toEqual({ name: "root", ssh_authorized_keys: ["ssh-ed25519 BBBB"] });
  });
  test("goes to the instance in base64, with the login key beside it", () => {
    const { user_data, ssh_authorized_keys } = instanceMetadata(boot);
    expect(Buffer.from(user_data ?? "", "base64").toString()).toBe(cloudConfig(boot));
    expect(ssh_authorized_keys).toBe("ssh-ed25519 BBBB");
  });
});

describe("the host key in an instance's metadata", () => {
  const encode = (text: string) => ({ user_data: Buffer.from(text).toString("base64") });
  const withKey = (publicKey: unknown) =>
    encode(
      `#cloud-config\n${JSON.stringify({ ssh_keys: { ecdsa_private: "SECRET", ecdsa_public: publicKey } })}`,
    );

  test("is the one that the instance was launched with", () => {
    expect(hostPublicKey(instanceMetadata(boot))).toBe(hostKey.publicKey);
  });
  test("is read beside keys that somebody added, and from user data of an earlier version", () => {
    const earlierConfig = cloudConfig(boot).replace('"ssh_pwauth"', '"ssh_genkeytypes": [], "ssh_pwauth"');
    expect(hostPublicKey({ ...encode(earlierConfig), note: "n", user_note: "" })).toBe(hostKey.publicKey);
  });
  test.each([
    ["no metadata", undefined],
    ["metadata without user data", { ssh_authorized_keys: "ssh-ed25519 BBBB" }],
    ["empty user data", { user_data: "" }],
    ["a script", encode("#!/bin/sh\necho SECRET\n")],
    ["a cloud-config in YAML", encode("#cloud-config\nssh_keys:\n  ecdsa_private: SECRET\n")],
    ["a cloud-config cut short", encode(cloudConfig(boot).slice(0, 90))],
    ["a cloud-config that is null", encode("#cloud-config\nnull\n")],
    ["no base64", { user_data: "SECRET %" }],
    ["no public key", withKey(undefined)],
    ["another type of key", withKey("ssh-rsa AAAA")],
    ["a private key in its place", withKey("-----BEGIN EC PRIVATE KEY-----\nSECRET")],
    ["a second line", withKey("ecdsa-sha2-nistp256 AAAA\nSECRET")],
    ["keys that are no text", encode('#cloud-config\n{"ssh_keys": "SECRET"}')],
  ])("is undefined, and nothing is thrown: %s", (_case, metadata) => {
    expect(hostPublicKey(metadata)).toBeUndefined();
  });
});
