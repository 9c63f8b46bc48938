import { constants } from "node:os";
import { startCloud } from "../../lab/cloud/daemonControl.ts";
import { startHosts } from "../../lab/hosts/boot.ts";
import { runInHost } from "../../lab/hosts/exec.ts";
import { removeLab } from "../../lab/cli/teardown.ts";
import { prepareEngine } from "../../lab/pulumi/engine/engine.ts";
import type { Engine } from "../../lab/pulumi/engine/engine.ts";
import { openLab } from "../../lab/system/lab.ts";
import type { Lab } from "../../lab/system/lab.ts";
import { silentProgress } from "../../lab/system/progress.ts";
import { fleet, inventoryOf } from "../fleet.ts";
import type { FleetHost, HostKind } from "../fleet.ts";

/** Hosts that a whole run may boot at a time, and commands that run at a time. */
const PARALLEL = 16;

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** Hosts of a lab, and one more than a fleet has: the one that joins it. */
export interface BenchLab {
  lab: Lab;
  engine: Engine;
  kind: HostKind;
  hosts: FleetHost[];
  joining: FleetHost;
}

/** Boots a fleet and lets a bench use it. */
export function withFleet<T>(
  name: string,
  size: number,
  use: (benchLab: BenchLab) => Promise<T>,
): Promise<T> {
  return withLab(name, async (lab) => {
    const hosts = fleet(size + 1);
    for (let first = 0; first < hosts.length; first += PARALLEL)
      await startHosts(lab, inventoryOf(hosts.slice(0, first + PARALLEL)), silentProgress);
    await onEach(hosts, ({ name: host }) =>
      runAsRoot(lab, host, "systemctl is-system-running --wait || true"),
    );
    return use(await benchLabOf(lab, "existing", hosts));
  });
}

/** Starts the lab's cloud, in which a bench creates its hosts. */
export function withCloud<T>(
  name: string,
  size: number,
  use: (benchLab: BenchLab) => Promise<T>,
): Promise<T> {
  return withLab(name, async (lab) => {
    await startCloud(lab, silentProgress);
    return use(await benchLabOf(lab, "instance", fleet(size + 1)));
  });
}

const benchLabOf = async (lab: Lab, kind: HostKind, hosts: FleetHost[]): Promise<BenchLab> => ({
  lab,
  engine: await prepareEngine(lab, silentProgress),
  kind,
  hosts: hosts.slice(0, -1),
  joining: hosts.at(-1) as FleetHost,
});

/** Lets a bench use a lab, and removes it, whatever happens. A signal ends the process when that is done. */
async function withLab<T>(name: string, use: (lab: Lab) => Promise<T>): Promise<T> {
  await removeLab(openLab(name));
  const lab = openLab(name);
  let removal: Promise<void> | undefined;
  const remove = () => (removal ??= removeLab(lab));
  const onSignal = (signal: NodeJS.Signals) => {
    // Twice: a contender that failed through the first removal may have begun to clean up behind itself.
    void remove()
      .then(() => removeLab(lab))
      .finally(() => process.exit(128 + constants.signals[signal]));
  };
  for (const signal of SIGNALS) process.on(signal, onSignal);
  try {
    return await use(lab);
  } finally {
    await remove();
    for (const signal of SIGNALS) process.off(signal, onSignal);
  }
}

/** Runs a shell script as root on a host, without SSH. */
export const runAsRoot = (lab: Lab, host: string, script: string) =>
  runInHost(lab, host, ["sh", "-ec", script]);

/** Does something on all hosts, some at a time. */
export async function onEach<T>(
  hosts: readonly FleetHost[],
  work: (host: FleetHost) => Promise<T>,
): Promise<T[]> {
  const results: T[] = [];
  for (let first = 0; first < hosts.length; first += PARALLEL)
    results.push(...(await Promise.all(hosts.slice(first, first + PARALLEL).map(work))));
  return results;
}
