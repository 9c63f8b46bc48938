import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { hostFiles } from "../../components/vxlan/phases/install.ts";
import { PROGRAM } from "../../components/vxlan/phases/phase.ts";
import type { CommandWithInput } from "../../components/vxlan/phases/sentVerb.ts";
import { attempt, run } from "../../lab/system/commands.ts";
import type { CommandResult } from "../../lab/system/commands.ts";
import { DEFAULT_IMAGE, hostImage } from "../../lab/hosts/images.ts";
import type { DebianRelease } from "../../lab/hosts/images.ts";
import { openLab } from "../../lab/system/lab.ts";
import { terminalProgress } from "../../lab/system/progress.ts";

const HOST_FILES = fileURLToPath(new URL("../../components/vxlan/host", import.meta.url));
const FAKES = fileURLToPath(new URL("fakes", import.meta.url));

/** The command that runs phase device, with the overlay as its argument. */
export const DEVICE_PHASE = "/run/fakes/phase-device.sh";

/** Another Debian release than this machine's, and another bash than the image's, for a run by hand. */
const RELEASE = process.env["HOST_RELEASE"];
const BASH = process.env["HOST_BASH"] ?? "";

/**
 * A host that is nothing but namespaces: the lab's host image with a network of its own and one NIC. It has no /sys,
 * which in a container may show the links of another network. The program is the one that ships, at its own path, and so
 * are the tools that it calls. Only `systemctl`, `systemd-run`, `logger` and firewalld's bus are fakes, since no systemd
 * runs here: they write down how they were called.
 */
export class NamespaceHost {
  private readonly holder: ChildProcess;
  private readonly pid: number;

  private constructor(holder: ChildProcess, pid: number) {
    this.holder = holder;
    this.pid = pid;
  }

  static async make(
    imageName = DEFAULT_IMAGE,
    release = RELEASE === undefined ? undefined : (Number(RELEASE) as DebianRelease),
  ): Promise<NamespaceHost> {
    const image = await hostImage(openLab("host-tests"), imageName, terminalProgress, release);
    const script = `
      set -e
      mount -t tmpfs tmpfs /mnt
      mkdir /mnt/upper /mnt/work /mnt/root
      mount -t overlay overlay -o lowerdir=${image},upperdir=/mnt/upper,workdir=/mnt/work /mnt/root
      cd /mnt/root
      mount --rbind /dev dev
      mount -t proc proc proc
      mount -t tmpfs tmpfs run
      mkdir -p run/fakes
      install -m 755 ${FAKES}/*.sh run/fakes/
      cp -r ${HOST_FILES} run/fakes/host
      [ -z "${BASH}" ] || install -m 755 "${BASH}" usr/bin/bash
      ln -sf /run/fakes/systemctl.sh usr/bin/systemctl
      ln -sf /run/fakes/systemd-run.sh usr/bin/systemd-run
      ln -sf /run/fakes/logger.sh usr/bin/logger
      exec chroot . sh -c "$0"`;
    const inside = `
      set -e
      ip link set lo up
      ip link add eth0 mtu 9000 type bridge
      ip link set eth0 up
      ip address add 10.196.218.222/30 dev eth0
      echo ready
      exec sleep infinity`;
    const flags = ["--net", "--mount", "--pid", "--fork", "--kill-child", "--propagation=private"];
    const holder = spawn("unshare", [...flags, "sh", "-c", script, inside], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    // Only a failure is worth reading: unshare complains of a signal mask whenever its child is ended.
    let complaints = "";
    holder.stderr.on("data", (text: Buffer) => (complaints += text.toString()));
    const [text] = (await Promise.race([once(holder.stdout, "data"), once(holder, "exit")])) as [
      Buffer | number,
    ];
    if (String(text).trim() !== "ready")
      throw new Error(`the host's namespaces could not be made: ${complaints}`);
    const pid = Number(readFileSync(`/proc/${holder.pid}/task/${holder.pid}/children`, "utf8").trim());
    const host = new NamespaceHost(holder, pid);
    await host.installProgram();
    return host;
  }

  async remove(): Promise<void> {
    const holderExit = once(this.holder, "exit");
    process.kill(this.pid, "SIGKILL");
    await holderExit;
  }

  /** Puts the program's files in their places, as the device phase does. */
  async installProgram(): Promise<void> {
    const install = hostFiles().map(
      ({ path, mode, text }) =>
        `mkdir -p ${dirname(path)}; cat >${path} <<'END_OF_FILE'; chmod ${mode} ${path}\n${text}END_OF_FILE\n`,
    );
    await run([...this.inside(), "bash", "--norc", "-e"], { input: install.join("") });
  }

  /** Runs a shell command on the host, which must succeed. */
  on(script: string): Promise<string> {
    return run([...this.inside(), "bash", "--norc", "-ec", script]);
  }

  /** Puts a script in a tool's place, in which $REAL is the tool. Returns a function that restores the tool. */
  async wrap(tool: string, script: string): Promise<() => Promise<string>> {
    await this.on(
      `mv ${tool} ${tool}.real; cat >${tool} <<'END'\n#!/bin/bash\nREAL=${tool}.real\n${script}\nEND\nchmod 755 ${tool}`,
    );
    return () => this.on(`mv ${tool}.real ${tool}`);
  }

  /** Runs the installed program, which may fail. */
  program(args: readonly string[], input = ""): Promise<CommandResult> {
    return attempt([...this.inside(), PROGRAM, ...args], { input });
  }

  /** Runs a command that the program sends to a host, as root and with its standard input. It may fail. */
  runSent({ command, input }: CommandWithInput): Promise<CommandResult> {
    return attempt([...this.inside(), "bash", "--norc", "-c", command], { input });
  }

  /** Runs phase device, which is sent and not installed. It may fail. */
  devicePhase(overlay: string, settings: string): Promise<CommandResult> {
    return attempt([...this.inside(), DEVICE_PHASE, overlay], { input: settings });
  }

  /** Starts a command that stays, and returns its output so far by a function; it ends with the host. */
  start(argv: readonly string[]): () => string {
    const [file = "", ...args] = [...this.inside(), ...argv];
    const child = spawn(file, args, { stdio: ["ignore", "ignore", "pipe"] });
    let output = "";
    child.stderr.on("data", (data: Buffer) => (output += data.toString()));
    return () => output;
  }

  private inside(): string[] {
    const namespaces = ["--net", "--mount", "--pid", "--root"];
    const path = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";
    return ["nsenter", "--target", String(this.pid), ...namespaces, "--", "env", "--chdir=/", path];
  }
}
