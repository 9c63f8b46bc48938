import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { nsenterArgs } from "../../lab/hosts/exec.ts";
import { attempt, run } from "../../lab/system/commands.ts";
import type { Lab } from "../../lab/system/lab.ts";
import { portOf } from "../../lab/network/vnic.ts";
import type { FleetHost } from "../fleet.ts";
import { NIC } from "../fleet.ts";
import { onEach, runAsRoot } from "../standing-up/benchLab.ts";
import type { BenchLab } from "../standing-up/benchLab.ts";

/** Hosts with this machine's programs in their network: nothing is installed on them. */
export class TrafficLab {
  readonly benchLab: BenchLab;
  /** MTU of the hosts' NICs in bytes. */
  readonly mtu: number;
  private readonly processes: { kill: () => void; ended: Promise<unknown> }[] = [];

  constructor(benchLab: BenchLab, mtu: number) {
    this.benchLab = benchLab;
    this.mtu = mtu;
  }

  get hosts(): readonly FleetHost[] {
    return this.benchLab.hosts;
  }

  get lab(): Lab {
    return this.benchLab.lab;
  }

  /** A folder for files of a network. */
  folder(...names: string[]): string {
    const path = join(this.lab.directory, "traffic", String(this.mtu), ...names);
    mkdirSync(path, { recursive: true, mode: 0o700 });
    return path;
  }

  /** Sets the NICs' MTU on both ends, and lets the host firewalls pass everything, since no contender is about them. */
  async prepare(): Promise<void> {
    const all = [...this.hosts, this.benchLab.joining];
    await onEach(all, async ({ name }) => {
      await run([
        "ip",
        "-n",
        this.lab.namespace("router"),
        "link",
        "set",
        portOf(name),
        "mtu",
        `${this.mtu}`,
      ]);
      await this.runIn(name, ["ip", "link", "set", NIC, "mtu", `${this.mtu}`]);
      await runAsRoot(
        this.lab,
        name,
        "iptables -w -C INPUT -j ACCEPT 2>/dev/null || iptables -w -I INPUT -j ACCEPT",
      );
    });
  }

  /** Runs a program of this machine in a host's network. */
  runIn(host: string, argv: readonly string[], timeout = 60_000): Promise<string> {
    return run([...this.entry(host), ...argv], { timeout });
  }

  /** Runs the host's own ping, and returns what it printed; empty where nothing is answered. */
  async ping(from: string, address: string, ...options: string[]): Promise<string> {
    const argv = [...nsenterArgs(this.lab, from), "ping", "-n", "-W", "1", ...options, address];
    const { exitCode, stdout } = await attempt(["nsenter", ...argv]);
    return exitCode === 0 ? stdout : "";
  }

  /** Starts a program of this machine in a host's network. `stopProcesses` ends it. */
  start(host: string, argv: readonly string[], env: Readonly<Record<string, string>> = {}): void {
    const [file = "", ...args] = [...this.entry(host), ...argv];
    const child = execa(file, args, {
      reject: false,
      stdin: "ignore",
      stdout: "ignore",
      stderr: "ignore",
      env,
    });
    this.processes.push({ kill: () => child.kill("SIGTERM"), ended: child });
  }

  async stopProcesses(): Promise<void> {
    for (const { kill } of this.processes) kill();
    await Promise.all(this.processes.map(({ ended }) => ended));
    this.processes.length = 0;
  }

  private entry(host: string): string[] {
    return ["nsenter", `--net=/run/netns/${this.lab.namespace(`h-${host}`)}`, "--"];
  }
}
