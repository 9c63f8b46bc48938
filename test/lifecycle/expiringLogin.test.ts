import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { withoutPrefix } from "../../lab/hosts/inventory.ts";
import type { Inventory } from "../../lab/hosts/inventory.ts";
import { installationTraces, readEach } from "./support/hostState.ts";
import { expectFailure, expectSuccess, expectUnchanged } from "./support/outcome.ts";
import { TestStack } from "./support/testStack.ts";

const INVENTORY: Inventory = {
  host01: { address: "10.196.218.222/30", mac: "02:00:17:00:02:01", nic: "ens3" },
  host02: { address: "10.196.218.226/30", mac: "02:00:17:00:02:02", nic: "ens3" },
  jump: { address: "10.196.217.2/24", mac: "02:00:17:00:02:03", nic: "ens3" },
};
const JUMP = withoutPrefix(INVENTORY["jump"]?.address ?? "");

/** As a session of Oracle's Bastion: a user of the jump host who has no shell, and whom it forgets after some hours. */
describe("a jump host whose login expires", () => {
  let stack: TestStack;
  let tracesBefore: Record<string, string>;
  const traces = () => readEach(["host01", "host02"], (host) => installationTraces(stack, host));
  const startSession = (user: string) =>
    stack.on(
      "jump",
      `useradd --create-home --shell /usr/sbin/nologin ${user}
      install -d -m 700 -o ${user} /home/${user}/.ssh
      install -m 600 -o ${user} /home/opc/.ssh/authorized_keys /home/${user}/.ssh/`,
    );
  const endSession = (user: string) => stack.on("jump", `userdel --remove ${user} 2>&1`);
  const config = (user: string) =>
    stack.config((e) => {
      delete e.hosts.jump;
      e.ssh.proxy = { address: JUMP, user, hostKeyPath: ".lab/keys/jump_host_ed25519.pub" };
    });

  beforeAll(async () => {
    stack = await TestStack.boot("test-expiring-login", INVENTORY);
    for (const host of Object.keys(INVENTORY)) await stack.waitForBoot(host);
    tracesBefore = await traces();
  });
  afterAll(() => stack.remove());

  test("up passes it, and nothing of it is needed afterwards", async () => {
    await startSession("session1");
    expectSuccess(await stack.up(config("session1")));
    await endSession("session1");
    expect(await stack.failingPairs()).toEqual([]);
  });

  test("up and destroy fail when it has expired, and the overlay stays", async () => {
    expect(expectFailure(await stack.up(config("session1")))).toContain(
      `the jump host ${JUMP} port 22 does not let session1 in with this key`,
    );
    expect(expectFailure(await stack.destroy(config("session1")))).toMatch(
      /All configured authentication methods failed|unable to authenticate/,
    );
    expect(await stack.failingPairs()).toEqual([]);
  });

  test("destroy knows a new login only when an up has put it into the state", async () => {
    await startSession("session2");
    expect(expectFailure(await stack.destroy(config("session2")))).toMatch(
      /All configured authentication methods failed|unable to authenticate/,
    );
    const { counts } = expectSuccess(await stack.up(config("session2")));
    expect(counts).toMatchObject({ updated: 4 });
    expectUnchanged(await stack.up(config("session2")));
    expectSuccess(await stack.destroy(config("session2")));
    expect(await traces()).toEqual(tracesBefore);
  });
});
