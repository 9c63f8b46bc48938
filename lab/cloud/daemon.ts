import { createPublicKey } from "node:crypto";
import { mkdirSync, readFileSync, watch, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { openLab } from "../system/lab.ts";
import { apiPublicKey, fingerprintOf, serverCertificate, serverKey } from "./access.ts";
import { CloudError, outOfCapacity } from "./errors.ts";
import { changeFaults, faultsFile, readFaults } from "./faults.ts";
import { Machines } from "./machines.ts";
import { Cloud } from "./model/cloud.ts";
import { resumeInstances, terminateInstance } from "./model/power.ts";
import { loadState } from "./model/store.ts";
import { cloudReady, ENDPOINT, stateFile } from "./daemonControl.ts";
import { BASE_PATH, TENANCY, USER } from "./region.ts";
import { apiServer } from "./api/server.ts";

/**
 * The lab's cloud as a process of its own, in the operator's network namespace: `daemon.ts LAB VERSION`. It goes on
 * with whatever an earlier one left, however that one ended.
 */

const lab = openLab(process.argv[2] ?? "");
const machines: Machines = new Machines(lab, () => cloud);
const cloud: Cloud = new Cloud(loadState(stateFile(lab)), machines);

/** Faults that were asked for come before what the request asks for. */
function disturb(method: string, path: string): void {
  const { api, capacity, spared } = readFaults(lab);
  const [fault] = api;
  if (fault !== undefined) {
    changeFaults(lab, (faults) => {
      const left = faults.api[0];
      if (left !== undefined && --left.count <= 0) faults.api.shift();
    });
    throw new CloudError(fault.status, fault.code, "A fault that the lab was asked for.");
  }
  if (capacity > 0 && method === "POST" && path === `${BASE_PATH}/instances`) {
    changeFaults(lab, (faults) => (spared > 0 ? (faults.spared -= 1) : (faults.capacity -= 1)));
    if (spared === 0) throw outOfCapacity();
  }
}

/** Terminates the hosts that somebody wants to see terminated behind the program's back. */
function terminateAsAsked(): void {
  const { terminate } = readFaults(lab);
  if (terminate.length === 0) return;
  for (const [id, { host }] of Object.entries(cloud.state.machines))
    if (terminate.includes(host)) terminateInstance(cloud, id);
  changeFaults(lab, (faults) => (faults.terminate = []));
  cloud.save();
}

const publicKey = readFileSync(apiPublicKey(lab), "utf8");
const server = apiServer(cloud, {
  certificate: readFileSync(serverCertificate(lab)),
  key: readFileSync(serverKey(lab)),
  caller: { keyId: `${TENANCY}/${USER}/${fingerprintOf(publicKey)}`, key: createPublicKey(publicKey) },
  disturb,
});

process.on("SIGTERM", () => process.exit(0));

await machines.network();
await resumeInstances(cloud);
mkdirSync(dirname(faultsFile(lab)), { recursive: true, mode: 0o700 });
watch(dirname(faultsFile(lab)), terminateAsAsked);
terminateAsAsked();
server.listen(ENDPOINT.port, ENDPOINT.address, () =>
  writeFileSync(cloudReady(lab), `${process.pid} ${process.argv[3] ?? ""}`),
);
