import { join } from "node:path";
import { knownHosts, loginKey } from "../../lab/hosts/keys.ts";
import { asOperator } from "../../lab/pulumi/operator.ts";
import { run } from "../../lab/system/commands.ts";
import type { Lab } from "../../lab/system/lab.ts";
import { OVERLAY_CIDR } from "../fleet.ts";
import type { FleetHost } from "../fleet.ts";
import type { Tool } from "./tool.ts";

/** The shell script that does the same job and nothing more. */
export class FloorTool implements Tool {
  readonly name = "parallel ssh";
  private readonly lab: Lab;

  constructor(lab: Lab) {
    this.lab = lab;
  }

  async apply(hosts: readonly FleetHost[], vni: number, leaving: readonly FleetHost[] = []): Promise<void> {
    if (leaving.length > 0) await this.remove(leaving);
    await this.script(["up", String(vni)], hosts);
  }

  remove(hosts: readonly FleetHost[]): Promise<void> {
    return this.script(["down"], hosts);
  }

  private async script(args: readonly string[], hosts: readonly FleetHost[]): Promise<void> {
    const argv = asOperator(this.lab, ["bash", join(import.meta.dirname, "floor.sh"), ...args]);
    const input = hosts
      .map(({ name, underlay, overlay }) => `${name} ${underlay} ${overlay}${PREFIX}\n`)
      .join("");
    await run(argv, {
      input,
      env: { SSH: ["ssh", "-F", "none", ...sshOptions(this.lab)].join(" ") },
      timeout: 600_000,
    });
  }
}

const PREFIX = OVERLAY_CIDR.replace(/^.*(?=\/)/, "");

/** How the lab's hosts are reached, their keys pinned. No path of a checkout that holds spaces would do. */
export const sshOptions = (lab: Lab): string[] => [
  ...["-i", loginKey(lab)],
  ...[
    "BatchMode=yes",
    "StrictHostKeyChecking=yes",
    `UserKnownHostsFile=${knownHosts(lab)}`,
    "LogLevel=ERROR",
  ].flatMap((option) => ["-o", option]),
];
