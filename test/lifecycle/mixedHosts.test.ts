import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Inventory } from "../../lab/hosts/inventory.ts";
import { expectSuccess } from "./support/outcome.ts";
import { TestStack } from "./support/testStack.ts";
import type { ConfigChange } from "./support/testStack.ts";

/** A host with an image like Oracle Linux that exists before the stack, and is reached without the cloud. */
const INVENTORY: Inventory = {
  existing: { address: "10.196.217.2/30", mac: "02:00:17:00:01:01", nic: "ens3", image: "oracle-linux-like" },
};

/** Instances share a subnet, and an existing host joins them. Each test starts where the one before ended. */
describe("an overlay of instances and an existing host", () => {
  let stack: TestStack;
  beforeAll(async () => {
    stack = await TestStack.bootCloud("test-mixed-hosts", INVENTORY);
  });
  afterAll(() => stack.remove());

  /** Returns a config with this many instances in one subnet; the second has an image like Oracle Linux. */
  const configWith = (size: number, change: ConfigChange = () => undefined) =>
    stack.referenceConfig((e) => {
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

  test("three instances have addresses that the cloud chose, and all traffic passes", async () => {
    expectSuccess(await stack.up(configWith(3)));
    expect(await stack.failingPairs()).toEqual([]);
  });

  test("an existing host joins them, and all traffic passes", async () => {
    const config = configWith(3, (e) => {
      e.hosts.existing = stack.config().hosts.existing;
      e.hosts.existing.overlayAddresses = ["192.168.0.100"];
    });
    const { counts } = expectSuccess(await stack.up(config));
    // Created: device and peers of the existing host. Updated: the Security List, and peers of each instance.
    expect(counts).toMatchObject({ created: 2, updated: 5 });
    const results = await stack.testConnectivity();
    expect(results).toHaveLength(12);
    expect(results.filter(({ failure }) => failure !== undefined)).toEqual([]);
  });

  test("two hosts leave, and the other two pass traffic until destroy terminates them", async () => {
    expectSuccess(await stack.up(configWith(2)));
    expect(await stack.failingPairs()).toEqual([]);
    expect(stack.instances().filter(({ state }) => state === "RUNNING")).toHaveLength(2);
    expectSuccess(await stack.destroy(configWith(2)));
    expect(stack.instances().filter(({ state }) => state !== "TERMINATED")).toEqual([]);
  });
});
