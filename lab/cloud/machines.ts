import type { HostSpec } from "../hosts/inventory.ts";
import { listHosts, lastLogLines } from "../hosts/folders.ts";
import { isRunning } from "../hosts/supervisor.ts";
import { killHost, removeHost, restartHost, shutDownHost } from "../hosts/power.ts";
import { startHost } from "../hosts/boot.ts";
import { until } from "../system/commands.ts";
import type { Lab } from "../system/lab.ts";
import { securityListRules } from "../network/securityListRules.ts";
import { loadRules } from "../network/network.ts";
import { changeFaults, launchesLeft, readFaults } from "./faults.ts";
import type { Cloud, Effects, PowerMode } from "./model/cloud.ts";
import { imageEntry } from "./model/image.ts";
import { isTerminating } from "./model/power.ts";
import type { Instance } from "./model/resources.ts";
import { saveState } from "./model/store.ts";
import type { State } from "./model/store.ts";
import { primaryVnic } from "./model/vnic.ts";
import { networkOf } from "./policy.ts";
import { stateFile } from "./daemonFiles.ts";

/** Milliseconds after which a launch that is stuck ends in TERMINATED. */
const STUCK_LIMIT = 3_600_000;

/** Carries out the cloud's effects: on the lab's hosts, which are its instances, and on the router's rules. */
export class Machines implements Effects {
  private readonly lab: Lab;
  private readonly cloud: () => Cloud;
  /** The last change of each machine, by the instance's OCID: a machine changes once at a time. */
  private readonly queues = new Map<string, Promise<void>>();
  /** The last load of the router's rules, and whether it has yet to begin. */
  private load: Promise<void> = Promise.resolve();
  private loadIsWaiting = false;
  private loadedRules = "";

  constructor(lab: Lab, cloud: () => Cloud) {
    this.lab = lab;
    this.cloud = cloud;
  }

  save(state: State): void {
    saveState(stateFile(this.lab), state);
  }

  /**
   * Loads the rules that the state asks for now, if they changed; resolves when they are loaded. A load that has yet to
   * begin serves all who call until then.
   */
  syncNetwork(): Promise<void> {
    if (this.loadIsWaiting) return this.load;
    this.loadIsWaiting = true;
    this.load = this.load.then(async () => {
      this.loadIsWaiting = false;
      const rules = securityListRules(networkOf(this.cloud()));
      if (rules === this.loadedRules) return;
      try {
        await loadRules(this.lab, rules);
        this.loadedRules = rules;
      } catch (error) {
        process.stderr.write(`network rules: ${(error as Error).message}\n`);
      }
    });
    return this.load;
  }

  start(instance: Instance): Promise<void> {
    return this.queueChange(instance, async (host) => {
      await this.load;
      await this.boot(instance, host);
    });
  }

  stop(instance: Instance, mode: PowerMode): Promise<void> {
    return this.queueChange(instance, (host) =>
      mode === "force" ? killHost(this.lab, host) : shutDownHost(this.lab, host),
    );
  }

  reset(instance: Instance, mode: PowerMode): Promise<void> {
    return this.queueChange(instance, async (host) => {
      if (mode === "graceful") return restartHost(this.lab, host);
      await killHost(this.lab, host);
      await this.boot(instance, host);
    });
  }

  remove(instance: Instance): Promise<void> {
    return this.queueChange(instance, (host) => removeHost(this.lab, host));
  }

  isOn(instance: Instance): boolean {
    const host = this.cloud().state.machines[instance.id]?.host;
    return host !== undefined && isRunning(this.lab, host);
  }

  lastLogLines(instance: Instance): string {
    const host = this.cloud().state.machines[instance.id]?.host;
    return host === undefined ? "nothing" : lastLogLines(this.lab, host);
  }

  launchesLeft(): number {
    return launchesLeft(readFaults(this.lab));
  }

  isFull(availabilityDomain: string): boolean {
    return readFaults(this.lab).fullDomains.includes(availabilityDomain);
  }

  allowsReports(): boolean {
    return !readFaults(this.lab).unknownCapacity;
  }

  /** The preferred name in the form of a host name, with a number where another host has it. */
  uniqueHostName(preferredName: string): string {
    const name =
      preferredName
        .toLowerCase()
        .replace(/[^a-z0-9]+/g, "-")
        .replace(/^-+|-+$/g, "")
        .slice(0, 50) || "instance";
    const machines = Object.values(this.cloud().state.machines);
    const usedNames = new Set([...listHosts(this.lab), ...machines.map(({ host }) => host)]);
    let uniqueName = name;
    for (let number = 2; usedNames.has(uniqueName); number++) uniqueName = `${name}-${number}`;
    return uniqueName;
  }

  private async boot(instance: Instance, host: string): Promise<void> {
    const cloud = this.cloud();
    const machine = cloud.state.machines[instance.id];
    if (isTerminating(instance) || machine === undefined) return;
    if (machine.stale) {
      await removeHost(this.lab, host);
      delete machine.stale;
    }
    delete machine.failure;
    cloud.save();
    if (instance.lifecycleState === "PROVISIONING") await this.injectLaunchFault(instance);
    await startHost(this.lab, host, this.specOf(instance, host));
  }

  /** Ends a launch, or waits until somebody has ended it, where a fault wants that. */
  private async injectLaunchFault(instance: Instance): Promise<void> {
    const { failedLaunches, stuckLaunches } = readFaults(this.lab);
    if (failedLaunches > 0) {
      changeFaults(this.lab, (faults) => (faults.failedLaunches -= 1));
      throw new Error("A fault that the lab was asked for.");
    }
    if (stuckLaunches === 0) return;
    changeFaults(this.lab, (faults) => (faults.stuckLaunches -= 1));
    await until("the end of a launch that is stuck", STUCK_LIMIT, () => isTerminating(instance), 50);
    throw new Error("The instance was terminated in its launch.");
  }

  /** Runs a change of an instance's machine after the machine's earlier ones. */
  private queueChange(instance: Instance, change: (host: string) => Promise<void>): Promise<void> {
    const { id } = instance;
    const host = this.cloud().state.machines[id]?.host;
    if (host === undefined) return Promise.resolve();
    const earlierChanges = (this.queues.get(id) ?? Promise.resolve()).catch(() => undefined);
    const changed = earlierChanges.then(() => change(host));
    this.queues.set(id, changed);
    return changed;
  }

  private specOf(instance: Instance, host: string): HostSpec {
    const cloud = this.cloud();
    const vnic = primaryVnic(cloud, instance.id);
    if (vnic === undefined) throw new Error("the instance has no VNIC");
    const { labImage, nic } = imageEntry(instance.imageId);
    const [, prefix = ""] = cloud.get("subnets", vnic.subnetId).cidrBlock.split("/");
    const { ssh_authorized_keys: keys = "", user_data: userData = "" } = instance.metadata;
    return {
      address: `${vnic.privateIp}/${prefix}`,
      mac: vnic.macAddress,
      nic,
      image: labImage,
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
