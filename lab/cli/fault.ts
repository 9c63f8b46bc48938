import { instancesOf } from "../cloud/instances.ts";
import { applyPartitions, changeFaults, clearFaults, describeFaults, readFaults } from "../cloud/faults.ts";
import { runningCloud } from "../cloud/daemonControl.ts";
import { until } from "../system/commands.ts";
import { listHosts } from "../hosts/folders.ts";
import type { Lab } from "../system/lab.ts";
import type { Verb } from "./context.ts";

/** `npm run lab -- fault …`: what goes wrong on request. */

const FORMS =
  "capacity [COUNT [AFTER]], slow-boot SECONDS, api CODE STATUS [COUNT], cut HOST, heal HOST, terminate HOST, list, clear";

/** Milliseconds until a host that is to be terminated must be gone. */
const TERMINATION_LIMIT = 60_000;

/**
 * Injects or withdraws a fault, then lists the faults in force.
 *
 * @throws Error that names what is wrong with the arguments
 */
export const fault: Verb = async ({ lab }, args) => {
  process.stdout.write(`${(await changeFault(lab, args)).join("\n")}\n`);
  return 0;
};

async function changeFault(lab: Lab, [kind = "list", ...args]: readonly string[]): Promise<string[]> {
  switch (kind) {
    case "capacity": {
      const capacity = number("COUNT", args[0] ?? "1", 0, 1000);
      const skipFirst = number("AFTER", args[1] ?? "0", 0, 1000);
      changeFaults(lab, (faults) => Object.assign(faults, { capacity, skipFirst }));
      break;
    }
    case "slow-boot": {
      const bootDelay = number("SECONDS", args[0], 0, 3600);
      changeFaults(lab, (faults) => (faults.bootDelay = bootDelay));
      break;
    }
    case "api": {
      const [code = "", status, count = "1"] = args;
      if (!/^[A-Za-z]+$/.test(code))
        throw new Error(`"${code}" is no CODE of an error: fault api CODE STATUS [COUNT].`);
      const asked = {
        code,
        status: number("STATUS", status, 400, 599),
        count: number("COUNT", count, 1, 1000),
      };
      changeFaults(lab, (faults) => faults.api.push(asked));
      break;
    }
    case "cut":
    case "heal": {
      const host = known(lab, args[0]);
      changeFaults(lab, (faults) => {
        faults.partitioned = faults.partitioned.filter((other) => other !== host);
        if (kind === "cut") faults.partitioned.push(host);
      });
      await applyPartitions(lab);
      break;
    }
    case "terminate":
      await terminate(lab, known(lab, args[0]));
      break;
    case "list":
      break;
    case "clear":
      await clearFaults(lab);
      break;
    default:
      throw new Error(`there is no fault "${kind}": ${FORMS}.`);
  }
  const inForce = describeFaults(readFaults(lab));
  return inForce.length > 0 ? inForce : ["no faults"];
}

function number(name: string, text: string | undefined, min: number, max: number): number {
  const value = Number(text);
  if (text === undefined || text === "" || !Number.isInteger(value) || value < min || value > max)
    throw new Error(
      `${name} is ${text === undefined ? "missing" : `"${text}"`}: a number from ${min} to ${max}.`,
    );
  return value;
}

function known(lab: Lab, host: string | undefined): string {
  const hosts = listHosts(lab);
  if (host === undefined || !hosts.includes(host))
    throw new Error(
      hosts.length === 0
        ? "there are no hosts: start them with npm run lab."
        : `name a host: ${hosts.join(", ")}.`,
    );
  return host;
}

async function terminate(lab: Lab, host: string): Promise<void> {
  if (runningCloud(lab) === undefined) throw new Error("the cloud does not run: start it with npm run lab.");
  const there = () => instancesOf(lab).some((instance) => instance.host === host);
  if (!there()) throw new Error(`${host} is no instance of the cloud.`);
  changeFaults(lab, (faults) => faults.terminate.push(host));
  await until(`the end of ${host}`, TERMINATION_LIMIT, () => !there());
}
