import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parse, stringify } from "yaml";
import { accessEnvironment } from "../../lab/cloud/access.ts";
import { startCloud } from "../../lab/cloud/daemonControl.ts";
import { instancesOf } from "../../lab/cloud/instances.ts";
import type { InstanceView } from "../../lab/cloud/instances.ts";
import { REGION } from "../../lab/cloud/region.ts";
import { run } from "../../lab/system/commands.ts";
import type { Engine } from "../../lab/pulumi/engine/engine.ts";
import { prepareEngine } from "../../lab/pulumi/engine/engine.ts";
import { inHost, plain, removeLab, upHosts } from "../../lab/hosts/hosts.ts";
import type { Inventory } from "../../lab/hosts/hosts.ts";
import { openLab, ROOT } from "../../lab/system/lab.ts";
import type { Lab } from "../../lab/system/lab.ts";
import { asOperator } from "../../lab/pulumi/operator.ts";
import type { Mount } from "../../lab/pulumi/operator.ts";
import { proveAll } from "../../lab/cli/connectivityTest.ts";
import type { Proof } from "../../lab/cli/connectivityTest.ts";
import { LabPulumi } from "../../lab/pulumi/stack.ts";
import { silentProgress } from "../../lab/system/progress.ts";

/** What one Pulumi run did: how it ended, what it said, and how many operations of which kind it made. */
export interface Outcome {
  exitCode: number;
  text: string;
  /** Operations by kind, as the engine counts them: create, update, delete, same, replace … */
  counts: Record<string, number>;
}

/** A lab of a test's own with the program's stack on it, driven through the real engine. */
export class TestEnvironment {
  readonly lab: Lab;
  readonly inventory: Inventory;
  private readonly engine: Engine;
  private stack = "lab";
  /** Machines of the last config's hosts, by their names in the lab. */
  private members: string[] = [];
  private lastConfig: object | undefined;

  private constructor(lab: Lab, inventory: Inventory, engine: Engine) {
    this.lab = lab;
    this.inventory = inventory;
    this.engine = engine;
  }

  /** Boots the hosts; whatever an earlier run left under this name is removed first. */
  static async boot(name: string, inventory: Inventory): Promise<TestEnvironment> {
    await removeLab(openLab(name));
    const lab = openLab(name);
    await upHosts(lab, inventory, silentProgress);
    return new TestEnvironment(lab, inventory, await prepareEngine(lab, silentProgress));
  }

  /** The same with the lab's cloud, which makes the hosts; the inventory's hosts exist beside them. */
  static async cloud(name: string, inventory: Inventory = {}): Promise<TestEnvironment> {
    await removeLab(openLab(name));
    const lab = openLab(name);
    await startCloud(lab, silentProgress);
    if (Object.keys(inventory).length > 0) await upHosts(lab, inventory, silentProgress);
    return new TestEnvironment(lab, inventory, await prepareEngine(lab, silentProgress));
  }

  remove(): Promise<void> {
    return removeLab(this.lab);
  }

  /** The stack config of all hosts of the inventory: overlay addresses 192.168.0.1 and on, in order of names. */
  config(change: (environment: any) => void = () => undefined): any {
    const environment = {
      overlay: { cidrs: ["192.168.0.0/24"] },
      ssh: { user: "opc", privateKeyPath: ".lab/keys/opc_ed25519" },
      hosts: Object.fromEntries(
        Object.entries(this.inventory)
          .sort(([a], [b]) => a.localeCompare(b))
          .map(([host, { address }], index) => [
            host,
            {
              overlayAddresses: [`192.168.0.${index + 1}`],
              existing: {
                underlayAddress: plain(address),
                hostKeyPath: `.lab/keys/${host}_host_ed25519.pub`,
              },
            },
          ]),
      ),
    };
    change(environment);
    return environment;
  }

  /** The config of stack lab as it is committed: the memo's environment, made by the cloud. */
  memoConfig(change: (environment: any) => void = () => undefined): any {
    const committed = parse(readFileSync(join(ROOT, "stacks/Pulumi.lab.yaml"), "utf8"));
    const environment = committed.config["oci-vxlan:environment"];
    change(environment);
    return environment;
  }

  /** The instances that the cloud has. */
  instances(): InstanceView[] {
    return instancesOf(this.lab);
  }

  /** Runs a command as the operator, with what Oracle's clients need, and returns what it printed. */
  asOperator(argv: readonly string[], timeout = 60_000): Promise<string> {
    return run(asOperator(this.lab, argv), { env: accessEnvironment(this.lab), timeout });
  }

  up(config: object = this.config()): Promise<Outcome> {
    return this.pulumi(["up", "--yes", "--skip-preview"], config);
  }

  destroy(config: object = this.config()): Promise<Outcome> {
    return this.pulumi(["destroy", "--yes", "--skip-preview"], config);
  }

  /**
   * Runs Pulumi on the stack.
   *
   * @param variables environment variables of the program
   * @param program a program of a test's own in place of the stack's, as a path in this checkout
   */
  async pulumi(
    args: readonly string[],
    config: object = this.config(),
    variables: Readonly<Record<string, string>> = {},
    program?: string,
  ): Promise<Outcome> {
    const text = stringify({ config: { "oci:region": REGION, "oci-vxlan:environment": config } });
    const pulumi = new LabPulumi(this.lab, this.engine, this.stack, text);
    await pulumi.prepare();
    this.members = this.machinesOf(config);
    this.lastConfig = config;
    const mounts = program === undefined ? [] : [this.projectWith(program)];
    const result = await pulumi.attempt([...args, "--non-interactive", "--color=never"], variables, mounts);
    return {
      exitCode: result.exitCode,
      text: `${result.stdout}\n${result.stderr}`,
      counts: countsIn(result.stdout),
    };
  }

