import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { until } from "../../lab/commands.ts";
import { removeLab } from "../../lab/hosts/hosts.ts";
import { openLab, ROOT } from "../../lab/lab.ts";
import { namespacesOf } from "../../lab/network/network.ts";
import { processesWith } from "../../lab/processes.ts";

const NAME = "test-cli";

/** Where the lab would leave temporary files. */
const TEMPORARY = mkdtempSync(join(tmpdir(), "test-cli-"));

/** The engine's count when it had nothing to do. */
const ONLY_UNCHANGED = /Resources:\n +\d+ unchanged\n(?! )/;

/** `npm run lab` on the stack of hosts that existed before, as a person types it. */
const lab = (...args: string[]) =>
  execa("node", ["lab/lab.mjs", "--stack", "lab-existing", ...args], {
    cwd: ROOT,
    reject: false,
    env: { LAB_NAME: NAME, TMPDIR: TEMPORARY },
    stdin: "ignore",
  });

/** What systemd-nspawn keeps of this lab's hosts on the machine. */
function keptByNspawn(): string[] {
  const folder = "/run/systemd/nspawn/propagate";
  const prefix = openLab(NAME).namespace("h-");
  return existsSync(folder) ? readdirSync(folder).filter((name) => name.startsWith(prefix)) : [];
}

describe("npm run lab -- --stack lab-existing", () => {
  const committed = readFileSync(`${ROOT}/stacks/Pulumi.lab-existing.yaml`, "utf8");
  beforeAll(() => removeLab(openLab(NAME)));
  afterAll(async () => {
    rmSync(TEMPORARY, { recursive: true });
    await removeLab(openLab(NAME));
  });

  test("help fits one screen and needs nothing", async () => {
    const { stdout, exitCode } = await execa("node", ["lab/lab.mjs", "help"], { cwd: ROOT, reject: false });
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

  test("without root it says so in one line, before anything is changed", async () => {
    const { stderr, exitCode } = await execa("unshare", ["--user", "node", "lab/lab.mjs"], {
      cwd: ROOT,
      reject: false,
    });
    expect(exitCode).toBe(1);
    expect(stderr).toBe(
      "lab: the lab needs root (it makes network namespaces and boots hosts): run sudo npm run lab.",
    );
  });

  test("a verb that it has not", async () => {
    const { stderr, exitCode } = await lab("fly");
    expect(exitCode).toBe(2);
    expect(stderr).toContain('there is no "fly"');
  });

  test("a name that no lab can have is refused in one line", async () => {
    const { stderr, exitCode } = await execa("node", ["lab/lab.mjs", "ps"], {
      cwd: ROOT,
      reject: false,
      env: { LAB_NAME: "../main" },
    });
    expect(exitCode).toBe(2);
    expect(stderr).toMatch(/^lab: "\.\.\/main" is no name for a lab: .*$/);
  });

  test("a host that does not run, and one that there is none of", async () => {
    expect((await lab("ssh", "host01")).stderr).toBe("lab: host01 does not run: start it with npm run lab.");
    expect((await lab("reboot", "host09")).stderr).toBe("lab: name a host: host01, host02.");
  });

  test("up ends with the proof of each direction and the times of its phases", async () => {
    const { stdout, stderr, exitCode } = await lab();
    expect(exitCode, stderr).toBe(0);
    expect(stderr).toMatch(/^lab: Pulumi 3\.\d+\.\d+ .*command 1\.2\.1/m);
    expect(stdout).toMatch(
      /^host01 +10\.196\.218\.222 +192\.168\.0\.1 \(vxlan0, MTU 8950\) +([0-9a-f]{2}:){5}[0-9a-f]{2}$/m,
    );
    expect(stdout).toMatch(
      /^host01 -> host02 +passes +ICMP 8922 bytes unfragmented, TCP 1024 KiB in \d+ ms, checksums equal$/m,
    );
    expect(stdout).toMatch(/^host02 -> host01 +passes/m);
    expect(stdout).toMatch(/^engine .*hosts .*pulumi up .*proof .* in all$/m);
  });

  test("up again changes nothing, and the committed config is as it was", async () => {
    const { stdout, exitCode } = await lab("up");
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(ONLY_UNCHANGED);
    expect(readFileSync(`${ROOT}/stacks/Pulumi.lab-existing.yaml`, "utf8")).toBe(committed);
  });

  test("ssh logs in as opc, and passes output and exit code on", async () => {
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

  test("ps and logs show what runs", async () => {
    expect((await lab("ps")).stdout).toMatch(
      /^host01 +10\.196\.218\.222 +running +\d{4}-\d\d-\d\d \d\d:\d\d +\d+ MB$/m,
    );
    expect((await lab("logs", "host01")).stdout).toContain("VXLAN overlay lab-existing.overlay");
  });

  test("reboot returns when the host answers, and the overlay passes again", async () => {
    expect((await lab("reboot", "host02")).exitCode).toBe(0);
    const { stdout } = await lab("ssh", "host02", "ping -n -c1 -w5 192.168.0.1");
    expect(stdout).toContain(" 1 received");
  });

  test("killed or interrupted in the middle of up, the next run goes on", async () => {
    const home = `${openLab(NAME).directory}/pulumi`;
    await lab("destroy");
    for (const signal of ["SIGKILL", "SIGINT"] as const) {
      const running = execa("node", ["lab/lab.mjs", "--stack", "lab-existing"], {
        cwd: ROOT,
        reject: false,
        env: { LAB_NAME: NAME, TMPDIR: TEMPORARY },
        stdin: "ignore",
      });
      let seen = "";
      running.stdout.on("data", (text: Buffer) => (seen += text.toString()));
      await until("the first device", 30_000, () => seen.includes("-device creating"));
      if (signal === "SIGINT") running.kill(signal);
      else await execa("pkill", ["-KILL", "--full", `${home}/versions/.*/bin/pulumi `], { reject: false });
      await running;
    }
    const { exitCode, stdout, stderr } = await lab();
    expect(exitCode, stdout + stderr).toBe(0);
    expect(stdout).toMatch(/^host01 -> host02 +passes/m);
    expect(processesWith("PULUMI_HOME", home)).toEqual([]);
  });

  test("two at once: the second says so and does nothing", async () => {
    const first = lab("preview");
    const lock = `${openLab(NAME).cache}/${NAME}.lock`;
    await until("the first one's lock", 10_000, () => existsSync(lock), 5);
    const second = await lab("up");
    expect(second.exitCode).toBe(1);
    expect(second.stderr).toMatch(/another lab command is at work \(process \d+\)/);
    expect((await first).exitCode).toBe(0);
  });

  test("destroy leaves the hosts; down leaves nothing but the caches", async () => {
    expect((await lab("destroy")).exitCode).toBe(0);
    expect((await lab("ssh", "host01", "ip -o link show type vxlan")).stdout).toBe("");
    expect((await lab("down")).exitCode).toBe(0);
    expect(existsSync(`${ROOT}/.lab/labs/${NAME}`)).toBe(false);
    const reopened = openLab(NAME);
    expect(namespacesOf(reopened)).toEqual([]);
    expect((await execa("pgrep", ["-f", reopened.directory], { reject: false })).stdout).toBe("");
    expect((await lab("ps")).stdout).toBe("nothing runs");
    expect(readdirSync(TEMPORARY)).toEqual([]);
    expect(keptByNspawn()).toEqual([]);
  });
});
