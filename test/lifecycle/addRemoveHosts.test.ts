import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Inventory } from "../../lab/hosts/inventory.ts";
import { endPartition, partition } from "./support/faults.ts";
import { kernelTables } from "./support/hostState.ts";
import { expectFailure, expectSuccess, stateDeleteArguments } from "./support/outcome.ts";
import { DESTROY, TestStack, UP } from "./support/testStack.ts";

/** Two hosts share a subnet, the third has a /30 of its own, and no NIC is called eth0. */
const INVENTORY: Inventory = {
  alpha: { address: "10.196.219.2/24", mac: "02:00:17:00:00:01", nic: "ens3" },
  beta: { address: "10.196.219.3/24", mac: "02:00:17:00:00:02", nic: "enp0s6" },
  gamma: { address: "10.196.218.222/30", mac: "02:00:17:00:00:03", nic: "ens3" },
};

/** Hosts are added to the config and removed from it. Each test starts where the one before ended. */
describe("an overlay whose hosts change", () => {
  let stack: TestStack;
  beforeAll(async () => {
    stack = await TestStack.boot("test-add-remove-hosts", INVENTORY);
  });
  afterAll(() => stack.remove());

  const withoutGamma = () => stack.config((e) => delete e.hosts.gamma);

  test("it starts with two hosts", async () => {
    const { counts } = expectSuccess(await stack.up(withoutGamma()));
    expect(counts).toEqual({ created: 8 });
  });

  /** A preview with all differences. Of a resource that is updated it shows no line of a script or of a list. */
  const previewText = async (config: object) => {
    const { exitCode, text } = await stack.pulumi(["preview", "--diff"], config);
    expect(exitCode, text).toBe(0);
    expect(text).toMatch(/^ +~ stdin \(hidden\)$/m);
    expect(text).not.toMatch(/PRIVATE KEY|END_OF_OCI|^ *[-+~]? *(vni|peer|mtu) /m);
    expect(text).not.toMatch(/^ *~ (stdin|create|delete|input) *:/m);
    return text;
  };

  test("preview says in words that a third host joins it, and shows no script", async () => {
    const text = await previewText(stack.config());
    expect(text).toContain("gamma joins: the lists of peers of alpha and beta grow by 1.");
  });

  test("a third host joins it, and only the peers of the others are updated", async () => {
    const { counts } = expectSuccess(await stack.up());
    expect(counts).toEqual({ created: 2, updated: 3, unchanged: 5 });
    const results = await stack.testConnectivity();
    expect(results).toHaveLength(6);
    expect(results.filter(({ failure }) => failure !== undefined)).toEqual([]);
  });

  test("preview says in words which setting changes, and which host leaves", async () => {
    const text = await previewText(
      stack.config((e) => {
        e.overlay.vni = 101;
        delete e.hosts.gamma;
      }),
    );
    expect(text.match(/vni: 100 becomes 101/g)).toHaveLength(1);
    expect(text).toContain("gamma leaves: the lists of peers of alpha and beta shrink by 1.");
  });

  test("the third host leaves it, and no entry names that host any more", async () => {
    const { macs } = await stack.outputs();
    const { counts } = expectSuccess(await stack.up(withoutGamma()));
    expect(counts).toEqual({ updated: 3, deleted: 2, unchanged: 5 });
    for (const host of ["alpha", "beta"]) {
      expect(await kernelTables(stack, host)).not.toContain(macs.gamma);
      expect(await kernelTables(stack, host)).not.toContain("10.196.218.222");
    }
    const remainingParts = await stack.on(
      "gamma",
      "ip -o link show type vxlan; ls /etc/oci-vxlan 2>/dev/null || true",
    );
    expect(remainingParts).toBe("");
    expect(await stack.failingPairs()).toEqual([]);
  });

  test("up prints how to forget a host that cannot be reached any more, and then succeeds without it", async () => {
    expectSuccess(await stack.up());
    await partition(stack, "10.196.218.222");
    const text = expectFailure(await stack.up(withoutGamma()));
    expectSuccess(await stack.pulumi(stateDeleteArguments(text), withoutGamma()));
    const { counts } = expectSuccess(await stack.up(withoutGamma()));
    expect(counts).toEqual({ unchanged: 8 });
    await endPartition(stack);
  });

  test("up and destroy work with one operation at a time", async () => {
    expectSuccess(await stack.pulumi([...UP, "--parallel", "1"]));
    expect(await stack.failingPairs()).toEqual([]);
    expectSuccess(await stack.pulumi([...DESTROY, "--parallel", "1"]));
  });
});
