import { run } from "../system/commands.ts";
import type { Lab } from "../system/lab.ts";
import { killProcesses } from "../system/processes.ts";
import { raiseKernelLimits, restoreKernelLimits } from "./kernelLimits.ts";
import {
  addNamespace,
  allNamespaces,
  deleteNamespace,
  namespaceExists,
  processesIn,
  releaseMount,
} from "./namespaces.ts";

/**
 * Oracle's network: a router in a namespace of its own. lab/hosts/supervise.sh connects each VNIC to it by a separate
 * link, so every packet between two hosts passes the router's rules. The operator, in whose namespace Pulumi runs, is
 * outside the cloud, behind a link with an MTU of 1500 bytes.
 */

const OUTSIDE = { router: "198.51.100.1", operator: "198.51.100.10" } as const;

/** MTU of a VNIC in bytes. Oracle documents it for traffic inside a VCN. */
export const INSIDE_MTU = 9000;

/** The names of the lab's existing namespaces. */
export function namespacesOf(lab: Lab): string[] {
  const prefix = lab.namespace("router").replace(/router$/, "");
  return allNamespaces().filter((name) => name.startsWith(prefix));
}

/**
 * Creates the router and the operator's namespace, unless both are complete.
 *
 * @returns whether it created them
 */
export async function createNetwork(lab: Lab): Promise<boolean> {
  const [router, operator] = [lab.namespace("router"), lab.namespace("operator")];
  if (await isComplete(lab)) {
    raiseKernelLimits();
    return false;
  }
  await removeNamespaces(lab);
  for (const name of [router, operator]) await addNamespace(lab, name);
  // After the router is there, so that a lab that ends meanwhile does not put them back.
  raiseKernelLimits();
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

/** The operator's default route is the last thing that createNetwork creates. */
async function isComplete(lab: Lab): Promise<boolean> {
  const operator = lab.namespace("operator");
  if (!namespaceExists(operator) || !namespaceExists(lab.namespace("router"))) return false;
  return (await run(["ip", "-n", operator, "route", "show", "default"])) !== "";
}

/** Loads rules into the router in one transaction. A ruleset replaces its own table and no other. */
export async function loadRules(lab: Lab, ruleset: string): Promise<void> {
  await run(["nsenter", `--net=/run/netns/${lab.namespace("router")}`, "nft", "-f", "-"], { input: ruleset });
}

/** Removes the router and the operator's namespace, with their processes. All hosts must have ended before. */
export async function removeNetwork(lab: Lab): Promise<void> {
  await removeNamespaces(lab);
  await releaseMount(lab.cache);
  restoreKernelLimits();
}

async function removeNamespaces(lab: Lab): Promise<void> {
  for (const name of [lab.namespace("operator"), lab.namespace("router")]) {
    await killProcesses(await processesIn(name));
    await deleteNamespace(name);
  }
}

/** Runs a shell script in a network namespace. */
export function inNetwork(namespace: string, script: string): Promise<string> {
  return run(["nsenter", `--net=/run/netns/${namespace}`, "sh", "-ec", script]);
}
