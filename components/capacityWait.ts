import { getInstances } from "@pulumi/oci/core/getInstances.js";
import * as pulumi from "@pulumi/pulumi";
import { logInToApi } from "./apiLogin.ts";
import { askCapacity } from "./capacityReport.ts";
import type { AvailabilityDomain, LaunchRequest } from "./capacityReport.ts";
import { adviceOnError } from "./errorAdvice.ts";
import { takesHooks } from "./hookInputs.ts";
import { LaunchQueue } from "./launchQueue.ts";
import { capacityAdvice, capacityPause, LAUNCH_PAUSE } from "./oci/capacity.ts";
import { asksHosts } from "./runMode.ts";

/** Of the whole run: its instances belong to one account. */
const launches = new LaunchQueue();

/**
 * What an instance does where Oracle has no capacity for it: it is launched in another availability domain that has some,
 * or again after some minutes, in turn with the run's other instances.
 */
export class CapacityWait {
  private readonly component: pulumi.Resource;
  private readonly host: string;
  private readonly shape: string;
  private readonly minutes: number;
  /** When waiting ends, in milliseconds since the epoch; undefined before it begins. */
  private deadline: number | undefined;

  /**
   * @param component that all of it is logged for
   * @param host name of the instance in Oracle's console
   * @param minutes to wait in all; 0: not at all
   */
  constructor(component: pulumi.Resource, host: string, shape: string, minutes: number) {
    this.component = component;
    this.host = host;
    this.shape = shape;
    this.minutes = minutes;
  }

  /**
   * Options of the instance, which is launched again where that may help, and for which advice is given after that. The
   * engine repeats an operation with the same inputs, so the availability domain stays.
   *
   * @param hook name of the hook
   */
  options(hook: string): pulumi.CustomResourceOptions {
    return adviceOnError(
      hook,
      this.component,
      ({ failedOperation, errors: [error = ""] }) =>
        failedOperation === "create" ? capacityAdvice(this.host, this.shape, error) : undefined,
      async ({ failedOperation, errors: [error = ""] }) => {
        const pause = failedOperation === "create" ? capacityPause(error) : undefined;
        return pause !== undefined && this.waitForTurn(pause, "tries again");
      },
    );
  }

  /**
   * Chooses the availability domain of an instance whose config leaves it open: the first, or where capacity is waited
   * for, the first that has some by Oracle's report. Where none has, it asks again after some minutes. A preview asks
   * nothing, and neither does a run whose instance is there.
   *
   * @param first of the domains
   */
  async chooseDomain(
    first: string,
    domains: readonly AvailabilityDomain[],
    compartmentId: string,
    launch: Omit<LaunchRequest, "shape">,
  ): Promise<string> {
    const mayChoose = this.minutes > 0 && domains.length > 1 && asksHosts() && takesHooks();
    if (!mayChoose || (await this.isLaunched(compartmentId))) return first;
    let hasReports = false;
    do {
      try {
        const answers = await askAll(domains, { ...launch, shape: this.shape });
        const available = domains.find((_, index) => answers[index] === "AVAILABLE");
        if (available !== undefined) return available.name;
        // No domain has this hardware, however long the wait.
        if (!answers.includes("OUT_OF_HOST_CAPACITY")) return first;
        hasReports = true;
      } catch (error) {
        // A failure after a first report is most likely temporary.
        if (!hasReports) {
          await this.logMissingReports(first, error);
          return first;
        }
      }
    } while (await this.waitForTurn(LAUNCH_PAUSE, "asks all availability domains again"));
    return first;
  }

  private logMissingReports(domain: string, error: unknown): Promise<void> {
    // Of a request that got no answer, only the cause says why.
    const { message, cause } = error as Error;
    const reason = cause instanceof Error ? `${message}: ${cause.message}` : message;
    const text =
      `Oracle does not say which availability domain has capacity for ${this.host} (${reason}), so it is launched in ${domain}. ` +
      "With 404, the policy `Allow group … to manage compute-capacity-reports in tenancy` is missing.";
    return pulumi.log.info(text, this.component);
  }

  /** Whether there is an instance of this name. Somebody who may not list instances is not asked for reports either. */
  private async isLaunched(compartmentId: string): Promise<boolean> {
    const query = { compartmentId, displayName: this.host };
    const instanceList = await getInstances(query, { parent: this.component }).catch(() => undefined);
    return instanceList?.instances.some(({ state }) => !state.startsWith("TERMINAT")) ?? true;
  }

  /**
   * Waits for this instance's turn, behind all that wait already.
   *
   * @param pause minutes in which no instance of the run has a turn from now on
   * @param action what happens then
   * @returns false where the turn would come too late
   */
  private async waitForTurn(pause: number, action: string): Promise<boolean> {
    launches.pause(pause);
    const now = Date.now();
    this.deadline ??= now + this.minutes * 60_000;
    const [waitMinutes, remainingMinutes] = [launches.minutesToTurn(), (this.deadline - now) / 60_000];
    if (waitMinutes > remainingMinutes) return false;
    const turn = launches.join(this.deadline);
    const text = `Oracle has no capacity for ${this.host} (${this.shape}): ${action} in ${waitMinutes.toFixed(1)} of ${Math.floor(remainingMinutes)} minutes that are left.`;
    await pulumi.log.info(text, this.component);
    return turn;
  }
}

async function askAll(domains: readonly AvailabilityDomain[], launch: LaunchRequest) {
  const config = new pulumi.Config("oci");
  const login = await logInToApi((key) => config.get(key));
  return Promise.all(domains.map((domain) => askCapacity(login, domain, launch)));
}
