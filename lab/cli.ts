import { createReadStream } from "node:fs";
import { pipeline } from "node:stream/promises";
import { HELP } from "./help.mjs";
import { prepareEngine } from "./engine/engine.ts";
import {
  awaitSsh,
  consoleLog,
  hostsOf,
  inHost,
  isRunning,
  plain,
  rebootHost,
  removeLab,
  statusOf,
  upHosts,
} from "./hosts/hosts.ts";
import type { HostSpec } from "./hosts/hosts.ts";
import { hostImage, IMAGES } from "./hosts/images.ts";
import type { ImageName } from "./hosts/images.ts";
import { sshArgv } from "./hosts/login.ts";
import { openLab } from "./lab.ts";
import { exclusively } from "./lock.ts";
import { MEMO } from "./memo.ts";
import { runInForeground } from "./operator.ts";
import { columns, proofTable, proveAll, vtepsOf } from "./proof.ts";
import { LabPulumi } from "./pulumi.ts";
import { progress, Stopwatch } from "./report.ts";
import { requireRoom } from "./room.ts";

/** The verbs of `npm run lab`; help.mjs describes them. */

const lab = openLab(process.env["LAB_NAME"] ?? "main");

/** Boots what does not run and makes Pulumi ready to work on a stack. */
async function ready(stack: string, stopwatch = new Stopwatch()): Promise<LabPulumi> {
  requireRoom(lab.directory, 200, "a running lab");
  const engine = await stopwatch.phase("engine", () => prepareEngine(lab, progress));
  progress.line(engine.describe);
  await stopwatch.phase("hosts", () => upHosts(lab, MEMO, progress));
  const pulumi = new LabPulumi(lab, engine, stack);
  await stopwatch.phase("stack", () => pulumi.prepare());
  return pulumi;
}

async function up(stack: string): Promise<number> {
  const stopwatch = new Stopwatch();
  const pulumi = await ready(stack, stopwatch);
  const exitCode = await stopwatch.phase("pulumi up", () =>
    pulumi.inForeground(["up", "--yes", "--skip-preview"]),
  );
  if (exitCode !== 0) return exitCode;
  const proofs = await stopwatch.phase("proof", async () => {
    const vteps = (await Promise.all(hostsOf(lab).map((host) => vtepsOf(lab, host)))).flat();
    const measured = await proveAll(lab, vteps);
    process.stdout.write(`\n${proofTable(vteps, measured)}\n\n`);
    return measured;
  });
  process.stdout.write(`${stopwatch.toString()}\n`);
  return proofs.length > 0 && proofs.every(({ failure }) => failure === undefined) ? 0 : 1;
}

async function down(stack: string): Promise<number> {
  if (hostsOf(lab).some((host) => isRunning(lab, host))) {
    const exitCode = await (await ready(stack)).inForeground(["destroy", "--yes", "--skip-preview"]);
    if (exitCode !== 0)
      progress.line("destroy failed; the hosts go anyway, and with them all that it would have undone");
  }
  await removeLab(lab);
  return 0;
}

function specOf(host: string | undefined): [string, HostSpec] {
  const spec = MEMO[host ?? ""];
  if (host === undefined || !spec) throw new Error(`name a host: ${Object.keys(MEMO).join(", ")}.`);
  return [host, spec];
}

async function logs(host: string): Promise<number> {
  await pipeline(createReadStream(consoleLog(lab, host)), process.stdout, { end: false });
  if (isRunning(lab, host))
    process.stdout.write(`${await inHost(lab, host, ["journalctl", "--boot", "--no-pager"])}\n`);
  return 0;
}

async function ps(): Promise<number> {
  const status = await Promise.all(hostsOf(lab).map((host) => statusOf(lab, host)));
  const rows = status.map(({ host, running, megabytes }) => [
    host,
    plain(MEMO[host]?.address ?? ""),
    running ? "running" : "stopped",
    running ? `${megabytes.toFixed(0)} MB` : "",
  ]);
  process.stdout.write(
    rows.length === 0 ? "nothing runs\n" : `${columns([["host", "address", "state", "memory"], ...rows])}\n`,
  );
  return 0;
}

async function dispatch(stack: string, verb: string, args: readonly string[]): Promise<number> {
  switch (verb) {
    case "up":
      return up(stack);
    case "preview":
    case "refresh":
    case "destroy": {
      const flags = verb === "preview" ? [] : ["--yes", "--skip-preview"];
      return (await ready(stack)).inForeground([verb, ...flags, ...args]);
    }
    case "pulumi":
      return (await ready(stack)).inForeground(args);
    case "reboot": {
      const [host, spec] = specOf(args[0]);
      await rebootHost(lab, host, spec);
      return 0;
    }
    case "down":
      return down(stack);
    case "prepare":
      await prepareEngine(lab, progress);
      for (const name of Object.keys(IMAGES)) await hostImage(lab, name as ImageName, progress);
      return 0;
    default:
      process.stderr.write(`lab: there is no "${verb}"\n\n${HELP}`);
      return 2;
  }
}

/** Verbs that only look may run beside the others. */
async function look(verb: string, args: readonly string[]): Promise<number | undefined> {
  switch (verb) {
    case "ssh": {
      const [host, spec] = specOf(args[0]);
      if (!isRunning(lab, host)) throw new Error(`${host} does not run: start it with npm run lab.`);
      await awaitSsh(lab, host, plain(spec.address));
      return runInForeground(sshArgv(lab, plain(spec.address), args.slice(1)));
    }
    case "logs":
      return logs(specOf(args[0])[0]);
    case "ps":
      return ps();
    default:
      return undefined;
  }
}

async function main(argv: readonly string[]): Promise<number> {
  let [verb = "up", ...args] = argv;
  let stack = "lab";
  if (verb === "--stack") {
    [stack = "", verb = "up", ...args] = args;
  }
  return (await look(verb, args)) ?? (await exclusively(lab, () => dispatch(stack, verb, args)));
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`lab: ${(error as Error).message}\n`);
  if (process.env["LAB_DEBUG"]) process.stderr.write(`${(error as Error).stack ?? ""}\n`);
  process.exitCode = 1;
}
