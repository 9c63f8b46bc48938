import { delimiter } from "node:path";
import { execa } from "execa";
import { describe, expect, test } from "vitest";
import { namespacesOf } from "../../network/network.ts";
import { openLab, ROOT } from "../../system/lab.ts";

/**
 * `npm run lab` on a machine that lacks something prints one line with the cause and the remedy, and changes nothing.
 * The tests hide a prerequisite in a mount namespace.
 */

/** Runs `npm run lab` after a shell script, both in a new mount namespace and a new network namespace. */
function lab(setUp: string, args: readonly string[] = [], env: Record<string, string> = {}) {
  const script = `set -e; ${setUp}; exec "$@"`;
  const argv = ["sh", "-c", script, "sh", "node", "lab/setup/lab.mjs", ...args];
  return execa("unshare", ["--mount", "--net", ...argv], {
    cwd: ROOT,
    reject: false,
    env: { PATH: machinePath().join(delimiter), ...env },
    stdin: "ignore",
  });
}

/** The network namespaces of the lab under test. Other labs may run at the same time. */
const namespaces = () => namespacesOf(openLab("lab"));

/** The machine's own PATH, without the folders that npm puts in front. */
const machinePath = () =>
  (process.env["PATH"] ?? "").split(delimiter).filter((folder) => !folder.includes("node_modules"));

/** A shell script that puts a failing `go` in front of the machine's own. */
const WITHOUT_GO =
  "mkdir .lab/bin; printf '#!/bin/sh\\nexit 127\\n' > .lab/bin/go; chmod +x .lab/bin/go; PATH=$PWD/.lab/bin:$PATH";

describe("npm run lab names the cause and the remedy", () => {
  test("on a full disk", async () => {
    const before = namespaces();
    const { exitCode, stderr } = await lab("mount -t tmpfs -o size=20m tmpfs .lab");
    expect([exitCode, stderr]).toEqual([
      1,
      expect.stringMatching(
        /^lab: a running lab needs about 200 MB and \d+ MB are free in \S+: free some space there, then run it again\.$/,
      ),
    ]);
    expect(namespaces()).toEqual(before);
  });

  test("without internet and without Go", async () => {
    const before = namespaces();
    const { exitCode, stderr } = await lab(`mount -t tmpfs tmpfs .lab; ${WITHOUT_GO}`);
    expect([exitCode, stderr]).toEqual([
      1,
      expect.stringMatching(
        /^lab: there is no open internet to download Pulumi from, and no Go to build it with: install Go .*, then run it again\.$/,
      ),
    ]);
    expect(namespaces()).toEqual(before);
  });

  test("with --no-install: it prints the command and stops", async () => {
    const { exitCode, stdout } = await lab("mount -t tmpfs tmpfs node_modules", ["--no-install"]);
    expect([exitCode, stdout]).toEqual([1, "lab: missing; install it with\n  npm ci --no-audit --no-fund"]);
  });

  test("if packages cannot be installed", async () => {
    const { exitCode, stderr } = await lab("mount -t tmpfs tmpfs node_modules", [], {
      npm_config_cache: "/nonexistent",
      npm_config_offline: "true",
    });
    expect(exitCode).toBe(1);
    expect(stderr).toContain(
      'lab: could not install npm packages. Run "npm ci --no-audit --no-fund" to see why. Its last lines:',
    );
  });
});
