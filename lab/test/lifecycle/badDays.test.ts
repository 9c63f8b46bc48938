import { delimiter } from "node:path";
import { execa } from "execa";
import { describe, expect, test } from "vitest";
import { openLab, ROOT } from "../../system/lab.ts";
import { namespacesOf } from "../../network/network.ts";

/**
 * `npm run lab` on a machine that lacks something: one line that says what, and what to do, before anything is
 * changed. What is lacking is taken away in namespaces of the test's own.
 */

/** Runs `npm run lab` after a piece of shell, both in a mount namespace of their own. */
function lab(prelude: string, args: readonly string[] = [], env: Record<string, string> = {}) {
  const script = `set -e; ${prelude}; exec "$@"`;
  const argv = ["sh", "-c", script, "sh", "node", "lab/setup/lab.mjs", ...args];
  return execa("unshare", ["--mount", "--net", ...argv], {
    cwd: ROOT,
    reject: false,
    env: { PATH: machinePath().join(delimiter), ...env },
    stdin: "ignore",
  });
}

/** Of the lab that was asked for: others come and go beside it. */
const namespaces = () => namespacesOf(openLab("lab"));

/** The machine's own PATH, without what npm put before it. */
const machinePath = () =>
  (process.env["PATH"] ?? "").split(delimiter).filter((folder) => !folder.includes("node_modules"));

/** Shell that puts a `go` that cannot run before whatever Go the machine has. */
const WITHOUT_GO =
  "mkdir .lab/bin; printf '#!/bin/sh\\nexit 127\\n' > .lab/bin/go; chmod +x .lab/bin/go; PATH=$PWD/.lab/bin:$PATH";

describe("on a bad day", () => {
  test("a full disk", async () => {
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

  test("no internet, and no Go to build the engine with", async () => {
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

  test("--no-install: it names the command and stops", async () => {
    const { exitCode, stdout } = await lab("mount -t tmpfs tmpfs node_modules", ["--no-install"]);
    expect([exitCode, stdout]).toEqual([1, "lab: missing; install it with\n  npm ci --no-audit --no-fund"]);
  });

  test("packages that cannot be installed", async () => {
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
