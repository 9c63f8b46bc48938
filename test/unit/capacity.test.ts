import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { LaunchQueue } from "../../components/launchQueue.ts";
import { capacityAdvice, capacityPause } from "../../components/oci/capacity.ts";

const NO_CAPACITY = "500-InternalError, Out of host capacity.";

describe("advice is given", () => {
  test("where OCI has no capacity, or a limit is reached", () => {
    expect(capacityAdvice("host02", "VM.X", "500-InternalError, Out of host capacity.")).toMatch(
      /host02 \(VM\.X\).*run it again later.*availabilityDomain.*another shape/,
    );
    expect(capacityAdvice("host02", "VM.X", "400-LimitExceeded, …")).toMatch(/service limits/);
  });
  test.each([
    "Work Request error\nError Message: work request did not succeed, workId: ocid1.x, entity: instance, action: CREATED.",
    "unexpected state 'TERMINATED', wanted target 'RUNNING'",
  ])("where OCI ended the launch: %s", (error) => {
    expect(capacityAdvice("host02", "VM.X", error)).toMatch(/launch of host02 \(VM\.X\), and then ended it/);
  });
  test("for no other error", () => {
    expect(capacityAdvice("host02", "VM.X", "404-NotAuthorizedOrNotFound")).toBeUndefined();
  });
});

describe("after a failed launch the pause is", () => {
  test("five minutes where OCI has no capacity", () => {
    expect(capacityPause(NO_CAPACITY)).toBe(5);
  });
  test("twice as long where OCI throttles", () => {
    expect(capacityPause("429-TooManyRequests, Too many requests for the user")).toBe(10);
  });
  test("none for another error, after which nothing is launched again", () => {
    expect(capacityPause("400-LimitExceeded, …")).toBeUndefined();
    expect(capacityPause("404-NotAuthorizedOrNotFound")).toBeUndefined();
  });
});

describe("the launches of a run that are repeated", () => {
  const MINUTE = 60_000;
  let queue: LaunchQueue;
  beforeEach(() => {
    vi.useFakeTimers({ now: 0 });
    queue = new LaunchQueue(() => 0);
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  const minutesNow = () => Date.now() / MINUTE;
  const pass = (minutes: number) => vi.advanceTimersByTimeAsync(minutes * MINUTE);

  /** A host whose launches all fail at once, and the minutes at which they are repeated. */
  function failingHost(limit: number, pause = 5): { launches: number[]; announcedMinutes: number[] } {
    const host = { launches: [] as number[], announcedMinutes: [] as number[] };
    const deadline = Date.now() + limit * MINUTE;
    const fail = async (): Promise<void> => {
      queue.pause(pause);
      const wait = queue.minutesToTurn();
      if (Date.now() + wait * MINUTE > deadline) return;
      host.announcedMinutes.push(wait);
      if (!(await queue.join(deadline))) return;
      host.launches.push(minutesNow());
      await fail();
    };
    void fail();
    return host;
  }

  test("are five minutes apart, however many hosts wait", async () => {
    const hosts = Array.from({ length: 10 }, () => failingHost(480));
    await pass(100);
    const launches = hosts.flatMap((host) => host.launches).sort((a, b) => a - b);
    expect(launches).toEqual(Array.from({ length: 20 }, (_, index) => (index + 1) * 5));
    // Each host has its turn, and was told when.
    expect(hosts.map((host) => host.launches)).toEqual(
      hosts.map((_, index) => [(index + 1) * 5, (index + 11) * 5]),
    );
    expect(hosts.map((host) => host.announcedMinutes[0])).toEqual(hosts.map((_, index) => (index + 1) * 5));
  });

  test("are five minutes apart also where one succeeds, or is slow to fail", async () => {
    queue.pause(5);
    const turns = [queue.join(Infinity), queue.join(Infinity)].map((turn) => turn.then(minutesNow));
    await pass(10);
    expect(await Promise.all(turns)).toEqual([5, 10]);
  });

  test("are every five minutes of a single host, until its limit", async () => {
    const host = failingHost(20);
    await pass(60);
    expect(host).toEqual({ launches: [5, 10, 15, 20], announcedMinutes: [5, 5, 5, 5] });
  });

  test("wait for the pause after another host's first launch", async () => {
    const firstHost = failingHost(480);
    await pass(3);
    const secondHost = failingHost(480);
    await pass(11);
    expect([firstHost.launches, secondHost.launches]).toEqual([[8], [13]]);
  });

  test("all wait where Oracle throttles one of them", async () => {
    const host = failingHost(480);
    await pass(4);
    queue.pause(10);
    await pass(9);
    expect(host.launches).toEqual([]);
    await pass(1);
    expect(host.launches).toEqual([14]);
  });

  test("leave out a host whose turn would come behind its limit, now or later", async () => {
    const [firstHost, secondHost, thirdHost] = [failingHost(480), failingHost(12), failingHost(14)];
    await pass(4);
    queue.pause(10);
    await pass(10);
    expect(secondHost).toEqual({ launches: [], announcedMinutes: [10] });
    expect(thirdHost).toEqual({ launches: [], announcedMinutes: [] });
    await pass(5);
    // The host that gave up has taken no turn.
    expect(firstHost.launches).toEqual([14, 19]);
  });

  test("are not tried at all by default", () => {
    expect(failingHost(0).announcedMinutes).toEqual([]);
  });
});