  /** The project file with another program in it: project, stack and config stay what they are. */
  private projectWith(program: string): Mount {
    const target = join(ROOT, "Pulumi.yaml");
    const source = join(this.lab.directory, "config", "Pulumi.yaml");
    const project = parse(readFileSync(target, "utf8"));
    mkdirSync(join(this.lab.directory, "config"), { recursive: true, mode: 0o700 });
    writeFileSync(source, stringify({ ...project, main: program }));
    return { source, target };
  }

  /** The machines of a config's hosts. The config may call an existing one otherwise; its underlay address tells. */
  private machinesOf(config: any): string[] {
    const machines = Object.entries<any>(config.hosts ?? {}).map(([name, host]) => {
      const address = host?.existing?.underlayAddress;
      const machine = Object.entries(this.inventory).find(([, spec]) => plain(spec.address) === address);
      return machine?.[0] ?? name;
    });
    return machines.sort();
  }

  /** Renames the stack, and goes on under the new name. A config of that name has to be committed. */
  async renameStack(name: string): Promise<void> {
    // In a project without config files: the lab's are mounted, and Pulumi cannot move a mounted file.
    const folder = join(this.lab.directory, "renaming");
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    writeFileSync(join(folder, "Pulumi.yaml"), "name: oci-vxlan\nruntime: nodejs\n");
    const { exitCode, text } = await this.pulumi(["-C", folder, "stack", "rename", name], this.lastConfig);
    if (exitCode !== 0) throw new Error(`the stack was not renamed to ${name}: ${text}`);
    const copy = (stack: string) => join(this.lab.directory, "config", `Pulumi.${stack}.yaml`);
    renameSync(copy(this.stack), copy(name));
    this.stack = name;
  }

  /** Changes the stack's state by hand. */
  async changeState(change: (resources: any[]) => any[]): Promise<void> {
    const file = join(this.lab.directory, "state.json");
    const must = async (args: readonly string[]) => {
      const { exitCode, text } = await this.pulumi(args, this.lastConfig);
      if (exitCode !== 0) throw new Error(`pulumi ${args.join(" ")} failed: ${text}`);
    };
    await must(["stack", "export", "--file", file]);
    const state = JSON.parse(readFileSync(file, "utf8"));
    state.deployment.resources = change(state.deployment.resources);
    writeFileSync(file, JSON.stringify(state), { mode: 0o600 });
    await must(["stack", "import", "--file", file]);
  }

  /** The stack's outputs. */
  async outputs(): Promise<any> {
    const { text } = await this.pulumi(["stack", "output", "--json"], this.lastConfig);
    return JSON.parse(text);
  }

  /** Runs a shell command as root on a host. */
  on(host: string, script: string): Promise<string> {
    return inHost(this.lab, host, ["sh", "-ec", script]);
  }

  /** The measured proof of every ordered pair of the hosts that the last config named. */
  async prove(): Promise<Proof[]> {
    return (await proveAll(this.lab, this.members)).proofs;
  }

  /** The pairs that do not pass, as `from -> to`. */
  async failing(): Promise<string[]> {
    return (await this.prove())
      .filter(({ failure }) => failure !== undefined)
      .map(({ from, to }) => `${from} -> ${to}`);
  }

  /**
   * What the kernel holds on a host: its overlay's tables, in an order of their own. Link-local addresses are left out,
   * which the kernel makes by itself and checks for a second.
   */
  tables(host: string): Promise<string> {
    return this.on(
      host,
      "ip -d -o link show type vxlan | sed 's/ qlen.*//'; ip -o address show type vxlan scope global; " +
        "for d in $(ip -o link show type vxlan | awk -F': ' '{print $2}'); do bridge fdb show dev $d; ip neigh show dev $d nud permanent; done | sort; iptables -S",
    );
  }

  /** Everything that an installation could leave on a host: files, units, rules, links. */
  traces(host: string): Promise<string> {
    return this.on(
      host,
      "find /etc /usr/local /var/lib /opt /root /home -xdev ! -path '/var/lib/systemd/*' ! -path '/var/lib/cloud/*' ! -path '/var/lib/NetworkManager/*' | sort; " +
        "systemctl list-unit-files --no-legend | awk '{print $1, $2}' | sort; systemctl list-units --all --no-legend --plain | grep -i vxlan || true; " +
        "iptables -S; ip6tables -S; nft list tables; if systemctl -q is-active firewalld; then firewall-cmd --list-all-zones; fi; ip -o link show | awk -F'[:@]' '{print $2}'; ls /run | grep -v motd.dynamic | sort",
    );
  }

  /** Files that the product keeps on a host, with the times they were last written. */
  writtenAt(host: string): Promise<string> {
    return this.on(
      host,
      "find /etc/oci-vxlan /var/lib/oci-vxlan /usr/local/lib/oci-vxlan /usr/local/sbin/oci-vxlan /etc/systemd/system -xdev -printf '%p %T@ %C@\\n' | sort",
    );
  }
}

/** The engine's own count: lines such as `+ 6 created` and `4 changes. 2 unchanged` below `Resources:`. */
export function countsIn(stdout: string): Record<string, number> {
  const summary = /\nResources:\n((?: +.*\n)*)/.exec(stdout)?.[1] ?? "";
  const counts = [...summary.matchAll(/(\d+) ([a-z]+)/g)].map(([, count, kind]) => [kind, Number(count)]);
  return Object.fromEntries(counts.filter(([kind]) => kind !== "changes")) as Record<string, number>;
}
