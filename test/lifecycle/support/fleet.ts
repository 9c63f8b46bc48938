import { attempt, until } from "../../../lab/system/commands.ts";
import { runInHost, nsenterArgs } from "../../../lab/hosts/exec.ts";
import { withoutPrefix } from "../../../lab/hosts/inventory.ts";
import type { Inventory } from "../../../lab/hosts/inventory.ts";
import { DEFAULT_IMAGE } from "../../../lab/hosts/images.ts";
import type { ImageName } from "../../../lab/hosts/images.ts";
import { firewallState, vxlan0State } from "./hostState.ts";
import { expectSuccess } from "./outcome.ts";
import { TestStack } from "./testStack.ts";
import type { ConfigChange } from "./testStack.ts";

export const HOSTS = ["alpha", "beta", "gamma"] as const;
export type Host = (typeof HOSTS)[number];

/** Returns a host's address inside the overlay. */
export const overlayAddress = (host: Host) => `192.168.0.${HOSTS.indexOf(host) + 1}`;

/** Returns three hosts in one subnet, with a NIC that is not called eth0. */
export const threeHosts = (image: ImageName = DEFAULT_IMAGE): Inventory =>
  Object.fromEntries(
    HOSTS.map((host, index) => [
      host,
      { address: `10.196.219.${index + 2}/24`, mac: `02:00:17:00:01:0${index + 1}`, nic: "ens3", image },
    ]),
  );

/** Returns the config of their overlay with IPv4 and IPv6 addresses. */
export const bothFamilies = (stack: TestStack, change: ConfigChange = () => undefined) =>
  stack.config((e) => {
    e.overlay.cidrs.push("fd00:6::/64");
    HOSTS.forEach((host, index) => e.hosts[host].overlayAddresses.push(`fd00:6::${index + 1}`));
    change(e);
  });

/** A state of a host that its program repairs. */
type Subject = "vxlan0" | "firewall";

/** The overlay of three hosts that run the same image. */
export class Fleet {
  readonly stack: TestStack;
  /** MAC of vxlan0 by host; empty before `up`. */
  macs: Record<string, string> = {};

  private constructor(stack: TestStack) {
    this.stack = stack;
  }

  /** Boots the hosts in a lab that is named after the test and the image. */
  static async boot(name: string, image: ImageName): Promise<Fleet> {
    return new Fleet(await TestStack.boot(`${name}-${image}`, threeHosts(image)));
  }

  /** Runs the first `up`. */
  async up(): Promise<void> {
    expectSuccess(await this.stack.up());
    this.macs = (await this.stack.outputs()).macs;
  }

  on(host: Host, script: string): Promise<string> {
    return this.stack.on(host, script);
  }

  underlay(host: Host): string {
    return withoutPrefix(this.stack.inventory[host]?.address ?? "");
  }

  /** Runs a Python program on a host. */
  python(host: Host, program: string, ...args: string[]): Promise<string> {
    return runInHost(this.stack.lab, host, ["python3", "-c", program, ...args]);
  }

  /** Whether an address answers one ping of a host within some seconds. */
  async pings(host: Host, address: string, seconds = 1): Promise<boolean> {
    const ping = ["ping", "-n", "-c", "1", "-W", String(seconds), address];
    return (await attempt(["nsenter", ...nsenterArgs(this.stack.lab, host), ...ping])).exitCode === 0;
  }

  /** Lists the pairs between which traffic does not pass, each with the reason. Gamma is not in overlay vxlan1. */
  async failures(): Promise<string[]> {
    return (await this.stack.testConnectivity())
      .filter(({ failure }) => failure !== undefined && !failure.includes("has no vxlan1"))
      .map(({ from, to, failure }) => `${from} -> ${to}: ${failure}`);
  }

  /** Reads vxlan0 of a host; returns the error where it cannot, since it may have no vxlan0 at the moment. */
  vxlan0(host: Host): Promise<string> {
    return vxlan0State(this.stack, host).catch(describeError);
  }

  /** Reads the firewalls of a host; returns the error where it cannot. */
  firewall(host: Host): Promise<string> {
    return firewallState(this.stack, host).catch(describeError);
  }

  /**
   * Does some damage, and expects the host to log a repair and to be as before within `limit` milliseconds. The journal
   * tells the time of the repair, since reading the state takes long. A busy machine has three attempts.
   */
  async expectRepair(
    host: Host,
    subject: Subject,
    limit: number,
    damage: () => Promise<unknown>,
  ): Promise<void> {
    const attempts: string[] = [];
    while (attempts.length < 3) {
      const { milliseconds, log } = await this.measureRepair(host, subject, limit, damage);
      if (milliseconds <= limit) return;
      attempts.push(`${milliseconds} ms, log:\n${log}`);
    }
    throw new Error(`three repairs on ${host} took longer than ${limit} ms:\n${attempts.join("\n")}`);
  }

  private async measureRepair(host: Host, subject: Subject, limit: number, damage: () => Promise<unknown>) {
    const before = await this[subject](host);
    const { length } = await this.log(host);
    await damage();
    const damagedAt = Date.now();
    let [after, lines] = ["", [] as string[]];
    const isRepaired = async () => {
      after = await this[subject](host);
      lines = (await this.log(host)).slice(length);
      return after === before && lines.length > 0;
    };
    await until(`the repair on ${host}`, limit + 10_000, isRepaired).catch((error: unknown) => {
      throw new Error(
        `${(error as Error).message}.\nbefore:\n${before}\nafter:\n${after}\nlog:\n${lines.join("\n")}`,
        { cause: error },
      );
    });
    // Hosts share this machine's clock.
    const repairedAt = Number(lines.at(-1)?.split(" ")[0]) * 1_000;
    return { milliseconds: repairedAt - damagedAt, log: lines.join("\n") };
  }

  /**
   * Lists what the overlay's unit has logged on a host, a line each, with seconds since the epoch at the start. The
   * probes of paths, which log at moments of their own, are left out.
   */
  async log(host: Host): Promise<string[]> {
    return (await this.journal(host)).filter((line) => !line.includes(": the path to "));
  }

  /** Lists the moments, in milliseconds, at which a host has logged something of its path to another. */
  async pathEvents(host: Host, peer: Host, event: string): Promise<number[]> {
    const text = `: the path to ${peer} (${overlayAddress(peer)}) ${event}`;
    const lines = (await this.journal(host)).filter((line) => line.includes(text));
    return lines.map((line) => Number(line.split(" ")[0]) * 1_000);
  }

  private async journal(host: Host): Promise<string[]> {
    const journalctl = "journalctl --no-pager --output=short-unix --unit='oci-vxlan@lab.overlay'";
    return (await this.on(host, `journalctl --sync; ${journalctl} | grep -v '^-- '`)).split("\n");
  }
}

const describeError = (error: unknown) => `cannot be read: ${(error as Error).message}`;
