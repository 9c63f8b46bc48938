import type { Inventory } from "./hosts/hosts.ts";

/** The memo's two hosts, at the memo's addresses; each in a /30 of its own. */
export const MEMO: Inventory = {
  host01: { address: "10.196.218.222/30", mac: "c6:b0:e9:14:c2:ae", nic: "eth0" },
  host02: { address: "10.196.218.226/30", mac: "c6:b0:ae:55:e4:10", nic: "eth0" },
};
