import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { attempt, until } from "../lab/system/commands.ts";

/** Starts a real SSH agent at a socket, and returns it when it answers: the socket is there a moment before that. */
export async function startSshAgent(socket: string): Promise<ChildProcess> {
  const agent = spawn("ssh-agent", ["-D", "-a", socket], { stdio: "ignore" });
  const NO_ANSWER = 2; // 1 means that it holds no key.
  const list = () => attempt(["ssh-add", "-l"], { env: { SSH_AUTH_SOCK: socket } });
  await until("the agent", 20_000, async () => (await list()).exitCode !== NO_ANSWER, 20);
  return agent;
}
