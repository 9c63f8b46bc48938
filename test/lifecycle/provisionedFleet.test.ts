import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Inventory } from "../../lab/hosts/hosts.ts";
import { TestEnvironment } from "./environment.ts";

/** A host that is there before the cloud is asked for anything, reached without it. */
const BEFORE: Inventory = {
  veteran: { address: "10.196.217.2/30", mac: "02:00:17:00:01:01", nic: "ens3", image: "oracle-linux-like" },
};

/** More than two hosts, in one subnet and beside one that exists: by config alone. */
describe("a provisioned fleet", () => {
  let env: TestEnvironment;
  beforeAll(async () => {
    env = await TestEnvironment.cloud("test-provisioned-fleet", BEFORE);
  });
  afterAll(() => env.remove());

  /** So many hosts in one subnet, one of them with an image like Oracle Linux. */
  const fleet = (size: number, change: (environment: any) => void = () => undefined) =>
    env.memoConfig((e) => {
      e.network.subnets = { hosts: { cidr: "10.196.218.192/27" } };
      e.hosts = Object.fromEntries(
        Array.from({ length: size }, (_, index) => [
          `node${index + 1}`,
          {
            overlayAddresses: [`192.168.0.${index + 1}`],
            instance: index === 1 ? { image: { operatingSystem: "Oracle Linux", version: "9" } } : {},
          },
        ]),
      );
      change(e);
    });
  const up = async (config: object) => {
    const { exitCode, text, counts } = await env.pulumi(["up", "--yes", "--skip-preview"], config);
    expect(exitCode, text).toBe(0);
    return counts;
  };

  test("three hosts in one subnet, whose addresses the cloud chose", async () => {
    await up(fleet(3));
    expect(await env.failing()).toEqual([]);
  });

  test("joined by one that existed before: every pair passes", async () => {
    const counts = await up(
      fleet(3, (e) => {
        e.hosts.veteran = env.config().hosts.veteran;
        e.hosts.veteran.overlayAddresses = ["192.168.0.100"];
      }),
    );
    // Device and peers of the new one; the shared list, and the peers of the others.
    expect(counts).toMatchObject({ created: 2, updated: 4 });
    const proofs = await env.prove();
    expect(proofs).toHaveLength(12);
    expect(proofs.filter(({ failure }) => failure !== undefined)).toEqual([]);
  });

  test("back to two, whose peers are two, and then to none", async () => {
    await up(fleet(2));
    expect(await env.failing()).toEqual([]);
    expect(env.instances().filter(({ state }) => state === "RUNNING")).toHaveLength(2);
    const { exitCode, text } = await env.destroy(fleet(2));
    expect(exitCode, text).toBe(0);
    expect(env.instances().filter(({ state }) => state !== "TERMINATED")).toEqual([]);
  });
});
