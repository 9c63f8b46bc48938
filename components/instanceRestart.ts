import * as pulumi from "@pulumi/pulumi";
import { logInPatiently } from "./hostLogin.ts";
import type { Connection } from "./remoteCommand.ts";

/** Seconds for one login. */
const LOGIN_LIMIT = 8;

/** Milliseconds between two logins to a host that boots. */
const PAUSE = 2_000;

/** The properties of an instance of which Oracle restarts a running one when they change. */
interface Placement {
  state?: string;
  shape?: string;
  shapeConfig?: { ocpus?: number; memoryInGbs?: number };
  faultDomain?: string;
}

/**
 * Waits for a host whose instance an update restarts. The provider's update ends when Oracle has turned the instance on
 * again, a boot before SSH answers. Since no phase runs because of it, whatever comes next would find nobody.
 *
 * A hook notices the restart, and not an input of a phase: an update may also take back what somebody changed in Oracle's
 * console, and then no input differs from the last run's.
 */
export class InstanceRestart {
  /** Options of the instance. */
  readonly options: pulumi.CustomResourceOptions;
  private readonly host: string;
  private hasHappened = false;

  /** @param hookName unique in the program */
  constructor(hookName: string, host: string) {
    this.host = host;
    this.options = this.hookOptions(hookName);
  }

  private hookOptions(name: string): pulumi.CustomResourceOptions {
    // The SDK's mocks take no hooks.
    if (!("registerResourceHook" in (pulumi.runtime.getMonitor() ?? {}))) return {};
    const notice = new pulumi.ResourceHook(name, ({ oldOutputs, newOutputs }) => {
      this.hasHappened = restarts(oldOutputs as Placement, newOutputs as Placement);
    });
    return { hooks: { afterUpdate: [notice] } };
  }

  /**
   * Resolves when a host that was restarted lets this program in, and at once where it was not restarted. A host that
   * does not come back in time is not refused here: the other hosts get all that they have to get, and the connectivity
   * test at the end of the run says what is wrong with it.
   *
   * @param seconds to wait at most
   */
  async waitForHost(connection: Connection, seconds: number, component: pulumi.Resource): Promise<void> {
    if (!this.hasHappened) return;
    const text = `Oracle has restarted ${this.host}: waits until it lets SSH in, ${seconds} s at most.`;
    await pulumi.log.info(text, component);
    const login = logInPatiently(connection, LOGIN_LIMIT, { attempts: Infinity, pause: PAUSE, seconds });
    await login.then((session) => session.close()).catch(() => undefined);
  }
}

/** Whether Oracle has restarted an instance for an update, or still does. One that is off stays off. */
function restarts(before: Placement, after: Placement): boolean {
  return after.state !== "STOPPED" && placement(before) !== placement(after);
}

function placement({ shape, shapeConfig, faultDomain }: Placement): string {
  return JSON.stringify([shape, shapeConfig?.ocpus, shapeConfig?.memoryInGbs, faultDomain]);
}
