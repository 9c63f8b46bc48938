import type { ChildProcess } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { REFERENCE_HOSTS } from "../../lab/cli/existingHosts.ts";
import { loginKey } from "../../lab/hosts/keys.ts";
import { run } from "../../lab/system/commands.ts";
import { startSshAgent } from "../sshAgent.ts";
import { expectFailure, expectSuccess, expectUnchanged } from "./support/outcome.ts";
import { DESTROY, TestStack, UP } from "./support/testStack.ts";

/** The login key is in an agent alone. Each test starts where the one before ended. */
describe("an overlay whose login key an SSH agent has", () => {
  let stack: TestStack;
  const agents: ChildProcess[] = [];
  beforeAll(async () => {
    stack = await TestStack.boot("test-ssh-agent", REFERENCE_HOSTS);
  });
  afterAll(async () => {
    for (const agent of agents) agent.kill();
    await stack.remove();
  });

  /** Starts an agent that holds the login key. */
  const startAgent = async (name: string): Promise<string> => {
    const socket = join(stack.lab.directory, name);
    agents.push(await startSshAgent(socket));
    await run(["ssh-add", "-q", loginKey(stack.lab)], { env: { SSH_AUTH_SOCK: socket } });
    return socket;
  };
  const withAgent = (agent: boolean | string = true) => stack.config((e) => (e.ssh = { user: "opc", agent }));
  const pulumi = (args: readonly string[], socket: string, config: object) =>
    stack.pulumi(args, config, { variables: { SSH_AUTH_SOCK: socket } });
  const readState = () =>
    JSON.parse(readFileSync(join(stack.lab.directory, "state/.pulumi/stacks/oci-vxlan/lab.json"), "utf8"))
      .checkpoint.latest.resources;

  test("up sets it up, a second one by another socket changes nothing, and destroy removes it", async () => {
    const [firstAgent, secondAgent] = [await startAgent("agent1"), await startAgent("agent2")];
    expectSuccess(await pulumi(UP, firstAgent, withAgent()));
    expect(await stack.failingPairs()).toEqual([]);
    expect(JSON.stringify(readState())).not.toContain("agent1");
    expectUnchanged(await pulumi(UP, secondAgent, withAgent()));
    expectSuccess(await pulumi(DESTROY, secondAgent, withAgent()));
  });

  test("a socket that the config names is used, whatever SSH_AUTH_SOCK says", async () => {
    const config = withAgent(await startAgent("agent3"));
    expectSuccess(await pulumi(UP, "/nowhere", config));
    expectSuccess(await pulumi(DESTROY, "/nowhere", config));
  });

  test("an agent that is gone is named, whether the config asks for one or not", async () => {
    const textWithAgentKey = expectFailure(await pulumi(UP, "/nowhere", withAgent()));
    expect(textWithAgentKey).toContain(
      "no SSH agent answers at /nowhere, which SSH_AUTH_SOCK names (ENOENT)",
    );
    const textWithoutAgentKey = expectFailure(await pulumi(UP, "/nowhere", stack.config()));
    expect(textWithoutAgentKey).toContain(
      "SSH_AUTH_SOCK is /nowhere, and no SSH agent answers there (ENOENT)",
    );
    expect(textWithoutAgentKey).toContain("env -u SSH_AUTH_SOCK pulumi up");
  });

  test("an agent that answers changes nothing where none is asked for", async () => {
    const socket = await startAgent("agent4");
    expectSuccess(await pulumi(UP, socket, stack.config()));
    expect(await stack.failingPairs()).toEqual([]);
    expectUnchanged(await stack.up());
    expectSuccess(await stack.destroy());
  });
});
