import type { Inventory } from "../hosts/inventory.ts";

/** The memo's two hosts, at the memo's addresses; each in a /30 of its own. */
export const MEMO: Inventory = {
  host01: { address: "10.196.218.222/30", mac: "c6:b0:e9:14:c2:ae", nic: "eth0" },
  host02: { address: "10.196.218.226/30", mac: "c6:b0:ae:55:e4:10", nic: "eth0" },
};

/**
 * The hosts that a stack finds on this machine because they existed before it; undefined for a stack that has
 * its hosts made by the lab's cloud.
 */
export const inventoryOf = (stack: string): Inventory | undefined =>
  stack === "lab-existing" ? MEMO : undefined;
