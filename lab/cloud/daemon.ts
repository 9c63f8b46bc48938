import { createPublicKey } from "node:crypto";
import { mkdirSync, readFileSync, watch, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { openLab } from "../system/lab.ts";
import { apiPublicKey, fingerprintOf, serverCertificate, serverKey } from "./access.ts";
import { changeFaults, faultsFile, readFaults } from "./faults.ts";
import { Machines } from "./machines.ts";
import { Cloud } from "./model/cloud.ts";
import { outOfCapacity } from "./model/errors.ts";
import { resumeInstances, terminateInstance } from "./model/power.ts";
import { loadState } from "./model/store.ts";
import { cloudReady, ENDPOINT, stateFile } from "./daemonFiles.ts";
import { BASE_PATH, TENANCY, USER } from "./region.ts";
import { ApiError } from "./api/errors.ts";
import { apiServer } from "./api/server.ts";

/**
 * The process of the lab's cloud, in the operator's network namespace: `daemon.ts LAB VERSION`. It starts from the state
 * that an earlier process saved, even one that was killed.
 */

const lab = openLab(process.argv[2] ?? "");
const machines: Machines = new Machines(lab, () => cloud);
const cloud: Cloud = new Cloud(loadState(stateFile(lab)), machines);

/**
 * Answers a request with the next injected fault.
 *
 * @throws ApiError or CloudError while there is a fault for the request
 */
function injectFault(method: string, path: string): void {
  const { api, capacity, skipFirst } = readFaults(lab);
  const [fault] = api;
  if (fault !== undefined) {
    changeFaults(lab, (faults) => {
      const next = faults.api[0];
      if (next !== undefined && --next.count <= 0) faults.api.shift();
    });
    throw new ApiError(fault.status, fault.code, "A fault that the lab was asked for.");
  }
  if (capacity > 0 && method === "POST" && path === `${BASE_PATH}/instances`) {
    changeFaults(lab, (faults) => (skipFirst > 0 ? (faults.skipFirst -= 1) : (faults.capacity -= 1)));
    if (skipFirst === 0) throw outOfCapacity();
  }
}

/** Terminates the instances that a fault names by host, as if Oracle had done it. */
function injectTerminations(): void {
  const { terminate } = readFaults(lab);
  if (terminate.length === 0) return;
  for (const [id, { host }] of Object.entries(cloud.state.machines))
    if (terminate.includes(host)) terminateInstance(cloud, id);
  changeFaults(lab, (faults) => (faults.terminate = []));
  cloud.save();
}

const publicKey = readFileSync(apiPublicKey(lab), "utf8");
const server = apiServer({
  cloud,
  certificate: readFileSync(serverCertificate(lab)),
  key: readFileSync(serverKey(lab)),
  caller: { keyId: `${TENANCY}/${USER}/${fingerprintOf(publicKey)}`, key: createPublicKey(publicKey) },
  injectFault,
});

process.on("SIGTERM", () => process.exit(0));

await machines.syncNetwork();
await resumeInstances(cloud);
mkdirSync(dirname(faultsFile(lab)), { recursive: true, mode: 0o700 });
watch(dirname(faultsFile(lab)), injectTerminations);
injectTerminations();
server.listen(ENDPOINT.port, ENDPOINT.address, () =>
  writeFileSync(cloudReady(lab), `${process.pid} ${process.argv[3] ?? ""}`),
);
