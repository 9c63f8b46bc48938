import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { dialLimits, readyPhase, readyWarning } from "../../components/oci/ready.ts";

/** Runs the script of phase ready, with a fake of cloud-init. */
function runReady(cloudInit: string, bootTimeout = 20) {
  const folder = mkdtempSync(join(tmpdir(), "ready-"));
  try {
    writeFileSync(join(folder, "cloud-init"), `#!/bin/sh\n${cloudInit}\n`, { mode: 0o755 });
    const env = { PATH: `${folder}:${process.env["PATH"]}` };
    return spawnSync("sh", ["-s"], { input: readyPhase(bootTimeout, "i").stdin, env, encoding: "utf8" });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

describe("phase ready", () => {
  test("dials for bootTimeout where a host refuses", () => {
    for (const bootTimeout of [10, 60, 300, 3600]) {
      const { dialErrorLimit } = dialLimits(bootTimeout);
      const pauses = Array.from({ length: dialErrorLimit }, (_, n) => Math.min(0.1 * 1.5 ** n, 5));
      const seconds = pauses.reduce((sum, pause) => sum + pause, 0);
      expect(seconds).toBeGreaterThanOrEqual(bootTimeout - 5);
      expect(seconds).toBeLessThanOrEqual(bootTimeout + 10);
    }
  });
  test("has the instance's identity in its input", () => {
    expect(readyPhase(300, "ocid1.instance.a").stdin).not.toBe(readyPhase(300, "ocid1.instance.b").stdin);
    expect(readyPhase(300, "ocid1.instance.a").create).toBe("timeout -k 5 310 sh -s # waits for cloud-init");
  });
  test.each([
    { output: "status: done", code: 0, ends: 0 },
    { output: "status: done\nextended_status: degraded done", code: 2, ends: 0 },
    { output: "status: error\ndetail: the words of cloud-init", code: 1, ends: 1 },
  ])("ends with $ends where cloud-init ends with $code", ({ output, code, ends }) => {
    const result = runReady(`[ "$2" = --wait ] && exit ${code}; printf '%s\\n' '${output}'; exit ${code}`);
    expect(result.status).toBe(ends);
    if (ends !== 0) expect(result.stderr).toContain("the words of cloud-init");
  });
  test("passes where cloud-init had recoverable errors, with a warning in cloud-init's own words", () => {
    const output = "status: done\nextended_status: degraded done\nrecoverable_errors: schema";
    const { status, stderr } = runReady(`[ "$2" = --wait ] && exit 2; printf '%s\\n' '${output}'; exit 2`);
    expect(status).toBe(0);
    expect(readyWarning(`a login script\n${stderr}`)).toMatch(
      /^cloud-init finished with recoverable errors.*\nstatus: done\n.*\nrecoverable_errors: schema$/,
    );
  });
  test("warns without what a terminal would obey, and at a bounded length", () => {
    const errors = `cloud-init finished with recoverable errors\n\u001B[2J${"x".repeat(100_000)}`;
    expect(readyWarning(errors)).toMatch(/^cloud-init finished with recoverable errors\n�\[2Jx{100,5000}$/);
  });
  test("warns of nothing where cloud-init had no errors", () => {
    const { status, stderr } = runReady("echo 'status: done'");
    expect([status, readyWarning(stderr), readyWarning("a login script"), readyWarning(undefined)]).toEqual([
      0,
      undefined,
      undefined,
      undefined,
    ]);
  });
  test("gives up on a cloud-init that never ends", () => {
    const result = runReady(`[ "$2" = --wait ] && exec sleep 30; echo 'status: running'`, 1);
    expect(result.status).toBe(1);
    expect(result.stderr).toMatch(/not finished within 1 s; raise bootTimeout.*\n.*status: running/);
  });
});
