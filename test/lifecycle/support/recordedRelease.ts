import { dirname } from "node:path";
import { runInHost } from "../../../lab/hosts/exec.ts";
import { fillIn, labValues } from "../../upgrade/placeholders.ts";
import { readRecording } from "../../upgrade/recording.ts";
import type { HostFile, Recording } from "../../upgrade/recording.ts";
import type { TestStack } from "./testStack.ts";

const OVERLAY = "lab.overlay";

/** A stack and its hosts as an earlier release has left them; test/upgrade/ holds its recording. */
export class RecordedRelease {
  readonly config: object;
  private readonly stack: TestStack;
  private readonly recording: Recording;

  /** @param stack with hosts that have booted */
  constructor(stack: TestStack, release: string) {
    this.stack = stack;
    const { state, ...recording } = readRecording(release);
    this.recording = {
      ...recording,
      state: fillIn(state, labValues(stack.lab, Object.keys(recording.files))),
    };
    this.config = recording.config;
  }

  get hosts(): string[] {
    return Object.keys(this.recording.files);
  }

  /** Gives the hosts the release's program and files, and starts its unit. */
  async restoreHosts(): Promise<void> {
    await Promise.all(
      Object.entries(this.recording.files).map(([host, files]) =>
        this.bash(
          host,
          `( OVERLAY=${OVERLAY}`,
          this.recording.program,
          "replace_files )",
          ...files.map(creation),
          "systemctl daemon-reload",
          `systemctl start oci-vxlan@${OVERLAY}`,
        ),
      ),
    );
  }

  async importState(): Promise<void> {
    const { secrets_providers } = (await this.stack.exportState()).deployment;
    const { deployment, ...rest } = this.recording.state as { deployment: object };
    await this.stack.importState({ ...rest, deployment: { ...deployment, secrets_providers } }, this.config);
  }

  /** Runs the release's phases on all hosts, as its `up` does. */
  async runPhases(): Promise<void> {
    await Promise.all(this.hosts.map((host) => this.runDevicePhase(host)));
    await Promise.all(this.hosts.map((host) => this.runPhase(host, "peers")));
  }

  private async runDevicePhase(host: string): Promise<void> {
    const [deliveredFile = "none"] =
      /\/run\/oci-vxlan-program-\w+/.exec(this.phase(host, "device").stdin) ?? [];
    await runInHost(this.stack.lab, host, ["sh", "-c", `cat >${deliveredFile}`], this.recording.program);
    await this.runPhase(host, "device");
  }

  private async runPhase(host: string, phase: string): Promise<void> {
    const { create, stdin } = this.phase(host, phase);
    await runInHost(this.stack.lab, host, ["bash", "-c", create], stdin);
  }

  private phase(host: string, phase: string): { create: string; stdin: string } {
    const { deployment } = this.recording.state as { deployment: { resources: any[] } };
    return deployment.resources.find(({ urn }) => urn.endsWith(`::overlay-${host}-${phase}`)).inputs;
  }

  /** Runs a script as root, however long it is. */
  private async bash(host: string, ...lines: string[]): Promise<void> {
    await runInHost(this.stack.lab, host, ["bash", "-e"], `${lines.join("\n")}\n`);
  }
}

/** The shell commands that create a file. */
function creation({ path, mode, lines }: HostFile): string {
  const folder = `(umask 077; mkdir -p '${dirname(path)}')`;
  if (mode === undefined) return `${folder}\nln -s '${lines.join("\n")}' '${path}'`;
  return [folder, `cat >'${path}' <<'END_OF_FILE'`, ...lines, "END_OF_FILE", `chmod ${mode} '${path}'`].join(
    "\n",
  );
}
