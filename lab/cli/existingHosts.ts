import type { Inventory } from "../hosts/inventory.ts";

/** The two hosts of the reference environment, at its addresses; each host is alone in a /30. */
export const REFERENCE_HOSTS: Inventory = {
  host01: { address: "10.196.218.222/30", mac: "c6:b0:e9:14:c2:ae", nic: "eth0" },
  host02: { address: "10.196.218.226/30", mac: "c6:b0:ae:55:e4:10", nic: "eth0" },
};

/** The hosts that exist before the stack is created; undefined for a stack whose hosts are instances in the cloud. */
export const existingHostsOf = (stack: string): Inventory | undefined =>
  stack === "lab-existing" ? REFERENCE_HOSTS : undefined;
