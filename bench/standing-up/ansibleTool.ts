import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { stringify } from "yaml";
import { asOperator } from "../../lab/pulumi/operator.ts";
import { run } from "../../lab/system/commands.ts";
import type { Lab } from "../../lab/system/lab.ts";
import { DEVICE, OVERLAY_CIDR, PORT } from "../fleet.ts";
import type { FleetHost } from "../fleet.ts";
import { sshOptions } from "./floorTool.ts";
import type { Tool } from "./tool.ts";

/** The newest release that runs on Python 3.11. */
const VERSION = "2.19.14";
const FOLDER = join(import.meta.dirname, "ansible");

/** Installs PyPI's ansible-core once, outside the operator's network, which reaches no registry. */
async function installAnsible(cache: string): Promise<string> {
  const folder = join(cache, `ansible-core-${VERSION}`);
  const playbook = join(folder, "bin", "ansible-playbook");
  const complete = join(folder, "complete");
  if (existsSync(complete)) return playbook;
  // A wrapper such as pyenv's would look for new commands of its own after each installation.
  const python = (await run(["python3", "-c", "import sys; print(sys.executable)"])).trim();
  await run([python, "-m", "venv", "--clear", "--without-pip", folder]);
  const pip = [python, "-m", "pip", "--python", join(folder, "bin", "python"), "install", "--quiet"];
  const options = ["--no-input", "--disable-pip-version-check"];
  await run([...pip, ...options, `ansible-core==${VERSION}`], { timeout: 300_000 });
  writeFileSync(complete, "");
  return playbook;
}

/** Ansible with the playbooks beside this file. */
export class AnsibleTool implements Tool {
  readonly name = `Ansible ${VERSION}`;
  private readonly lab: Lab;
  private readonly playbook: string;

  private constructor(lab: Lab, playbook: string) {
    this.lab = lab;
    this.playbook = playbook;
  }

  static async install(lab: Lab): Promise<AnsibleTool> {
    return new AnsibleTool(lab, await installAnsible(lab.cache));
  }

  async apply(hosts: readonly FleetHost[], vni: number, leaving: readonly FleetHost[] = []): Promise<void> {
    if (leaving.length > 0) await this.remove(leaving);
    await this.play("overlay.yml", hosts, vni);
  }

  /** Ansible's dry run connects to the hosts as well. */
  async preview(hosts: readonly FleetHost[], vni: number): Promise<void> {
    await this.play("overlay.yml", hosts, vni, ["--check"]);
  }

  async remove(hosts: readonly FleetHost[]): Promise<void> {
    await this.play("absent.yml", hosts, 0);
  }

  private async play(
    file: string,
    hosts: readonly FleetHost[],
    vni: number,
    options: readonly string[] = [],
  ) {
    const home = join(this.lab.directory, "ansible");
    mkdirSync(home, { recursive: true, mode: 0o700 });
    const inventory = join(home, "inventory.yml");
    writeFileSync(inventory, stringify(inventoryOf(this.lab, hosts, vni)));
    const argv = [this.playbook, "--inventory", inventory, ...options, join(FOLDER, file)];
    const env = {
      ANSIBLE_CONFIG: join(FOLDER, "ansible.cfg"),
      ANSIBLE_HOME: home,
      ANSIBLE_LOCAL_TEMP: join(home, "tmp"),
      LC_ALL: "C.UTF-8",
    };
    await run(asOperator(this.lab, argv), { env, timeout: 1_200_000 });
  }
}

function inventoryOf(lab: Lab, hosts: readonly FleetHost[], vni: number): object {
  return {
    all: {
      vars: {
        ansible_user: "opc",
        ansible_ssh_common_args: sshOptions(lab).join(" "),
        device: DEVICE,
        port: PORT,
        overlay_prefix: Number(OVERLAY_CIDR.split("/")[1]),
        vni,
      },
      hosts: Object.fromEntries(
        hosts.map(({ name, underlay, overlay }) => [name, { ansible_host: underlay, underlay, overlay }]),
      ),
    },
  };
}
