import { performance } from "node:perf_hooks";
import * as pulumi from "@pulumi/pulumi";
import { takesHooks } from "./hookInputs.ts";
import { bootPatience, logInPatiently } from "./hostLogin.ts";
import type { Connection } from "./remoteCommand.ts";
import { asksHosts } from "./runMode.ts";
import type { SshSession } from "./sshSession.ts";

/** Seconds for one login, and for the command in it. */
const LOGIN_LIMIT = 8;

/** A host that refuses this many logins has booted. sshd may block a client that fails more often. */
const REFUSALS = 3;

/**
 * Prints the seconds since the kernel's start, and the microseconds between that and the start of systemd. A container
 * has the kernel of its machine, so the first alone says too little.
 */
const READ_BOOT = "cut -d' ' -f1 /proc/uptime; systemctl show --value --property=UserspaceTimestampMonotonic";

/** The properties whose change makes Oracle restart a running instance. */
interface Size {
  shape?: string;
  shapeConfig?: { ocpus?: number; memoryInGbs?: number };
  faultDomain?: string;
}

/**
 * Waits for a host whose instance an update restarts. The provider's update ends when Oracle has turned the instance on
 * again, a boot before SSH answers. No phase runs because of the restart, so the next session would be refused.
 *
 * A hook notices the restart, since the inputs of a phase may not differ: an update that reverts a change made in
 * Oracle's console has the inputs of the last run.
 */
export class InstanceRestart {
  /** Options of the instance. */
  readonly options: pulumi.CustomResourceOptions;
  private readonly host: string;
  /** In milliseconds of this process's clock. */
  private updateBegan = 0;
  private hasHappened = false;

  /** @param hookName unique in the program */
  constructor(hookName: string, host: string) {
    this.host = host;
    this.options = this.hookOptions(hookName);
  }

  private hookOptions(name: string): pulumi.CustomResourceOptions {
    if (!takesHooks()) return {};
    const begin = new pulumi.ResourceHook(`${name}-begins`, () => {
      this.updateBegan = performance.now();
    });
    const end = new pulumi.ResourceHook(`${name}-ends`, ({ newInputs, oldOutputs, newOutputs }) => {
      this.hasHappened = restarts(newInputs ?? {}, oldOutputs ?? {}, newOutputs ?? {});
    });
    return { hooks: { beforeUpdate: [begin], afterUpdate: [end] } };
  }

  /**
   * Resolves when a host that was restarted lets this program in, and at once where it was not restarted. A host that
   * does not come back in time is no error here: the run goes on for the other hosts, and the connectivity test at its
   * end reports the host.
   *
   * @param seconds to wait at most
   */
  async waitForHost(connection: Connection, seconds: number, component: pulumi.Resource): Promise<void> {
    if (!this.hasHappened || !asksHosts()) return;
    const text = `Oracle has restarted ${this.host}: waits until it lets SSH in, ${seconds} s at most.`;
    await pulumi.log.info(text, component);
    const deadline = performance.now() + seconds * 1_000;
    while (
      performance.now() < deadline &&
      !(await this.hasBooted(connection, (deadline - performance.now()) / 1_000))
    );
  }

  /** Whether the host lets this program in after its restart, or there is no use in waiting. */
  private async hasBooted(connection: Connection, seconds: number): Promise<boolean> {
    const patience = { ...bootPatience(seconds), refusals: REFUSALS };
    const session = await logInPatiently(connection, LOGIN_LIMIT, patience).catch(() => undefined);
    if (!session) return true;
    try {
      // A host that is about to shut down still lets everybody in.
      const sinceUpdate = (performance.now() - this.updateBegan) / 1_000;
      if (!((await secondsSinceBoot(session)) > sinceUpdate)) return true;
    } catch {
      // The session ends with the host's shutdown.
    } finally {
      session.close();
    }
    await new Promise((resolve) => setTimeout(resolve, patience.pause));
    return false;
  }
}

/** @returns NaN where the host does not say */
async function secondsSinceBoot(session: SshSession): Promise<number> {
  const { stdout } = await session.run(READ_BOOT, "", LOGIN_LIMIT);
  const [uptime = NaN, bootStart = NaN] = stdout.trim().split(/\s+/).map(Number);
  return uptime - bootStart / 1e6;
}

/** Whether Oracle has restarted an instance for an update, or still does. One that is off stays off. */
function restarts(inputs: Size, before: Size, after: Size & { state?: string }): boolean {
  if (after.state === "STOPPED") return false;
  const desired = valuesOf(inputs);
  const [beforeValues, afterValues] = [valuesOf(before), valuesOf(after)];
  return desired.some(
    (value, index) =>
      value !== undefined && value !== beforeValues[index] && beforeValues[index] !== afterValues[index],
  );
}

const valuesOf = ({ shape, shapeConfig, faultDomain }: Size) => [
  shape,
  shapeConfig?.ocpus,
  shapeConfig?.memoryInGbs,
  faultDomain,
];
