import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { Inventory } from "../../lab/hosts/inventory.ts";
import { until } from "../../lab/system/commands.ts";
import { countTries } from "../triedCounts.ts";
import { expectFailure, expectSuccess, expectUnchanged, stateDeleteArguments } from "./support/outcome.ts";
import { TestStack } from "./support/testStack.ts";
import type { ConfigChange } from "./support/testStack.ts";

/**
 * Hosts that accept TCP and never speak, which the provider would wait for without a limit: their sshd is stopped, and
 * the kernel accepts connections for it.
 */

const silenceHost = (stack: TestStack, host: string) =>
  stack.on(host, "systemctl kill --kill-whom=main --signal=STOP ssh");
const wakeHost = (stack: TestStack, host: string) =>
  stack.on(host, "systemctl kill --kill-whom=main --signal=CONT ssh");

/** Runs an `up` while a host is silent. It has to fail in time. Returns what it printed. */
async function failingUp(stack: TestStack, host: string, config: object): Promise<string> {
  await silenceHost(stack, host);
  const startedAt = Date.now();
  const text = expectFailure(await stack.up(config));
  expect(Date.now() - startedAt).toBeLessThan(120_000);
  await wakeHost(stack, host);
  return text;
}

describe("a host accepts TCP and never speaks", () => {
  const INVENTORY: Inventory = {
    alpha: { address: "10.196.219.2/24", mac: "02:00:17:00:00:01", nic: "ens3" },
    beta: { address: "10.196.219.3/24", mac: "02:00:17:00:00:02", nic: "ens3" },
    gamma: { address: "10.196.219.4/24", mac: "02:00:17:00:00:03", nic: "ens3" },
  };
  let stack: TestStack;
  beforeAll(async () => {
    stack = await TestStack.boot("test-silent-hosts", INVENTORY);
    for (const host of Object.keys(INVENTORY)) await stack.waitForBoot(host);
    expectSuccess(await stack.up(config(withoutGamma)));
  });
  afterAll(() => stack.remove());
  beforeEach(countTries("faults"));

  const config = (change: ConfigChange) => stack.config(change);
  const withoutGamma: ConfigChange = (e) => delete e.hosts.gamma;
  const verifyOff: ConfigChange = (e) => (e.overlay.verify = false);
  const SILENT_HOST_TEXT =
    /beta: SSH to 10\.196\.219\.3 port 22, tried 3 times: it accepts TCP, and there was no SSH banner/;

  test("up names it where it needs new peers, sets up the other hosts, and the next up finishes", async () => {
    const text = await failingUp(stack, "beta", stack.config());
    expect(text).toContain("command:remote:Command (overlay-beta-peers)");
    expect(text).toMatch(SILENT_HOST_TEXT);
    expect((await stack.failingPairs()).filter((pair) => !pair.includes("beta"))).toEqual([]);
    expectSuccess(await stack.up());
    expect(await stack.failingPairs()).toEqual([]);
    expectUnchanged(await stack.up());
  });

  test("up names it where no traffic is tested", async () => {
    const text = await failingUp(
      stack,
      "beta",
      config((e) => {
        withoutGamma(e);
        verifyOff(e);
      }),
    );
    expect(text).toContain("command:remote:Command (overlay-beta-peers)");
    expect(text).toMatch(SILENT_HOST_TEXT);
    expectSuccess(await stack.up());
    expect(await stack.failingPairs()).toEqual([]);
  });

  test("up names it where it leaves, as often as it is tried, and removes it once it speaks", async () => {
    for (let attempt = 1; attempt <= 2; attempt++) {
      const text = await failingUp(stack, "gamma", config(withoutGamma));
      expect(text).toMatch(/gamma: SSH to 10\.196\.219\.4 port 22, tried 3 times: it accepts TCP, and/);
      expect(text).toMatch(
        /^ +pulumi state delete --stack lab --yes --target-dependents 'urn:.*-gamma-device'$/m,
      );
    }
    expect(await stack.on("gamma", "ls /etc/oci-vxlan")).toContain("lab.overlay");
    const { counts } = expectSuccess(await stack.up(config(withoutGamma)));
    expect(counts).toMatchObject({ deleted: 2 });
    expect(await stack.on("gamma", "ls /etc/oci-vxlan 2>/dev/null || true")).toBe("");
    expect(await stack.failingPairs()).toEqual([]);
  });

  test("up forgets one that is gone for good by the command that it prints", async () => {
    expectSuccess(await stack.up());
    const text = await failingUp(stack, "gamma", config(withoutGamma));
    expectSuccess(await stack.pulumi(stateDeleteArguments(text), config(withoutGamma)));
    expectSuccess(await stack.up(config(withoutGamma)));
    expect(await stack.failingPairs()).toEqual([]);
  });

  test("destroy waits for it, and goes on once it speaks", async () => {
    await silenceHost(stack, "beta");
    const destroyRun = stack.destroy(config(withoutGamma));
    const connections = () => stack.on("beta", "ss -Htn state established '( sport = :22 )'");
    await until("the provider's connection", 60_000, async () => (await connections()) !== "");
    expect((await stack.on("beta", "ls /etc/oci-vxlan")).trim()).toBe("lab.overlay");
    await wakeHost(stack, "beta");
    expectSuccess(await destroyRun);
    expect(await stack.on("beta", "ls /etc/oci-vxlan 2>/dev/null || true")).toBe("");
  });
});

describe("an instance accepts TCP and never speaks", () => {
  let stack: TestStack;
  beforeAll(async () => {
    stack = await TestStack.bootCloud("test-silent-instances");
    expectSuccess(await stack.up(stack.referenceConfig()));
  });
  afterAll(() => stack.remove());
  beforeEach(countTries("faults"));

  test("phase ready waits for it until the boot timeout, and the next up finishes", async () => {
    const withBootTimeout = (seconds: number) =>
      stack.referenceConfig((e) => (e.hosts.host02.instance.bootTimeout = seconds));
    const text = await failingUp(stack, "host02", withBootTimeout(20));
    expect(text).toContain("command:remote:Command (overlay-host02-ready)");
    expect(text).toMatch(/no SSH login within 20 s: it accepts TCP, and there was no SSH banner within 8 s/);
    expectSuccess(await stack.up(withBootTimeout(60)));
    expect(await stack.failingPairs()).toEqual([]);
    expectUnchanged(await stack.up(withBootTimeout(60)));
  });
});
