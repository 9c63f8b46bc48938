import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { until } from "../../lab/system/commands.ts";
import { exitCodeOf } from "../../status/exitCode.ts";
import { statusSchema } from "../../status/report.ts";
import { login, startServer, stopServers } from "../unit/sshServers.ts";
import { hostResources, macOf, overlayResource } from "../unit/stackResources.ts";
import { statusReport } from "../unit/statusReports.ts";

const ROOT = join(import.meta.dirname, "../..");

describe("the exit code", () => {
  test("is 0 where all is well, with warnings and hosts that are down on purpose too", () => {
    const report = statusReport(3, ({ hosts }) => {
      Object.assign(hosts[0] ?? {}, { warnings: ["host01: a warning"] });
      Object.assign(hosts[2] ?? {}, { state: "down" });
    });
    expect(exitCodeOf(report)).toBe(0);
  });

  test("is 1 where something is wrong, and 2 where no host could be asked", () => {
    const unreachableResult = (count: number) => ({
      ...statusReport(3, ({ hosts }) =>
        hosts.slice(0, count).forEach((host) => (host.state = "unreachable")),
      ),
      state: "wrong" as const,
    });
    expect([1, 2, 3].map((count) => exitCodeOf(unreachableResult(count)))).toEqual([1, 1, 2]);
  });
});

