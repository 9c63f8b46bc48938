import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { REFERENCE_HOSTS } from "../../lab/cli/existingHosts.ts";
import { run } from "../../lab/system/commands.ts";
import { ROOT } from "../../lab/system/lab.ts";
import { ObjectStorage } from "./support/objectStorage.ts";
import { expectFailure, expectSuccess, expectUnchanged } from "./support/outcome.ts";
import { secretsOf, textsWithSecrets } from "./support/secretLeaks.ts";
import { DESTROY, TestStack, UP } from "./support/testStack.ts";

/** What the documentation logs in with: the URL of the backend and the environment, with names for the placeholders. */
async function documentedLogin(): Promise<{ backend: string; checksums: string }> {
  const page = readFileSync(join(ROOT, "docs/oracle-cloud.md"), "utf8");
  const block = /```sh\n(export AWS_ACCESS_KEY_ID=[^]*?)```/.exec(page)?.[1] ?? "";
  const script = block
    .replace("BUCKET", "overlay-state")
    .replace("NAMESPACE", "labnamespace")
    .replace("npx pulumi login", "echo $AWS_REQUEST_CHECKSUM_CALCULATION");
  const [checksums = "", backend = ""] = (await run(["sh", "-ec", script])).split(" ");
  return { backend, checksums };
}

/** The state of a stack in Oracle's Object Storage, by its S3-compatible API. */
describe("a state in Object Storage", () => {
  let stack: TestStack;
  let storage: ObjectStorage;
  let backend: string;
  let checksums: string;

  beforeAll(async () => {
    stack = await TestStack.boot("test-state-backend", REFERENCE_HOSTS);
    ({ backend, checksums } = await documentedLogin());
    storage = await ObjectStorage.start(stack.lab, backend);
  });
  afterAll(async () => {
    (storage as ObjectStorage | undefined)?.stop(); // Undefined if beforeAll failed.
    await stack.remove();
  });

  /** Runs Pulumi with the backend that it has logged in to. */
  const pulumi = (args: readonly string[], variables: Readonly<Record<string, string>> = {}) =>
    stack.pulumi(args, stack.config(), {
      variables: {
        ...storage.variables,
        AWS_REQUEST_CHECKSUM_CALCULATION: checksums,
        PULUMI_BACKEND_URL: "",
        ...variables,
      },
      mounts: storage.mounts,
    });

  test("the documented login works", async () => {
    expect(expectSuccess(await pulumi(["login", backend])).text).toContain(`(${backend})`);
    expectSuccess(await pulumi(["stack", "init", "lab"]));
  });

  test("up keeps the state there, and the next up finds it", async () => {
    expectSuccess(await pulumi(UP));
    expect(await stack.failingPairs()).toEqual([]);
    expectUnchanged(await pulumi(UP));
    const { deployment } = JSON.parse(expectSuccess(await pulumi(["stack", "export"])).text);
    expect(deployment.resources.map(({ urn }: any) => urn)).toContainEqual(
      expect.stringMatching(/::overlay-host02-peers$/),
    );
  });

  test("destroy empties the state", async () => {
    expectSuccess(await pulumi(DESTROY));
    const { deployment } = JSON.parse(expectSuccess(await pulumi(["stack", "export"])).text);
    expect(deployment.resources ?? []).toEqual([]);
  });

  test("no secret was ever stored in plain text", () => {
    const uploads = storage.uploads();
    expect(uploads).toMatch(/^\/overlay-state\/\.pulumi\/stacks\/oci-vxlan\/lab\.json/m);
    expect(uploads).toContain("overlay-host02-peers");
    const secrets = secretsOf(stack.lab);
    // A key in JSON has no line ends, so its lines are found as in a file.
    expect(textsWithSecrets([uploads], secrets)).toEqual([]);
  });

  test("checksums as newer AWS SDKs send them are refused, as by Oracle", async () => {
    const variables = { AWS_REQUEST_CHECKSUM_CALCULATION: "when_supported" };
    const text = expectFailure(await pulumi(["stack", "init", "other"], variables));
    expect(text).toContain("NotImplemented: AWS chunked encoding not supported");
  });

  test("another key is refused by name", async () => {
    const text = expectFailure(await pulumi(["stack", "ls"], { AWS_ACCESS_KEY_ID: "another" }));
    expect(text).toContain("SignatureDoesNotMatch");
  });
});
