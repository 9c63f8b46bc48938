import { runningCloud } from "../cloud/daemonControl.ts";
import { applyPartitions, changeFaults, clearFaults, describeFaults, readFaults } from "../cloud/faults.ts";
import { instancesOf } from "../cloud/instances.ts";
import { AVAILABILITY_DOMAINS } from "../cloud/region.ts";
import { listHosts } from "../hosts/folders.ts";
import { until } from "../system/commands.ts";
import type { Lab } from "../system/lab.ts";
import type { Verb } from "./context.ts";

/** `npm run lab -- fault …`: injects faults into the cloud and the network. */

/** Milliseconds within which the cloud must terminate a host. */
const TERMINATION_LIMIT = 60_000;

interface FaultCommand {
  usage: string;
  run: (lab: Lab, args: readonly string[]) => Promise<unknown> | void;
}

const COMMANDS: Readonly<Record<string, FaultCommand>> = {
  capacity: {
    usage: "capacity [COUNT [AFTER]|DOMAIN…|unknown]",
    run: (lab, args) => {
      const [count = "1", after = "0"] = args;
      if (count === "unknown") return void changeFaults(lab, (faults) => (faults.unknownCapacity = true));
      if (count.startsWith("AD-")) {
        const fullDomains = args.map(domainArgument);
        return void changeFaults(lab, (faults) => (faults.fullDomains = fullDomains));
      }
      const capacity = numberArgument("COUNT", count, 0, 1000);
      const skipFirst = numberArgument("AFTER", after, 0, 1000);
      changeFaults(lab, (faults) => Object.assign(faults, { capacity, skipFirst }));
    },
  },
  launch: {
    usage: "launch fails|hangs [COUNT]",
    run: (lab, [end, countText = "1"]) => {
      if (end !== "fails" && end !== "hangs") throw new Error('say how it ends: "fails" or "hangs".');
      const count = numberArgument("COUNT", countText, 0, 1000);
      changeFaults(lab, (faults) => (faults[end === "fails" ? "failedLaunches" : "stuckLaunches"] = count));
    },
  },
  "slow-boot": {
    usage: "slow-boot SECONDS",
    run: (lab, [seconds]) => {
      const bootDelay = numberArgument("SECONDS", seconds, 0, 3600);
      changeFaults(lab, (faults) => (faults.bootDelay = bootDelay));
    },
  },
  api: { usage: "api CODE STATUS [COUNT]", run: failApiRequests },
  partition: { usage: "partition HOST", run: (lab, [host]) => setPartitioned(lab, host, true) },
  restore: { usage: "restore HOST", run: (lab, [host]) => setPartitioned(lab, host, false) },
  terminate: { usage: "terminate HOST", run: terminate },
  list: { usage: "list", run: () => undefined },
  clear: { usage: "clear", run: clearFaults },
};

/**
 * Injects or withdraws a fault, then lists the faults in force.
 *
 * @throws Error that names what is wrong with the arguments
 */
export const fault: Verb = async ({ lab }, [name = "list", ...args]) => {
  const command = COMMANDS[name];
  if (!command) {
    const usages = Object.values(COMMANDS).map(({ usage }) => usage);
    throw new Error(`there is no fault "${name}": ${usages.join(", ")}.`);
  }
  await command.run(lab, args);
  const lines = describeFaults(readFaults(lab));
  process.stdout.write(`${lines.length > 0 ? lines.join("\n") : "no faults"}\n`);
  return 0;
};

function failApiRequests(lab: Lab, [code = "", statusText, countText = "1"]: readonly string[]): void {
  if (!/^[A-Za-z]+$/.test(code))
    throw new Error(`"${code}" is no CODE of an error: fault api CODE STATUS [COUNT].`);
  const status = numberArgument("STATUS", statusText, 400, 599);
  const count = numberArgument("COUNT", countText, 1, 1000);
  changeFaults(lab, (faults) => faults.api.push({ code, status, count }));
}

async function setPartitioned(lab: Lab, name: string | undefined, isPartitioned: boolean): Promise<void> {
  const host = hostArgument(lab, name);
  changeFaults(lab, (faults) => {
    const otherHosts = faults.partitioned.filter((other) => other !== host);
    faults.partitioned = isPartitioned ? [...otherHosts, host] : otherHosts;
  });
  await applyPartitions(lab);
}

async function terminate(lab: Lab, [name]: readonly string[]): Promise<void> {
  const host = hostArgument(lab, name);
  if (runningCloud(lab) === undefined) throw new Error("the cloud does not run: start it with npm run lab.");
  const isInstance = () => instancesOf(lab).some((instance) => instance.host === host);
  if (!isInstance()) throw new Error(`${host} is no instance of the cloud.`);
  changeFaults(lab, (faults) => faults.terminate.push(host));
  await until(`the end of ${host}`, TERMINATION_LIMIT, () => !isInstance());
}

function numberArgument(name: string, text: string | undefined, min: number, max: number): number {
  const value = Number(text);
  if (text === undefined || text === "" || !Number.isInteger(value) || value < min || value > max)
    throw new Error(
      `${name} is ${text === undefined ? "missing" : `"${text}"`}: a number from ${min} to ${max}.`,
    );
  return value;
}

/** An availability domain by the end of its name, such as `AD-1`. */
function domainArgument(end: string): string {
  const domain = AVAILABILITY_DOMAINS.find((name) => name.endsWith(`-${end}`));
  if (domain === undefined)
    throw new Error(
      `"${end}" is no availability domain: the end of one of ${AVAILABILITY_DOMAINS.join(", ")}.`,
    );
  return domain;
}

function hostArgument(lab: Lab, host: string | undefined): string {
  const hosts = listHosts(lab);
  if (host === undefined || !hosts.includes(host))
    throw new Error(
      hosts.length === 0
        ? "there are no hosts: start them with npm run lab."
        : `name a host: ${hosts.join(", ")}.`,
    );
  return host;
}
