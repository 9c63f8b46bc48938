import { rmSync } from "node:fs";
import { removeHost } from "../../../lab/hosts/power.ts";
import { startHosts } from "../../../lab/hosts/boot.ts";
import { hostKey } from "../../../lab/hosts/keys.ts";
import { inNetwork } from "../../../lab/network/network.ts";
import { silentProgress } from "../../../lab/system/progress.ts";
import type { TestStack } from "./testStack.ts";

/** Faults that tests inject: packet filters, replaced tools, re-imaged hosts. */

/** Runs a shell script on the router through which all hosts and the operator reach each other. */
export const onRouter = (stack: TestStack, script: string) =>
  inNetwork(stack.lab.namespace("router"), script);

/** Returns the shell command that adds rules ahead of all others, in a table that `REMOVE_RULES` deletes. */
export const addRules = (hook: "input" | "output" | "forward", ...rules: string[]) => {
  const commands = [
    "add table inet fault",
    `add chain inet fault ${hook} { type filter hook ${hook} priority -150; }`,
    ...rules.map((rule) => `add rule inet fault ${hook} ${rule}`),
  ];
  return `nft '${commands.join("; ")}'`;
};

/** On a host whose sshd others send to: small segments pass, such as its banner. */
export const LARGE_TCP_STOPS = addRules("output", `oifname "vxlan0" tcp sport 22 meta length > 3000 drop`);

export const REMOVE_RULES = "nft delete table inet fault 2>/dev/null || true";

/** Stops all packets to an underlay address: "reject" answers at once, "drop" lets connections time out. */
export const partition = (stack: TestStack, address: string, verdict: "reject" | "drop" = "reject") =>
  onRouter(stack, addRules("forward", `ip daddr ${address} ${verdict}`));

export const endPartition = (stack: TestStack) => onRouter(stack, REMOVE_RULES);

/** Has the router carry 1,500 bytes at most to an underlay address. Returns a function that ends that. */
export async function narrowPath(stack: TestStack, address: string): Promise<() => Promise<unknown>> {
  const route = await onRouter(stack, `ip route show ${address}`);
  await onRouter(stack, `ip route replace ${route} mtu lock 1500`);
  return () => onRouter(stack, `ip route replace ${route}`);
}

/** Returns the shell script that runs a piece of bash whenever a tool is called; `$REAL` is the path of the tool. */
export const wrapTool = (path: string, bash: string) => `
mv ${path} ${path}.real
cat >${path} <<'END'
#!/bin/bash
REAL=${path}.real
${bash}
exec $REAL "$@"
END
chmod 755 ${path}`;

export const unwrapTool = (path: string) => `mv ${path}.real ${path}`;

/** Gives a host an empty disk and a new host key, at its old addresses. */
export async function reimage(stack: TestStack, host: string): Promise<void> {
  await removeHost(stack.lab, host);
  for (const file of [hostKey(stack.lab, host), `${hostKey(stack.lab, host)}.pub`]) rmSync(file);
  await startHosts(stack.lab, stack.inventory, silentProgress);
}
