import type { HostSpec } from "../hosts/inventory.ts";
import { listHosts, lastLogLines } from "../hosts/folders.ts";
import { isRunning } from "../hosts/supervisor.ts";
import { killHost, removeHost, restartHost, shutDownHost } from "../hosts/power.ts";
import { startHost } from "../hosts/boot.ts";
import type { Lab } from "../system/lab.ts";
import { cloudRules } from "../network/securityListRules.ts";
import { loadRules } from "../network/network.ts";
import { readFaults } from "./faults.ts";
import type { Cloud, Effects } from "./model/cloud.ts";
import { imageEntry } from "./model/image.ts";
import type { Instance } from "./model/resources.ts";
import { saveState } from "./model/store.ts";
import type { State } from "./model/store.ts";
import { vnicOf } from "./model/vnic.ts";
import { networkOf } from "./policy.ts";
import { stateFile } from "./daemonControl.ts";

/** The lab's hosts as the cloud's instances, and the router as its network. */
export class Machines implements Effects {
  private readonly lab: Lab;
  private readonly cloud: () => Cloud;
  /** The last work on each machine: one thing at a time. */
  private readonly queues = new Map<string, Promise<void>>();
  private rules: Promise<void> = Promise.resolve();
  private rulesWait = false;
  private loaded = "";

  constructor(lab: Lab, cloud: () => Cloud) {
    this.lab = lab;
    this.cloud = cloud;
  }

  save(state: State): void {
    saveState(stateFile(this.lab), state);
  }

  /**
   * Loads the rules that the books ask for now, where they are others than before; resolves when they hold. While
   * a load waits, another request for one is the same.
   */
  network(): Promise<void> {
    if (this.rulesWait) return this.rules;
    this.rulesWait = true;
    this.rules = this.rules.then(async () => {
      this.rulesWait = false;
      const wanted = cloudRules(networkOf(this.cloud()));
      if (wanted === this.loaded) return;
      try {
        await loadRules(this.lab, wanted);
        this.loaded = wanted;
      } catch (error) {
        process.stderr.write(`network rules: ${(error as Error).message}\n`);
      }
    });
    return this.rules;
  }

  start(instance: Instance): Promise<void> {
    return this.queued(instance, async (host) => {
      await this.rules;
      await this.boot(instance, host);
    });
  }

  stop(instance: Instance, how: "cut" | "ask"): Promise<void> {
    return this.queued(instance, (host) =>
      how === "cut" ? killHost(this.lab, host) : shutDownHost(this.lab, host),
    );
  }

  reset(instance: Instance, how: "cut" | "ask"): Promise<void> {
    return this.queued(instance, async (host) => {
      if (how === "ask") return restartHost(this.lab, host);
      await killHost(this.lab, host);
      await this.boot(instance, host);
    });
  }

  remove(instance: Instance): Promise<void> {
    return this.queued(instance, (host) => removeHost(this.lab, host));
  }

  isOn(instance: Instance): boolean {
    const host = this.cloud().state.machines[instance.id]?.host;
    return host !== undefined && isRunning(this.lab, host);
  }

  lastWords(instance: Instance): string {
    const host = this.cloud().state.machines[instance.id]?.host;
    return host === undefined ? "nothing" : lastLogLines(this.lab, host);
  }

  /** The wanted name as a host name; with a number behind it where another machine is called so. */
  nameMachine(wanted: string): string {
    const name =
      wanted
        .toLowerCase()
        .replace(/[^a-z0-9]+/g, "-")
        .replace(/^-+|-+$/g, "")
        .slice(0, 50) || "instance";
    const taken = new Set([
      ...listHosts(this.lab),
      ...Object.values(this.cloud().state.machines).map(({ host }) => host),
    ]);
    let free = name;
    for (let number = 2; taken.has(free); number++) free = `${name}-${number}`;
    return free;
  }

  private async boot(instance: Instance, host: string): Promise<void> {
    const cloud = this.cloud();
    const machine = cloud.state.machines[instance.id];
    if (isEnding(instance) || machine === undefined) return;
    if (machine.stale) {
      await removeHost(this.lab, host);
      delete machine.stale;
    }
    delete machine.failure;
    cloud.save();
    await startHost(this.lab, host, this.specOf(instance, host));
  }

  private queued(instance: Instance, work: (host: string) => Promise<void>): Promise<void> {
    const { id } = instance;
    const host = this.cloud().state.machines[id]?.host;
    if (host === undefined) return Promise.resolve();
    const done = (this.queues.get(id) ?? Promise.resolve()).catch(() => undefined).then(() => work(host));
    this.queues.set(id, done);
    return done;
  }

  private specOf(instance: Instance, host: string): HostSpec {
    const cloud = this.cloud();
    const vnic = vnicOf(cloud, instance.id);
    if (vnic === undefined) throw new Error("the instance has no VNIC");
    const { boots, nic } = imageEntry(instance.imageId);
    const [, prefix = ""] = cloud.get("subnets", vnic.subnetId).cidrBlock.split("/");
    const { ssh_authorized_keys: keys = "", user_data: userData = "" } = instance.metadata;
    return {
      address: `${vnic.privateIp}/${prefix}`,
      mac: vnic.macAddress,
      nic,
      image: boots,
      isInstance: true,
      identity: instance.id,
      bootDelay: readFaults(this.lab).bootDelay,
      seed: {
        instanceId: instance.id,
        hostname: vnic.hostnameLabel ?? host,
        authorizedKeys: keys.split("\n").filter((line) => line.trim() !== ""),
        userData: userData === "" ? "#cloud-config\n{}\n" : Buffer.from(userData, "base64"),
      },
    };
  }
}

const isEnding = ({ lifecycleState }: Instance) =>
  lifecycleState === "TERMINATING" || lifecycleState === "TERMINATED";
