import { join } from "node:path";
import type { Lab } from "../system/lab.ts";

/** The files of the cloud's daemon, and its address. */

export const cloudFolder = (lab: Lab) => join(lab.directory, "cloud");

export const cloudPid = (lab: Lab) => join(cloudFolder(lab), "daemon.pid");

export const cloudLog = (lab: Lab) => join(cloudFolder(lab), "daemon.log");

/** Holds the process id and the version of the daemon, once it takes requests. */
export const cloudReady = (lab: Lab) => join(cloudFolder(lab), "ready");

export const stateFile = (lab: Lab) => join(cloudFolder(lab), "state.json");

/** The address of the API in the operator's namespace. */
export const ENDPOINT = { address: "127.0.0.1", port: 443 } as const;