/** The command itself, with SSH servers as hosts, and a script as Pulumi that prints a made-up state. */
describe("npm run status", () => {
  let folder: string;
  /** The commands that all hosts together have run. */
  let commands: string[];
  beforeEach(() => {
    commands = [];
    folder = mkdtempSync(join(tmpdir(), "status-"));
  });
  afterEach(() => {
    stopServers();
    rmSync(folder, { recursive: true });
  });

  const pulumi = (script: string) =>
    writeFileSync(join(folder, "pulumi"), `#!/bin/sh\necho "$*" >>${folder}/calls\n${script}\n`, {
      mode: 0o755,
    });

  /** Pulumi prints this state; a secret value is marked as the engine marks it. */
  const pulumiPrints = (resources: unknown[]) => {
    writeFileSync(join(folder, "state"), JSON.stringify({ version: 3, deployment: { resources } }));
    pulumi(`cat ${folder}/state`);
  };
  const secret = (value: unknown) => ({
    "4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270",
    plaintext: JSON.stringify(value),
  });

  const run = (...args: string[]): Promise<{ exitCode: number; stdout: string; stderr: string }> =>
    new Promise((resolve) => {
      const env = { ...process.env, PATH: `${folder}${delimiter}${process.env["PATH"]}` };
      execFile(process.execPath, ["status/main.ts", ...args], { cwd: ROOT, env }, (error, stdout, stderr) =>
        resolve({ exitCode: error ? Number(error.code) : 0, stdout, stderr }),
      );
    });

  /** How a host says that it is in sync. */
  const statusLines = (number: number) =>
    `time 1764146820
booted 2025-11-26 06:53:20 UTC
version 2
release 0.1.0
unit active enabled
link up 8950 ${macOf(number)} 10.0.0.${number} 77 4789
address 192.168.0.${number}
address fd00::${number}
event 1764146000 ip link set dev vxlan0 up # it was down
end`.replace(/^/gm, "oci-vxlan status ");

  /** A host that is in sync, and whose peers answer, unless its answers are changed. */
  const startHost = async (number: number, change: (lines: string) => string = (lines) => lines) => {
    const name = `host0${number}`;
    const peer = 3 - number;
    const [device, peers] = hostResources(name, number);
    const status = statusLines(number);
    const probes = `oci-vxlan echoes host0${peer} 192.168.0.${peer} 5 5 0.250
oci-vxlan probe host0${peer} 192.168.0.${peer} all passes
oci-vxlan echoes host0${peer} fd00::${peer} 5 5 0.350
oci-vxlan probe host0${peer} fd00::${peer} all passes
oci-vxlan probed time=2026-11-26T09:00:00Z targets=2`;
    const server = await startServer({
      answer: (command) => {
        commands.push(command);
        return change(`${status}\n${probes}`);
      },
    });
    const withSecret = { ...device, inputs: { ...device?.inputs, connection: secret(server.login) } };
    return [withSecret, peers];
  };

  test("prints the report of the stack and ends with 0, and shows no key", async () => {
    pulumiPrints([overlayResource(), ...(await startHost(1)), ...(await startHost(2))]);
    const { exitCode, stdout, stderr } = await run("--stack", "prod");
    expect([exitCode, stderr]).toEqual([0, ""]);
    expect(stdout).toContain("oci-vxlan, stack prod: well");
    expect(stdout).toMatch(/^host01 {2}in sync .* 8950 +\d+ \S+ ago +0\.1\.0$/m);
    expect(stdout).toMatch(/^host01 +0.35 ms$/m);
    expect(stdout).not.toContain("\x1b");
    expect(commands).toHaveLength(2); // Each costs a host a sudo and a shell.
    for (const line of login.private.split("\n").slice(1, -2)) expect(stdout).not.toContain(line);
  });

  test("writes a page beside what it prints, with --html", async () => {
    pulumiPrints([overlayResource(), ...(await startHost(1)), ...(await startHost(2))]);
    const file = join(folder, "status.html");
    const { exitCode, stdout, stderr } = await run("--html", file);
    expect([exitCode, stderr]).toEqual([0, ""]);
    expect(stdout).toContain("oci-vxlan, stack prod: well");
    const page = readFileSync(file, "utf8");
    expect(page).toMatch(
      /^<!doctype html>[^]*<title>prod: well, [^]*ip link set dev vxlan0 up # it was down[^]*<\/html>\n$/,
    );
    expect(page).not.toMatch(/PRIVATE KEY|http-equiv="refresh"/);
  });

  test("ends with 2 where the page cannot be written", async () => {
    pulumiPrints([overlayResource(), ...(await startHost(1)), ...(await startHost(2))]);
    const { exitCode, stderr } = await run("--html", join(folder, "none", "status.html"));
    expect([exitCode, stderr]).toEqual([2, expect.stringMatching(/^status: ENOENT/)]);
  });

  test("prints JSON of the schema", async () => {
    pulumiPrints([overlayResource(), ...(await startHost(1)), ...(await startHost(2))]);
    const { stdout } = await run("--json");
    const report = statusSchema.parse(JSON.parse(stdout));
    expect(report.overlays[0]?.paths).toHaveLength(4);
    expect(report.overlays[0]?.hosts[0]?.lastRepair?.text).toBe("ip link set dev vxlan0 up # it was down");
    expect(stdout).not.toContain("PRIVATE KEY");
  });

  test("tests TCP on some paths of a large fleet, and says on which", async () => {
    const targets: { from: string; to: string; address: string; port: string }[] = [];
    /** The output of a host whose peers all answer. */
    const probe = (from: string, input: string) => {
      const lines = [...input.matchAll(/^target (\S+) (\S+) (\S+)$/gm)];
      targets.push(...lines.map(([, to = "", address = "", port = ""]) => ({ from, to, address, port })));
      const echoes = lines.map(
        ([, to, address]) =>
          `oci-vxlan echoes ${to} ${address} 5 5 0.250\noci-vxlan probe ${to} ${address} all passes`,
      );
      return [...echoes, `oci-vxlan probed time=2026-11-26T09:00:00Z targets=${lines.length}`].join("\n");
    };
    const fleet = Array.from({ length: 18 }, async (_, index) => {
      const [number, name] = [index + 1, `host${index + 1}`];
      const server = await startServer({
        forwards: false,
        answer: (_, input) => `${statusLines(number)}\n${probe(name, input)}`,
      });
      return hostResources(name, number, server.login, { overlayIngress: "all" });
    });
    pulumiPrints([overlayResource(), ...(await Promise.all(fleet)).flat()]);
    const { stdout } = await run("--json");
    const paths = statusSchema.parse(JSON.parse(stdout)).overlays[0]?.paths ?? [];
    expect(paths.map(({ state }) => state)).toEqual(Array(18 * 17 * 2).fill("passes"));
    const pathName = ({ from, to, address }: { from: string; to: string; address: string }) =>
      `${from} ${to} ${address}`;
    const dialledTargets = targets.filter(({ port }) => port !== "0");
    expect(dialledTargets).toHaveLength(18 * 4 * 2);
    const testedPaths = paths.filter(({ tcp }) => tcp === "passes");
    expect(testedPaths.map(pathName).sort()).toEqual(dialledTargets.map(pathName).sort());
    expect((await run()).stdout).toMatch(/^612 of 612 paths pass: .*, TCP to sshd on 144 of them$/m);
  });

  test.each<[string, (lines: string) => string, RegExp]>([
    [
      "has another MTU",
      (lines) => lines.replace("up 8950", "up 1450"),
      /host02: vxlan0 has MTU 1450 where the stack has 8950: sudo systemctl restart oci-vxlan@prod\.overlay\.service\./,
    ],
    [
      "is paused",
      (lines) => lines.replace("active enabled", "inactive enabled"),
      /host02: nothing keeps the overlay in sync, .*sudo systemctl enable --now oci-vxlan@prod\.overlay/,
    ],
    [
      "was re-imaged",
      (lines) =>
        lines.replace("oci-vxlan status end", "oci-vxlan status differs installation\noci-vxlan status end"),
      /host02 was re-imaged.*raise its "generation"/,
    ],
    [
      "has other settings",
      (lines) =>
        lines.replace("oci-vxlan status end", "oci-vxlan status differs peers\noci-vxlan status end"),
      /host02 has other settings than the stack \(\/etc\/oci-vxlan\/prod\.overlay\/peers\): run pulumi up/,
    ],
    [
      "does not say how it is",
      (lines) => lines.replace("oci-vxlan status end", ""),
      /host02 did not say how its overlay is: the host's answer ends without its line "end"/,
    ],
    [
      "does not probe its peers",
      (lines) => lines.replace(/^oci-vxlan probed .*$/m, ""),
      /host02 could not probe its peers: expected a line "oci-vxlan probed /,
    ],
    [
      "loses echoes",
      (lines) => lines.replace("192.168.0.1 5 5", "192.168.0.1 5 3"),
      /host02 -> host01 \(192\.168\.0\.1\): 2 of 5 echoes were lost/,
    ],
  ])("ends with 1 where a host %s", async (_, change, message) => {
    pulumiPrints([overlayResource(), ...(await startHost(1)), ...(await startHost(2, change))]);
    const { exitCode, stdout } = await run();
    expect(stdout).toContain("stack prod: WRONG");
    expect(stdout).toMatch(message);
    expect(exitCode).toBe(1);
  });

  test("looks again and again with --watch, each report a line of JSON", async () => {
    pulumiPrints([overlayResource(), ...(await startHost(1)), ...(await startHost(2))]);
    const env = { ...process.env, PATH: `${folder}${delimiter}${process.env["PATH"]}` };
    const child = execFile(process.execPath, ["status/main.ts", "--watch", "--interval", "1", "--json"], {
      cwd: ROOT,
      env,
    });
    let output = "";
    child.stdout?.on("data", (text: string) => (output += text));
    const lines = () => output.split("\n").slice(0, -1);
    await until("two reports", 20_000, () => lines().length >= 2);
    child.kill("SIGINT");
    await new Promise((resolve) => child.on("exit", resolve));
    const times = lines().map((line) => statusSchema.parse(JSON.parse(line)).time);
    expect(new Set(times).size).toBe(times.length);
  });

  test("asks no host that is down on purpose", async () => {
    const down = overlayResource({ downHosts: ["host02"] });
    pulumiPrints([down, ...(await startHost(1)), ...hostResources("host02", 2)]);
    const { exitCode, stdout } = await run();
    expect(stdout).toMatch(/^host02 {2}down/m);
    expect(exitCode, stdout).toBe(0);
  });

  test("names what was changed in the cloud, with --cloud", async () => {
    pulumiPrints([overlayResource(), ...(await startHost(1)), ...(await startHost(2))]);
    const event = (op: string, name: string, before: object, after?: object) => {
      const urn = `urn:pulumi:prod::oci-vxlan::oci:Core/securityList:SecurityList::${name}`;
      const metadata = {
        op,
        urn,
        type: "oci:Core/securityList:SecurityList",
        old: { outputs: before },
        new: after && { outputs: after },
      };
      return JSON.stringify({ resOutputsEvent: { metadata } });
    };
    const list = { displayName: "internal-hosts", ingressSecurityRules: [{ protocol: "17" }] };
    const events = [
      event("same", "kept", list, list),
      event("update", "changed", list, { ...list, ingressSecurityRules: [] }),
      event("delete", "gone", list),
    ];
    writeFileSync(join(folder, "events"), events.join("\n"));
    pulumi(`case $1 in refresh) cat ${folder}/events ;; *) cat ${folder}/state ;; esac`);
    const { exitCode, stdout } = await run("--cloud");
    expect(stdout.split("\n").slice(-4)).toEqual([
      "Changed in the cloud, outside of the stack; pulumi up puts it back:",
      "  changed (oci:Core/securityList:SecurityList): ingressSecurityRules",
      "  gone (oci:Core/securityList:SecurityList) was deleted",
      "",
    ]);
    expect(exitCode).toBe(1);
    expect(statusSchema.safeParse(JSON.parse((await run("--cloud", "--json")).stdout)).error).toBeUndefined();
    pulumi(
      `[ $1 = stack ] && exec cat ${folder}/state\necho '{"diagnosticEvent":{"severity":"error","message":"<{%reset%}>no such profile<{%reset%}>"}}'; exit 1`,
    );
    const refusedRun = await run("--cloud");
    expect([refusedRun.exitCode, refusedRun.stderr]).toEqual([
      2,
      "status: the cloud could not be asked: no such profile\n",
    ]);
    expect((await run()).exitCode).toBe(0);
  });

  test("ends with 2 where it could not look, and says why", async () => {
    const lookFails = async (message: RegExp, ...args: string[]) => {
      const { exitCode, stderr } = await run(...args);
      expect(stderr).toMatch(message);
      expect(exitCode).toBe(2);
    };
    pulumi("echo 'error: incorrect passphrase' >&2; exit 255");
    await lookFails(/^status: pulumi stack export: incorrect passphrase$/m, "--stack", "prod");
    pulumiPrints([]);
    await lookFails(/^status: stack prod has no hosts: run pulumi up\.$/m, "--stack", "prod");
    pulumiPrints([
      overlayResource(),
      ...hostResources("host01", 1, { host: "127.0.0.1", port: 9, agentSocketPath: "/none" }),
    ]);
    expect((await run()).exitCode).toBe(2);
    await lookFails(/--interval takes seconds/, "--interval", "0");
    await lookFails(/Unknown option '--jsn'/, "--jsn");
  });
});
