import { generateKeyPairSync } from "node:crypto";
import { afterEach, describe, expect, test, vi } from "vitest";
import { checkSignature } from "../../cloud/api/signature.ts";
import { refusalOfAuth } from "../../cloud/authentication.ts";
import type { Engine } from "../../pulumi/engine/engine.ts";
import { LabStack } from "../../pulumi/stack.ts";
import type { Lab } from "../../system/lab.ts";

describe("a stack that authenticates by other means than an API key", () => {
  test.each([
    ["SecurityToken", "it issues no session tokens"],
    ["InstancePrincipal", "its instances get no certificates from a metadata service"],
    ["ResourcePrincipal", "it has no functions or other resources that act as a principal"],
    ["OKEWorkloadIdentity", "it has no Kubernetes clusters"],
    ["WorkloadIdentityFederation", "it has no identity domains that exchange tokens"],
    ["Password", "it has no other way of authentication"],
  ])("is refused with what the lab lacks for %s", (auth, reason) => {
    expect(refusalOfAuth(auth, "oci:auth")).toBe(
      `oci:auth is ${auth}, and the lab's cloud takes API keys only: ${reason}. ` +
        "Leave oci:auth out in the lab, or set it to ApiKey.",
    );
  });

  test("is recognized in any case, as by the plugin", () => {
    expect(refusalOfAuth("securitytoken", "oci:auth")).toMatch(/^oci:auth is SecurityToken, /);
    expect(refusalOfAuth("APIKEY", "oci:auth")).toBeUndefined();
    expect(refusalOfAuth(undefined, "oci:auth")).toBeUndefined();
  });

  describe("in the lab", () => {
    // Neither is used before the refusal: a use would throw.
    const stack = (auth: string) =>
      new LabStack(undefined as unknown as Lab, undefined as unknown as Engine, "lab", `config: ${auth}\n`);
    afterEach(() => void vi.unstubAllEnvs());

    test("is refused by its config before Pulumi runs", async () => {
      await expect(stack('{ "oci:auth": InstancePrincipal }').prepare()).rejects.toThrow(
        /^oci:auth is InstancePrincipal, and the lab's cloud takes API keys only/,
      );
    });

    test.each(["TF_VAR_auth", "OCI_AUTH"])(
      "is refused by %s, where the official plugin looks too",
      async (name) => {
        vi.stubEnv(name, "ResourcePrincipal");
        await expect(stack("{}").prepare()).rejects.toThrow(
          `${name} is ResourcePrincipal, and the lab's cloud takes API keys only`,
        );
      },
    );
  });
});

describe("the cloud's API", () => {
  const { publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  /** The key id of a request that a token signs. */
  const token = (claims: object) =>
    `ST$e30.${Buffer.from(JSON.stringify(claims)).toString("base64url")}.c2lnbmF0dXJl`;

  test.each([
    [token({ ptype: "user", sub: "ocid1.user.oc1..a" }), "a session token signs the request"],
    [token({ ptype: "instance" }), "an instance principal signs the request"],
    [token({ ptype: "resource" }), "a resource principal signs the request"],
    [token({}), "a token signs the request"],
    ["ST$not-a-token", "a token signs the request"],
    ["tenancy/user/fingerprint", "the key is not known"],
  ])("refuses the key id %s and says why", (keyId, reason) => {
    const authorization = `Signature version="1",keyId="${keyId}",algorithm="rsa-sha256",headers="date",signature="c2ln"`;
    const request = { method: "GET", url: "/", headers: { authorization }, body: Buffer.from("") };
    const check = () => checkSignature(request, { keyId: "known", key: publicKey });
    expect(check).toThrow(`was not provided or was incorrect: ${reason}`);
    expect(check).toThrow(expect.objectContaining({ status: 401, code: "NotAuthenticated" }));
  });
});
