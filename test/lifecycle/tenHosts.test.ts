import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { runningCloud } from "../../lab/cloud/daemonControl.ts";
import { memoryOf } from "../../lab/system/processes.ts";
import { statusOf } from "../../lab/hosts/status.ts";
import { expectSuccess, expectUnchanged } from "./support/outcome.ts";
import { TestStack } from "./support/testStack.ts";

const HOSTS = Array.from({ length: 10 }, (_, index) => `node${String(index + 1).padStart(2, "0")}`);

/** Ten instances in one subnet, at addresses that the cloud chooses. Each test starts where the one before ended. */
describe("an overlay of ten instances", () => {
  let stack: TestStack;
  beforeAll(async () => {
    stack = await TestStack.bootCloud("test-ten-hosts");
  });
  afterAll(() => stack.remove());

  const config = () =>
    stack.referenceConfig((e) => {
      e.network.vcn = { cidr: "10.20.0.0/16" };
      e.network.subnets = { all: { cidr: "10.20.1.0/24" } };
      e.hosts = Object.fromEntries(
        HOSTS.map((host, index) => [
          host,
          { overlayAddresses: [`192.168.0.${index + 1}`], instance: { subnet: "all" } },
        ]),
      );
      e.hosts.node10.instance.image = { operatingSystem: "Oracle Linux", version: "9" };
    });
  const hostsWithInstance = () =>
    stack
      .instances()
      .map(({ host }) => host)
      .sort();

  test("one up creates it, and all traffic passes", async () => {
    expectSuccess(await stack.up(config()));
    expect(hostsWithInstance()).toEqual(HOSTS);
    expect(await stack.failingPairs()).toEqual([]);
  });

  test("the lab uses less than 400 MB for its hosts, and less than 120 MB for its cloud", async () => {
    const statuses = await Promise.all(HOSTS.map((host) => statusOf(stack.lab, host)));
    expect(statuses.every(({ isRunning }) => isRunning)).toBe(true);
    expect(statuses.reduce((sum, { megabytes }) => sum + megabytes, 0)).toBeLessThan(400);
    expect(memoryOf([runningCloud(stack.lab) ?? 0]) / 1024).toBeLessThan(120);
  });

  test("a second up changes nothing", async () => {
    expectUnchanged(await stack.up(config()));
  });

  test("one host leaves it, and no other machine reboots", async () => {
    const readBootTimes = () =>
      Promise.all(HOSTS.slice(1).map((host) => stack.on(host, "cut -d' ' -f22 /proc/1/stat")));
    const bootTimes = await readBootTimes();
    const configWithoutOne = config();
    delete configWithoutOne.hosts.node01;
    expectSuccess(await stack.up(configWithoutOne));
    expect(await readBootTimes()).toEqual(bootTimes);
    expect(hostsWithInstance()).not.toContain("node01");
  });

  test("destroy terminates every instance", async () => {
    expectSuccess(await stack.destroy(config()));
    expect(stack.instances()).toEqual([]);
  });
});
