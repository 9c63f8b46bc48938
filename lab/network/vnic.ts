import { createHash } from "node:crypto";
import { SECURED_PREFIX } from "./securityListRules.ts";

/** A VNIC as the router sees it. */
export interface Vnic {
  /** The VNIC's interface in the router. */
  port: string;
  /** Its IPv4 address, without prefix length. */
  address: string;
}

/** The name of a host's interface in the router: a hash of the host's name, so that no numbers have to be stored. */
export const portOf = (host: string, isInstance = false) =>
  `${isInstance ? SECURED_PREFIX : "v"}${createHash("sha256").update(host).digest("hex").slice(0, 10)}`;
