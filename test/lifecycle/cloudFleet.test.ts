import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { runningCloud } from "../../lab/cloud/daemonControl.ts";
import { memoryOf, statusOf } from "../../lab/hosts/hosts.ts";
import { TestEnvironment } from "./environment.ts";

const HOSTS = Array.from({ length: 10 }, (_, index) => `node${String(index + 1).padStart(2, "0")}`);

/** Ten hosts in one subnet by config alone, one of them with another image, whose addresses the cloud chooses. */
describe("a fleet of ten in one subnet", () => {
  let env: TestEnvironment;
  beforeAll(async () => {
    env = await TestEnvironment.cloud("test-ten");
  });
  afterAll(() => env.remove());

  const config = () =>
    env.memoConfig((e) => {
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

  test("comes up in one go, and every pair passes", async () => {
    const { exitCode, text } = await env.up(config());
    expect(exitCode, text).toBe(0);
    expect(
      env
        .instances()
        .map(({ host }) => host)
        .sort(),
    ).toEqual(HOSTS);
    expect(await env.failing()).toEqual([]);
  });

  test("takes less than 400 MB, and its cloud less than 120 MB", async () => {
    const status = await Promise.all(HOSTS.map((host) => statusOf(env.lab, host)));
    expect(status.every(({ running }) => running)).toBe(true);
    expect(status.reduce((sum, { megabytes }) => sum + megabytes, 0)).toBeLessThan(400);
    expect(memoryOf([runningCloud(env.lab) ?? 0]) / 1024).toBeLessThan(120);
  });

  test("a second up changes nothing", async () => {
    const { exitCode, counts } = await env.up(config());
    expect([exitCode, Object.keys(counts)]).toEqual([0, ["unchanged"]]);
  });

  test("loses one host without touching the others' machines", async () => {
    const boots = () =>
      Promise.all(HOSTS.slice(1).map((host) => env.on(host, "cut -d' ' -f22 /proc/1/stat")));
    const before = await boots();
    const nine: any = config();
    delete nine.hosts.node01;
    const { exitCode, text } = await env.up(nine);
    expect(exitCode, text).toBe(0);
    expect(await boots()).toEqual(before);
    expect(env.instances().map(({ host }) => host)).not.toContain("node01");
  });

  test("is destroyed to the last machine", async () => {
    const { exitCode, text } = await env.destroy(config());
    expect(exitCode, text).toBe(0);
    expect(env.instances()).toEqual([]);
  });
});
