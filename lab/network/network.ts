import { run } from "../system/commands.ts";
import type { Lab } from "../system/lab.ts";
import { killProcesses } from "../system/processes.ts";
import {
  addNamespace,
  allNamespaces,
  deleteNamespace,
  namespaceExists,
  processesIn,
  releaseMount,
} from "./namespaces.ts";

/**
 * Oracle's network, as far as hosts can tell: a router in a namespace of its own. VNICs are plugged into it by
 * lab/hosts/supervise.sh, each over a link of its own, so everything between two hosts crosses its rules. The
 * operator, from whose namespace Pulumi runs, is outside and sees 1500 bytes.
 */

const OUTSIDE = { router: "198.51.100.1", operator: "198.51.100.10" } as const;

/** MTU of a VNIC in bytes, as Oracle documents it for traffic inside a VCN. */
export const INSIDE_MTU = 9000;

/** The lab's namespaces that exist now. */
export function namespacesOf(lab: Lab): string[] {
  const prefix = lab.namespace("router").replace(/router$/, "");
  return allNamespaces().filter((name) => name.startsWith(prefix));
}

/**
 * Raises the router and the operator's namespace where they are missing.
 *
 * @returns whether they were
 */
export async function createNetwork(lab: Lab): Promise<boolean> {
  const [router, operator] = [lab.namespace("router"), lab.namespace("operator")];
  if (await isComplete(lab)) return false;
  await removeNetwork(lab);
  for (const name of [router, operator]) await addNamespace(lab, name);
  await inNetwork(
    router,
    "echo 1 > /proc/sys/net/ipv4/ip_forward; echo 1 > /proc/sys/net/ipv4/conf/default/proxy_arp; " +
      "echo 0 > /proc/sys/net/ipv4/conf/all/send_redirects; echo 0 > /proc/sys/net/ipv4/conf/default/send_redirects",
  );
  await run(["ip", "-n", router, "-batch", "-"], {
    input: [
      "link set lo up",
      `link add outside mtu 1500 type veth peer name eth0 mtu 1500 netns ${operator}`,
      `address add ${OUTSIDE.router}/24 dev outside`,
      "link set outside up",
    ].join("\n"),
  });
  await run(["ip", "-n", operator, "-batch", "-"], {
    input: [
      "link set lo up",
      `address add ${OUTSIDE.operator}/24 dev eth0`,
      "link set eth0 up",
      `route add default via ${OUTSIDE.router}`,
    ].join("\n"),
  });
  return true;
}

/** The default route is what is made last. */
async function isComplete(lab: Lab): Promise<boolean> {
  const operator = lab.namespace("operator");
  if (!namespaceExists(operator) || !namespaceExists(lab.namespace("router"))) return false;
  return (await run(["ip", "-n", operator, "route", "show", "default"])) !== "";
}

/** Replaces the router's rules, all at once. */
export async function loadRules(lab: Lab, ruleset: string): Promise<void> {
  await run(["nsenter", `--net=/run/netns/${lab.namespace("router")}`, "nft", "-f", "-"], { input: ruleset });
}

/** Removes the router and the operator's namespace, and what still runs there. Hosts have to be gone before. */
export async function removeNetwork(lab: Lab): Promise<void> {
  for (const name of [lab.namespace("operator"), lab.namespace("router")]) {
    await killProcesses(await processesIn(name));
    await deleteNamespace(name);
  }
  await releaseMount(lab.cache);
}

/** Runs a piece of shell in a network namespace. */
export function inNetwork(namespace: string, script: string): Promise<string> {
  return run(["nsenter", `--net=/run/netns/${namespace}`, "sh", "-ec", script]);
}
