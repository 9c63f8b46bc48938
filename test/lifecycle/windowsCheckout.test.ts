import { readdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { keysFolder } from "../../lab/hosts/keys.ts";
import type { Mount } from "../../lab/pulumi/operator.ts";
import { ROOT, STACK_KEYS_FOLDER } from "../../lab/system/lab.ts";
import { copyWithWindowsLineEnds } from "../windowsCheckout.ts";
import { expectSuccess } from "./support/outcome.ts";
import { DESTROY, TestStack, UP } from "./support/testStack.ts";

/** A team whose members share one stack: some have a checkout with line ends of Windows, some with those of Unix. */
describe("a checkout with line ends of Windows", () => {
  let stack: TestStack;
  let mounts: Mount[];
  beforeAll(async () => {
    stack = await TestStack.bootCloud("test-windows-checkout");
    mounts = windowsCheckout();
  });
  afterAll(() => stack.remove());

  /** Mounts a copy over each file that the program reads, the login key among them. */
  function windowsCheckout(): Mount[] {
    const copies = join(stack.lab.directory, "windows");
    const program = readdirSync(join(ROOT, "stacks"))
      .filter((name) => name.endsWith(".ts"))
      .map((name) => `stacks/${name}`);
    const copiedFiles = ["components", "Pulumi.yaml", ...program].map((path) => ({
      source: join(copies, path),
      target: join(ROOT, path),
    }));
    for (const { source, target } of copiedFiles) copyWithWindowsLineEnds(target, source);
    const keys = { source: join(copies, "keys"), target: STACK_KEYS_FOLDER };
    copyWithWindowsLineEnds(keysFolder(stack.lab), keys.source);
    return [...copiedFiles, keys];
  }

  test("up from it creates the reference environment, and all traffic passes", async () => {
    const { counts } = expectSuccess(await stack.pulumi(UP, stack.referenceConfig(), { mounts }));
    expect(counts).toEqual({ created: 23 });
    expect(await stack.failingPairs()).toEqual([]);
    expect(await stack.on("host01", "grep -rlI \"$(printf '\\r')\" /etc/oci-vxlan /usr/local || true")).toBe(
      "",
    );
  });

  test("up from either checkout changes nothing then", async () => {
    expect((await stack.pulumi(UP, stack.referenceConfig(), { mounts })).counts).toEqual({ unchanged: 23 });
    expect((await stack.up(stack.referenceConfig())).counts).toEqual({ unchanged: 23 });
  });

  test("destroy from it leaves nothing", async () => {
    expectSuccess(await stack.pulumi(DESTROY, stack.referenceConfig(), { mounts }));
    expect(stack.instances().filter(({ state }) => state !== "TERMINATED")).toEqual([]);
  });
});
