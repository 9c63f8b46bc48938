import { generateKeyPairSync } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { logInToApi } from "../../components/apiLogin.ts";

const { privateKey } = generateKeyPairSync("rsa", {
  modulusLength: 2048,
  privateKeyEncoding: { type: "pkcs8", format: "pem" },
  publicKeyEncoding: { type: "spki", format: "pem" },
});
const folder = mkdtempSync(join(tmpdir(), "oci-vxlan-"));
const keyFile = join(folder, "key.pem");
const configFile = join(folder, "config");
writeFileSync(keyFile, privateKey);
writeFileSync(join(folder, "token"), "e30.e30.sig");
const profile = (name: string, line: string) =>
  `[${name}]\n${line}\ntenancy=t\nfingerprint=aa\nregion=us-phoenix-1\nkey_file=${keyFile}\n`;
writeFileSync(
  configFile,
  profile("DEFAULT", "user=default-user") +
    profile("overlay", "user=overlay-user") +
    profile("session", `security_token_file=${join(folder, "token")}`),
);
afterAll(() => {
  rmSync(folder, { recursive: true });
});

/** The stack's config, as the login asks for it. */
const stackConfig = (settings: Record<string, string>) => (key: string) => settings[key];

describe("a login to Oracle's API is that of the plugin:", () => {
  beforeEach(() => {
    vi.stubEnv("HOME", folder); // So that no config file of the user's is read.
    vi.stubEnv("OCI_CONFIG_FILE", configFile);
  });
  afterEach(() => void vi.unstubAllEnvs());

  const apiKey = { tenancyOcid: "t", userOcid: "u", fingerprint: "aa:bb", region: "eu-frankfurt-1" };

  test.each([
    ["in the config", { privateKey }],
    ["in a file", { privateKeyPath: keyFile }],
    ["in a file below the home folder", { privateKeyPath: "~/key.pem" }],
  ])("an API key %s", async (_, key) => {
    const { provider, region } = await logInToApi(stackConfig({ ...apiKey, ...key }));
    expect([await provider.getKeyId(), region]).toEqual(["t/u/aa:bb", "eu-frankfurt-1"]);
    expect(provider.getPrivateKey()).toBe(privateKey);
  });

  test("the variables TF_VAR_… go before OCI_…, and the stack's config before both", async () => {
    for (const [name, value] of Object.entries({
      TF_VAR_tenancy_ocid: "variable-tenancy",
      OCI_TENANCY_OCID: "other-tenancy",
      OCI_USER_OCID: "variable-user",
      TF_VAR_fingerprint: "cc",
      TF_VAR_private_key_path: keyFile,
      TF_VAR_region: "eu-zurich-1",
    }))
      vi.stubEnv(name, value);
    const { provider, region } = await logInToApi(stackConfig({ fingerprint: "dd" }));
    expect([await provider.getKeyId(), region]).toEqual(["variable-tenancy/variable-user/dd", "eu-zurich-1"]);
  });

  test.each([
    [{}, "t/default-user/aa"],
    [{ configFileProfile: "overlay" }, "t/overlay-user/aa"],
    [{ auth: "SecurityToken", configFileProfile: "session" }, "ST$e30.e30.sig"],
  ])("a profile of the config file, with its region: %j", async (settings, keyId) => {
    const { provider, region } = await logInToApi(stackConfig(settings));
    expect([await provider.getKeyId(), region]).toEqual([keyId, "us-phoenix-1"]);
  });

  test("a resource principal", async () => {
    const token = `e30.${Buffer.from(JSON.stringify({ exp: 4_000_000_000 })).toString("base64url")}.sig`;
    vi.stubEnv("OCI_RESOURCE_PRINCIPAL_VERSION", "2.2");
    vi.stubEnv("OCI_RESOURCE_PRINCIPAL_RPST", token);
    vi.stubEnv("OCI_RESOURCE_PRINCIPAL_PRIVATE_PEM", privateKey);
    vi.stubEnv("OCI_RESOURCE_PRINCIPAL_REGION", "uk-london-1");
    const { provider, region } = await logInToApi(stackConfig({ auth: "ResourcePrincipal" }));
    expect([await provider.getKeyId(), region]).toEqual([`ST$${token}`, "uk-london-1"]);
  });

  test("another way to authenticate, or a profile that is not there, is an error that names it", async () => {
    await expect(logInToApi(stackConfig({ auth: "OKEWorkloadIdentity" }))).rejects.toThrow(
      "OKEWorkloadIdentity",
    );
    await expect(logInToApi(stackConfig({ configFileProfile: "other" }))).rejects.toThrow("other");
  });
});
