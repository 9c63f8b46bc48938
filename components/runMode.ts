import * as pulumi from "@pulumi/pulumi";

/**
 * An environment variable that keeps the program from the hosts where it is "no". A program is not told whether it runs
 * for `up`, or for `destroy` or `refresh` with `--run-program`.
 */
export const SWITCH = "OCI_VXLAN_ASK";

/** Whether this run asks the hosts anything by sessions of its own. A preview dials no host. */
export const asksHosts = () => !pulumi.runtime.isDryRun() && process.env[SWITCH] !== "no";
