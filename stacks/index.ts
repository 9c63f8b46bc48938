import { OverlayEnvironment, RELEASE } from "../components/index.ts";
import { loadEnvironment } from "./load.ts";

/** The program of every stack: an environment is its config file and nothing else. */

/**
 * Pulumi's SDK takes a stack trace for each promise and looks its lines up in source maps, which was a fifth of this
 * program's CPU time. Node keeps the lines where it strips types, so its own traces are right.
 */
delete (Error as Partial<ErrorConstructor>).prepareStackTrace;

const environment = new OverlayEnvironment("overlay", await loadEnvironment());

/** Version of the checkout that has run last. */
export const release = RELEASE;
/** MAC of the VXLAN device on each host. */
export const macs = environment.macs;
/** MTU of the VXLAN device in bytes. */
export const mtu = environment.mtu;
/** Which traffic this run has seen to pass between all hosts, and when. */
export const lastVerified = environment.lastVerified;
/** OCID, private and public address of each host that the stack provisions. */
export const addresses = environment.addresses;
