import { LAUNCH_PAUSE } from "./oci/capacity.ts";

const MINUTE = 60_000;

/**
 * The repeated launches of all instances of a run, one after the other. Oracle disables accounts that launch too often,
 * and counts the launches of all their instances: ten hosts that pause five minutes each would launch ten times as often
 * as one. First launches do not queue.
 */
export class LaunchQueue {
  /** Until then no launch is repeated. Times are in milliseconds since the epoch. */
  private pausedUntil = 0;
  private waitingCount = 0;
  private lastTurn: Promise<unknown> = Promise.resolve();
  private readonly jitter: () => number;

  /** @param jitter milliseconds that a wait is longer, up to a minute, so that stacks of one account keep apart */
  constructor(jitter = () => Math.random() * MINUTE) {
    this.jitter = jitter;
  }

  /** A launch has failed: no instance is launched again in the next minutes. */
  pause(minutes: number): void {
    this.pausedUntil = Math.max(this.pausedUntil, Date.now() + minutes * MINUTE);
  }

  /** Minutes until the turn of an instance that would join now. Launches that fail meanwhile may make it later. */
  minutesToTurn(): number {
    const pause = Math.max(0, this.pausedUntil - Date.now()) / MINUTE;
    return pause + this.waitingCount * LAUNCH_PAUSE;
  }

  /**
   * Waits behind all that have joined before.
   *
   * @param deadline time after which the instance is not launched
   * @returns whether its turn has come; false where that would be after the deadline
   */
  join(deadline: number): Promise<boolean> {
    this.waitingCount += 1;
    const turn = this.lastTurn.then(() => this.waitUntil(deadline));
    this.lastTurn = turn;
    return turn;
  }

  private async waitUntil(deadline: number): Promise<boolean> {
    // Each wait is bounded by the deadline, and each further one is for a launch that failed meanwhile.
    while (Date.now() < this.pausedUntil && this.pausedUntil <= deadline)
      await new Promise((resolve) => setTimeout(resolve, this.pausedUntil - Date.now() + this.jitter()));
    this.waitingCount -= 1;
    if (this.pausedUntil > deadline) return false;
    this.pause(LAUNCH_PAUSE);
    return true;
  }
}
