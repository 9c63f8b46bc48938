import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { removeLab } from "../../cli/teardown.ts";
import { namespacesOf } from "../../network/network.ts";
import { until } from "../../system/commands.ts";
import { openLab, ROOT } from "../../system/lab.ts";
import { processesByEnvironment, readPidFile } from "../../system/processes.ts";
import { ALL_PASS } from "../support/outcome.ts";

const NAME = "test-cli";

/** The folder for temporary files, of which the lab must leave none. */
const TEMPORARY = mkdtempSync(join(tmpdir(), "test-cli-"));

/** The engine's summary of a run without changes. */
const ONLY_UNCHANGED = /Resources:\n +\d+ unchanged\n(?! )/;

/** Runs `npm run lab` on the stack of existing hosts. */
const lab = (...args: string[]) =>
  execa("node", ["lab/setup/lab.mjs", "--stack", "lab-existing", ...args], {
    cwd: ROOT,
    reject: false,
    env: { LAB_NAME: NAME, TMPDIR: TEMPORARY },
    stdin: "ignore",
  });

/** The folders that systemd-nspawn has left on this machine for the lab's hosts. */
function nspawnFolders(): string[] {
  const folder = "/run/systemd/nspawn/propagate";
  const prefix = openLab(NAME).namespace("h-");
  return existsSync(folder) ? readdirSync(folder).filter((name) => name.startsWith(prefix)) : [];
}

