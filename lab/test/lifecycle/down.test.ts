import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeEach, describe, expect, test } from "vitest";
import { REFERENCE_HOSTS } from "../../cli/existingHosts.ts";
import { removeLab } from "../../cli/teardown.ts";
import { runningCloud, startCloud } from "../../cloud/daemonControl.ts";
import { startHosts } from "../../hosts/boot.ts";
import { processesInCgroups } from "../../hosts/cgroups.ts";
import { nsenterArgs, runInHost } from "../../hosts/exec.ts";
import { killHost } from "../../hosts/power.ts";
import { isRunning } from "../../hosts/supervisor.ts";
import { inNetwork, namespacesOf } from "../../network/network.ts";
import { until } from "../../system/commands.ts";
import { openLab, ROOT } from "../../system/lab.ts";
import type { Lab } from "../../system/lab.ts";
import {
  killProcesses,
  processesByEnvironment,
  readPidFile,
  signalProcesses,
} from "../../system/processes.ts";
import { silentProgress } from "../../system/progress.ts";

describe("npm run lab -- down", () => {
  const DOWN = "test-down";
  const options = { cwd: ROOT, reject: false, env: { LAB_NAME: DOWN }, stdin: "ignore" } as const;
  const existing = (...args: string[]) =>
    execa("node", ["lab/setup/lab.mjs", "--stack", "lab-existing", ...args], options);
  const labOnProvisioned = (...args: string[]) => execa("node", ["lab/setup/lab.mjs", ...args], options);
  let target: Lab;
  beforeEach(async () => {
    await removeLab(openLab(DOWN));
    target = openLab(DOWN);
  });
  afterAll(() => removeLab(openLab(DOWN)));

  /** Writes a state with one resource, for tests in which Pulumi does not read it. */
  const writeState = (stack: string) => {
    const folder = join(target.directory, "state/.pulumi/stacks/oci-vxlan");
    mkdirSync(folder, { recursive: true });
    const resources = [{ type: "command:remote:Command" }];
    writeFileSync(
      join(folder, `${stack}.json`),
      JSON.stringify({ version: 3, checkpoint: { latest: { resources } } }),
    );
  };
  const bootHosts = async () => {
    await startHosts(target, REFERENCE_HOSTS, silentProgress);
    writeState("lab-existing");
  };
  const upOverlay = async () => {
    const { exitCode, stdout, stderr } = await existing("up");
    expect(exitCode, stdout + stderr).toBe(0);
  };

  /** The lab's namespaces, control groups, processes, mounts and files on this machine. */
  const remainingParts = async () => {
    const groups = ["find", "/sys/fs/cgroup", "-maxdepth", "2", "-name", `${target.namespace("h-")}*`];
    const hosts = `${target.directory}/`;
    return {
      namespaces: namespacesOf(target),
      groups: (await execa(groups[0] as string, groups.slice(1))).stdout,
      processes: (await execa("pgrep", ["-f", hosts], { reject: false })).stdout,
      pulumi: processesByEnvironment("PULUMI_HOME", join(target.directory, "pulumi")),
      mounts: readFileSync("/proc/mounts", "utf8").includes(hosts),
      files: existsSync(target.directory),
    };
  };
  const NOTHING = { namespaces: [], groups: "", processes: "", pulumi: [], mounts: false, files: false };

  /** Expects `down` to succeed within 90 seconds and to leave nothing. Returns its standard error. */
  const expectRemoval = async (labRun: ReturnType<typeof existing>): Promise<string> => {
    const { exitCode, stderr, stdout, durationMs } = await labRun;
    expect(exitCode, stdout + stderr).toBe(0);
    expect(durationMs).toBeLessThan(90_000);
    expect(await remainingParts()).toEqual(NOTHING);
    return stderr;
  };
  const REASON = /^lab: not undone in an orderly way: (.*)\.$/m;

  /** The process id, on this machine, of a host's init. */
  const initOf = (host: string) => Number(nsenterArgs(target, host)[1]);

  test("names both hosts if an overlay route takes their answers to the operator", async () => {
    await upOverlay();
    for (const host of ["host01", "host02"])
      await runInHost(target, host, ["ip", "route", "add", "198.51.100.0/24", "dev", "vxlan0"]);
    expect(REASON.exec(await expectRemoval(existing("down")))?.[1]).toBe(
      "host01 does not answer SSH, host02 does not answer SSH",
    );
  });

  test("names a host that the router drops SSH to", async () => {
    await bootHosts();
    await inNetwork(
      target.namespace("router"),
      "nft 'add table ip cut; add chain ip cut f { type filter hook forward priority -300; }; " +
        "add rule ip cut f ip daddr 10.196.218.226 tcp dport 22 drop'",
    );
    expect(REASON.exec(await expectRemoval(existing("down")))?.[1]).toBe("host02 does not answer SSH");
  });

  test("names a host whose init hangs, although its sshd answers", async () => {
    await bootHosts();
    process.kill(initOf("host01"), "SIGSTOP");
    expect(REASON.exec(await expectRemoval(existing("down")))?.[1]).toBe("systemd on host01 does not answer");
  });

  test("names a host whose processes all hang, and another one that is off", async () => {
    await bootHosts();
    await killHost(target, "host02");
    const supervisor = Number(
      readFileSync(`${target.directory}/hosts/host01/supervisor.pid`, "utf8").split(" ")[0],
    );
    signalProcesses([supervisor, ...processesInCgroups(target.namespace("h-host01"))], "SIGSTOP");
    expect(REASON.exec(await expectRemoval(existing("down")))?.[1]).toBe(
      "host01 does not answer SSH, host02 does not run",
    );
  });

  test("removes the rest after the lab's files and a namespace were deleted by hand", async () => {
    await bootHosts();
    rmSync(join(target.directory), { recursive: true });
    await execa("ip", ["netns", "del", target.namespace("h-host01")]);
    expect(await expectRemoval(existing("down"))).not.toMatch(REASON);
  });

  test("works on a full disk, without an engine, and with a mount in the lab's folder", async () => {
    await bootHosts();
    await execa("mount", ["-t", "tmpfs", "-o", "size=64k", "small", join(target.directory, "keys")]);
    const small =
      'mount -t tmpfs -o size=64k full "$1" && head -c 1M /dev/zero >"$1/zeros" 2>/dev/null; shift; exec "$@"';
    const inner = [
      "sh",
      "-c",
      small,
      "sh",
      target.cache,
      "node",
      "lab/setup/lab.mjs",
      "--stack",
      "lab-existing",
      "down",
    ];
    const full = execa("unshare", ["--mount", "--propagation=private", ...inner], options);
    expect(REASON.exec(await expectRemoval(full))?.[1]).toMatch(/^the Pulumi engine is missing/);
  });

  test("works with a state that Pulumi cannot read", async () => {
    await upOverlay();
    writeFileSync(join(target.directory, "state/.pulumi/stacks/oci-vxlan/lab-existing.json"), "{ half");
    expect(REASON.exec(await expectRemoval(existing("down")))?.[1]).toMatch(/pulumi/);
  });

  test("runs destroy after a run that hangs and holds the stack's lock", async () => {
    const labRun = existing("up");
    let output = "";
    labRun.stdout.on("data", (text: Buffer) => (output += text.toString()));
    await until("the first device", 120_000, () => output.includes("-device creating"));
    signalProcesses(processesByEnvironment("PULUMI_HOME", join(target.directory, "pulumi")), "SIGSTOP");
    const command = readPidFile(join(target.directory, "command.pid"));
    if (command === undefined) throw new Error("the command has no lock");
    signalProcesses([command], "SIGKILL");
    expect(await expectRemoval(existing("down"))).not.toMatch(REASON);
    await labRun; // The hanging processes keep its output open until they end.
  });

  test("removes nothing more if it is interrupted during destroy; the next down removes all", async () => {
    await upOverlay();
    const labRun = existing("down");
    let output = "";
    labRun.stdout.on("data", (text: Buffer) => (output += text.toString()));
    await until("the first delete", 60_000, () => output.includes(" deleting "));
    labRun.kill("SIGINT");
    const { exitCode, stderr } = await labRun;
    expect([exitCode, stderr]).toEqual([130, expect.stringContaining("interrupted, so nothing was removed")]);
    expect(["host01", "host02"].filter((host) => isRunning(target, host))).toEqual(["host01", "host02"]);
    await expectRemoval(existing("down"));
  });

  test("removes instances whose cloud was killed", async () => {
    const { exitCode, stdout, stderr } = await labOnProvisioned("up");
    expect(exitCode, stdout + stderr).toBe(0);
    await killProcesses([runningCloud(target) ?? 0]);
    expect(isRunning(target, "host01")).toBe(true);
    expect(REASON.exec(await expectRemoval(labOnProvisioned("down")))?.[1]).toBe(
      "the cloud's API does not answer",
    );
  });

  test("removes a cloud that hangs, or whose pid file is gone", async () => {
    for (const damage of [
      (pid: number) => signalProcesses([pid], "SIGSTOP"),
      () => rmSync(join(target.directory, "cloud/daemon.pid")),
    ]) {
      target = openLab(DOWN);
      await startCloud(target, silentProgress);
      writeState("lab");
      damage(runningCloud(target) ?? 0);
      expect(REASON.exec(await expectRemoval(labOnProvisioned("down")))?.[1]).toBe(
        "the cloud's API does not answer",
      );
    }
  });

  test("names what it cannot remove, with exit code 1", async () => {
    await bootHosts();
    const file = join(target.directory, "kept");
    writeFileSync(file, "");
    await execa("chattr", ["+i", file]);
    const { exitCode, stderr } = await existing("down");
    await execa("chattr", ["-i", file]);
    expect([exitCode, stderr]).toEqual([1, expect.stringContaining(`Left: ${target.directory}`)]);
    expect({ ...(await remainingParts()), files: false }).toEqual(NOTHING);
    await expectRemoval(existing("down"));
  });
});
