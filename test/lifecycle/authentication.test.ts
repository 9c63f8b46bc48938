import { generateKeyPairSync } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { cloudLog } from "../../lab/cloud/daemonFiles.ts";
import { TENANCY } from "../../lab/cloud/region.ts";
import { ROOT } from "../../lab/system/lab.ts";
import { textsWithSecrets } from "./support/secretLeaks.ts";
import { expectFailure, expectSuccess } from "./support/outcome.ts";
import { TestStack, UP } from "./support/testStack.ts";

/** A token of a principal, as Oracle issues it: a JSON Web Token, here with a signature that nobody checks. */
function principalToken(ptype: "user" | "resource"): string {
  const part = (content: object) => Buffer.from(JSON.stringify(content)).toString("base64url");
  const inTenYears = Math.floor(Date.now() / 1000) + 315_360_000;
  return `${part({ alg: "RS256" })}.${part({ ptype, exp: inTenYears, res_tenant: TENANCY })}.c2lnbmF0dXJl`;
}

/** The region in which a principal is at home. The stack's config says where the hosts are. */
const OTHER_REGION = "us-phoenix-1";

/** The ways to authenticate of docs/oracle-cloud.md, of which the lab's cloud has the first. */
describe("authentication at Oracle's API", () => {
  let stack: TestStack;
  /** The home folder of a user who has tokens in place of an API key. */
  let home: string;
  let secrets: string[];

  const writeHomeFile = (name: string, text: string): string => {
    const path = join(home, name);
    writeFileSync(path, text, { mode: 0o600 });
    return path;
  };

  beforeAll(async () => {
    stack = await TestStack.bootCloud("test-authentication");
    home = join(stack.lab.directory, "home");
    mkdirSync(join(home, ".oci"), { recursive: true });
    const { privateKey } = generateKeyPairSync("rsa", {
      modulusLength: 2048,
      privateKeyEncoding: { type: "pkcs8", format: "pem" },
      publicKeyEncoding: { type: "spki", format: "pem" },
    });
    const [sessionToken, resourceToken] = [principalToken("user"), principalToken("resource")];
    writeHomeFile("resource_token", resourceToken);
    // What `oci session authenticate --profile-name overlay` writes.
    const profile = {
      fingerprint: "00:11:22:33:44:55:66:77:88:99:aa:bb:cc:dd:ee:ff",
      key_file: writeHomeFile("session_key.pem", privateKey),
      tenancy: TENANCY,
      region: OTHER_REGION,
      security_token_file: writeHomeFile("session_token", sessionToken),
    };
    const lines = Object.entries(profile).map(([name, value]) => `${name}=${value}`);
    writeHomeFile(".oci/config", `[overlay]\n${lines.join("\n")}\n`);
    secrets = [sessionToken, resourceToken, privateKey.split("\n")[2] ?? ""];
  });
  afterAll(() => stack.remove());

  /** Runs Pulumi on the reference environment; returns how it ended and the statuses with which the cloud answered. */
  const pulumi = async (args: readonly string[], variables: Record<string, string> = {}) => {
    const logLength = readFileSync(cloudLog(stack.lab), "utf8").length;
    const outcome = await stack.pulumi(args, stack.referenceConfig(), { variables });
    const answers = readFileSync(cloudLog(stack.lab), "utf8").slice(logLength);
    const statuses = [...answers.matchAll(/ (\d{3}) [0-9A-F]+$/gm)].map(([, status]) => status);
    return { outcome, statuses: [...new Set(statuses)] };
  };

  test("by an API key is the default", async () => {
    const { outcome, statuses } = await pulumi(["preview"]);
    expect(expectSuccess(outcome).counts).toEqual({ create: 23 });
    expect(statuses).toEqual(["200"]);
  });

  /** Where the official plugin looks for `.oci/config`; it does not heed OCI_CONFIG_FILE, which the lab sets. */
  const sessionVariables = () => ({ TF_HOME_OVERRIDE: home });

  /** What Oracle sets in a function, for example. */
  const resourceVariables = () => ({
    OCI_RESOURCE_PRINCIPAL_VERSION: "2.2",
    OCI_RESOURCE_PRINCIPAL_RPST: join(home, "resource_token"),
    OCI_RESOURCE_PRINCIPAL_PRIVATE_PEM: join(home, "session_key.pem"),
    OCI_RESOURCE_PRINCIPAL_REGION: OTHER_REGION,
  });

  // The lab would refuse these stacks. It does not read Pulumi's arguments, so the config is given there. An instance
  // principal is left out: the official plugin looks for a metadata service for two minutes, and asks the cloud nothing.
  test.each([
    {
      principal: "a session token",
      by: "the stack's config",
      settings: ["oci:auth=SecurityToken", "oci:configFileProfile=overlay"],
      variables: sessionVariables,
    },
    {
      principal: "a session token",
      by: "the environment",
      settings: [],
      variables: () => ({
        ...sessionVariables(),
        TF_VAR_auth: "SecurityToken",
        OCI_CONFIG_FILE_PROFILE: "overlay",
      }),
    },
    {
      principal: "a resource principal",
      by: "the stack's config",
      settings: ["oci:auth=ResourcePrincipal"],
      variables: resourceVariables,
    },
    {
      principal: "a resource principal",
      by: "the environment",
      settings: [],
      variables: () => ({ ...resourceVariables(), OCI_AUTH: "ResourcePrincipal" }),
    },
  ])(
    "by $principal that $by names is refused by the lab's cloud",
    async ({ principal, settings, variables }) => {
      const args = settings.flatMap((setting) => ["--config", setting]);
      const { outcome, statuses } = await pulumi([...UP, ...args], variables());
      const text = expectFailure(outcome);
      expect(text).toContain("401-NotAuthenticated, The required information to complete authentication");
      expect(text).toContain(`${principal} signs the request, and the lab's cloud takes API keys only`);
      expect(statuses).toEqual(["401"]);

      const state = await stack.exportState("--show-secrets");
      const types = state.deployment.resources.map(({ type }: { type: string }) => type);
      expect(types).toContain("oci-vxlan:index:HostNetwork");
      expect(types.filter((type: string) => type.startsWith("oci:"))).toEqual([]);
      expect(textsWithSecrets([text, JSON.stringify(state)], secrets)).toEqual([]);
    },
  );

  describe("by other means than an API key", () => {
    /** Runs `npm run lab -- preview` with these lines in the config of stack lab. */
    const lab = (settings: string, env: Record<string, string> = {}) => {
      const file = "stacks/Pulumi.lab.yaml";
      const committedConfig = readFileSync(join(ROOT, file), "utf8");
      const changed = writeHomeFile(
        "Pulumi.lab.yaml",
        committedConfig.replace("config:\n", `config:\n${settings}`),
      );
      const script = `mount --bind "$1" ${file}; exec node lab/setup/lab.mjs preview`;
      return execa("unshare", ["--mount", "sh", "-ec", script, "sh", changed], {
        cwd: ROOT,
        reject: false,
        env: { LAB_NAME: stack.lab.name, ...env },
        stdin: "ignore",
      });
    };

    test.each([
      ["SecurityToken", "it issues no session tokens"],
      ["InstancePrincipal", "its instances get no certificates from a metadata service"],
      ["ResourcePrincipal", "it has no functions or other resources that act as a principal"],
    ])("npm run lab refuses a stack whose config says %s, and runs no Pulumi", async (auth, reason) => {
      const { exitCode, stdout, stderr } = await lab(`  oci:auth: ${auth}\n`);
      expect([exitCode, stdout]).toEqual([1, ""]);
      expect(stderr).toContain(
        `lab: oci:auth is ${auth}, and the lab's cloud takes API keys only: ${reason}. ` +
          "Leave oci:auth out in the lab, or set it to ApiKey.",
      );
    });

    test("npm run lab refuses it in the environment too, and takes an API key by name", async () => {
      const refusedRun = await lab("", { TF_VAR_auth: "SecurityToken" });
      expect(refusedRun.exitCode).toBe(1);
      expect(refusedRun.stderr).toContain("lab: TF_VAR_auth is SecurityToken, and the lab's cloud");
      const { exitCode, stdout, stderr } = await lab("  oci:auth: ApiKey\n");
      expect(exitCode, stderr).toBe(0);
      expect(stdout).toContain("to create");
    });
  });
});