describe("npm run lab -- --stack lab-existing", () => {
  const committedConfig = readFileSync(`${ROOT}/stacks/Pulumi.lab-existing.yaml`, "utf8");
  beforeAll(() => removeLab(openLab(NAME)));
  afterAll(async () => {
    rmSync(TEMPORARY, { recursive: true });
    await removeLab(openLab(NAME));
  });

  test("help fits one screen and needs no root", async () => {
    const { stdout, exitCode } = await execa("node", ["lab/setup/lab.mjs", "help"], {
      cwd: ROOT,
      reject: false,
    });
    expect(exitCode).toBe(0);
    expect(stdout.split("\n").length).toBeLessThan(40);
    for (const verb of [
      "up",
      "preview",
      "refresh",
      "destroy",
      "pulumi",
      "ssh",
      "reboot",
      "logs",
      "ps",
      "down",
      "fault",
    ]) {
      expect(stdout).toMatch(new RegExp(`^ {2}${verb} `, "m"));
    }
  });

  test("without root it prints one line and changes nothing", async () => {
    const { stderr, exitCode } = await execa("unshare", ["--user", "node", "lab/setup/lab.mjs"], {
      cwd: ROOT,
      reject: false,
    });
    expect(exitCode).toBe(1);
    expect(stderr).toBe(
      "lab: the lab needs root (it makes network namespaces and boots hosts): run sudo npm run lab.",
    );
  });

  test("an unknown verb is refused with the help", async () => {
    const { stderr, exitCode } = await lab("fly");
    expect(exitCode).toBe(2);
    expect(stderr).toContain('there is no "fly"');
  });

  test("an invalid LAB_NAME is refused in one line", async () => {
    const { stderr, exitCode } = await execa("node", ["lab/setup/lab.mjs", "ps"], {
      cwd: ROOT,
      reject: false,
      env: { LAB_NAME: "../main" },
    });
    expect(exitCode).toBe(2);
    expect(stderr).toMatch(/^lab: "\.\.\/main" is not a valid lab name: .*$/);
  });

  test("a host that does not run, and an unknown host, are refused", async () => {
    expect((await lab("ssh", "host01")).stderr).toBe("lab: host01 does not run: start it with npm run lab.");
    expect((await lab("reboot", "host09")).stderr).toBe("lab: name a host: host01, host02.");
  });

  test("up ends with the status of the stack and the durations of its steps", async () => {
    const { stdout, stderr, exitCode } = await lab();
    expect(exitCode, stderr).toBe(0);
    expect(stderr).toMatch(/^lab: Pulumi 3\.\d+\.\d+ .*command 1\.2\.1/m);
    expect(stdout).toMatch(
      /^host01 +in sync .* 10\.196\.218\.222 +192\.168\.0\.1 +([0-9a-f]{2}:){5}[0-9a-f]{2} +8950 /m,
    );
    expect(stdout).toMatch(ALL_PASS);
    expect(stdout).toMatch(/^engine .*hosts .*pulumi up .*status .* in all$/m);
  });

  test("status and diagram are those of the product", async () => {
    const status = await lab("status");
    expect([status.exitCode, status.stderr]).toEqual([0, ""]);
    expect(status.stdout).toMatch(ALL_PASS);
    const diagram = await lab("diagram", "--format", "mermaid");
    expect([diagram.exitCode, diagram.stderr]).toEqual([0, ""]);
    expect(diagram.stdout).toContain('title: "Stack lab-existing');
    expect(diagram.stdout).toContain("10.196.218.222");
    const statusDiagram = await lab("diagram", "--status", "--format", "mermaid");
    expect([statusDiagram.exitCode, statusDiagram.stderr]).toEqual([0, ""]);
    expect(statusDiagram.stdout).toContain("well, 2 of 2 paths pass");
    expect(statusDiagram.stdout).toMatch(/\d ms/);
  });

  test("a second up changes neither a resource nor the committed config", async () => {
    const { stdout, exitCode } = await lab("up");
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(ONLY_UNCHANGED);
    expect(readFileSync(`${ROOT}/stacks/Pulumi.lab-existing.yaml`, "utf8")).toBe(committedConfig);
  });

  test("ssh logs in as opc, and returns output and exit code", async () => {
    const ping = await lab("ssh", "host01", "ping", "-c1", "-W2", "192.168.0.2");
    expect(ping.exitCode).toBe(0);
    expect(ping.stdout).toContain("1 received");
    expect((await lab("ssh", "host01", "id -un; exit 7")).exitCode).toBe(7);
  });

  test("pulumi runs any Pulumi command on the lab's stack", async () => {
    const { stdout, exitCode } = await lab("pulumi", "stack", "output", "mtu");
    expect([exitCode, stdout]).toEqual([0, "8950"]);
  });

  test("preview and refresh find nothing to do", async () => {
    expect((await lab("preview")).stdout).toMatch(ONLY_UNCHANGED);
    expect((await lab("refresh")).exitCode).toBe(0);
  });

  test("ps lists the hosts, and logs shows a host's journal", async () => {
    expect((await lab("ps")).stdout).toMatch(
      /^host01 +10\.196\.218\.222 +running +\d{4}-\d\d-\d\d \d\d:\d\d +\d+ MB$/m,
    );
    expect((await lab("logs", "host01")).stdout).toContain("VXLAN overlay lab-existing.overlay");
  });

  test("reboot returns when the host answers, and traffic passes again", async () => {
    expect((await lab("reboot", "host02")).exitCode).toBe(0);
    const { stdout } = await lab("ssh", "host02", "ping -n -c1 -w5 192.168.0.1");
    expect(stdout).toContain(" 1 received");
  });

  test("after an up that was killed or interrupted, the next up completes it", async () => {
    const home = `${openLab(NAME).directory}/pulumi`;
    await lab("destroy");
    for (const signal of ["SIGKILL", "SIGINT"] as const) {
      const labRun = execa("node", ["lab/setup/lab.mjs", "--stack", "lab-existing"], {
        cwd: ROOT,
        reject: false,
        env: { LAB_NAME: NAME, TMPDIR: TEMPORARY },
        stdin: "ignore",
      });
      let output = "";
      labRun.stdout.on("data", (text: Buffer) => (output += text.toString()));
      await until("the first device", 30_000, () => output.includes("-device creating"));
      if (signal === "SIGINT") labRun.kill(signal);
      else await execa("pkill", ["-KILL", "--full", `${home}/versions/.*/bin/pulumi `], { reject: false });
      await labRun;
    }
    const { exitCode, stdout, stderr } = await lab();
    expect(exitCode, stdout + stderr).toBe(0);
    expect(stdout).toMatch(ALL_PASS);
    expect(processesByEnvironment("PULUMI_HOME", home)).toEqual([]);
  });

  test("a second command at the same time is refused", async () => {
    const first = lab("preview");
    const pidFile = `${openLab(NAME).directory}/command.pid`;
    await until("the lock of the first one", 10_000, () => readPidFile(pidFile) !== undefined, 5);
    const secondUp = await lab("up");
    expect(secondUp.exitCode).toBe(1);
    expect(secondUp.stderr).toMatch(/another lab command is at work \(process \d+\)/);
    expect((await first).exitCode).toBe(0);
  });

  test("destroy leaves the hosts; down leaves nothing but the caches", async () => {
    expect((await lab("destroy")).exitCode).toBe(0);
    expect((await lab("ssh", "host01", "ip -o link show type vxlan")).stdout).toBe("");
    expect((await lab("down")).exitCode).toBe(0);
    expect(existsSync(`${ROOT}/.lab/labs/${NAME}`)).toBe(false);
    const reopenedLab = openLab(NAME);
    expect(namespacesOf(reopenedLab)).toEqual([]);
    expect((await execa("pgrep", ["-f", reopenedLab.directory], { reject: false })).stdout).toBe("");
    expect((await lab("ps")).stdout).toBe("nothing runs");
    expect(readdirSync(TEMPORARY)).toEqual([]);
    expect(nspawnFolders()).toEqual([]);
  });
});

/** `down` removes everything in whatever state the lab is, and prints why it did not run `pulumi destroy`. */
