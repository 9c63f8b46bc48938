import { nsenterArgs, runInHost } from "../../lab/hosts/exec.ts";
import { rebootHost } from "../../lab/hosts/power.ts";
import { attempt, until } from "../../lab/system/commands.ts";
import type { Lab } from "../../lab/system/lab.ts";
import { inventoryOf, VNI } from "../fleet.ts";
import type { FleetHost } from "../fleet.ts";
import type { Bench, BenchOptions } from "../frame/bench.ts";
import type { Comparison, Report } from "../frame/measurement.ts";
import { runRounds, samplesOf } from "../frame/rounds.ts";
import type { Contender } from "../frame/rounds.ts";
import { runAsRoot, withFleet } from "../standing-up/benchLab.ts";
import type { BenchLab } from "../standing-up/benchLab.ts";
import { kernelTables, refuseDifference } from "../standing-up/kernelTables.ts";
import { PulumiTool } from "../standing-up/pulumiTool.ts";
import { faultsOf, repairScript } from "./faults.ts";
import type { Fault } from "./faults.ts";
import { HOST_SIDE, measureHostSide } from "./hostSide.ts";

/** How long the overlay does not pass after a fault or a reboot, and what its host side costs meanwhile. */

const OVERLAY = "this overlay";
const PEERS = [10, 100, 1_000];
const ROUNDS = 3;
const REBOOT = "reboot: until frames pass again";

async function run({ sizes = PEERS, rounds = ROUNDS, deadline, progress }: BenchOptions): Promise<Report> {
  progress("booting 2 hosts");
  return withFleet("bench-staying-up", 2, async (benchLab) => {
    const { lab, hosts } = benchLab;
    const [own, peer] = hosts as [FleetHost, FleetHost];
    const faults = faultsOf(own, peer);
    const overlay = new PulumiTool(OVERLAY, benchLab);
    await overlay.apply(hosts, VNI);
    const tables = await kernelTables(lab, hosts);
    const contenders = [
      ...faults.map((fault) => repairOf(lab, own, fault)),
      rebootOf(benchLab),
      ...sizes.map((count) => hostSideOf(lab, own, count)),
    ];
    const { measurements, failures } = await runRounds(contenders, { rounds, deadline, progress });
    refuseDifference(tables, await kernelTables(lab, hosts));
    await overlay.remove(hosts);
    return {
      notes: [`staying up: ${benchLab.engine.description}`],
      measurements,
      failures,
      comparisons: faults.map(({ name, limit }): Comparison => ({
        title: `${name}, repaired / ${limit} s`,
        samples: samplesOf(measurements, OVERLAY, operationOf(name), 2),
        reference: limit,
        goal: { atMost: 1 },
      })),
      plots: [
        {
          name: "staying-up-look",
          title: HOST_SIDE.look,
          measurements: measurements.filter(({ operation }) => operation === HOST_SIDE.look),
          xTitle: "peers",
          yTitle: "milliseconds of CPU",
        },
      ],
    };
  });
}

const operationOf = (fault: string) => `repaired: ${fault}`;

function repairOf(lab: Lab, { name }: FleetHost, fault: Fault): Contender {
  return {
    name: OVERLAY,
    size: 2,
    task: fault.name,
    run: async (record) => {
      const seconds = await runInHost(lab, name, ["timeout", "90", "bash", "-c", repairScript(fault)]);
      record(operationOf(fault.name), Number(seconds), "s");
    },
  };
}

/** From the command on the first host until the second one's pings over the overlay are answered again. */
function rebootOf({ lab, hosts }: BenchLab): Contender {
  const [own, peer] = hosts as [FleetHost, FleetHost];
  return {
    name: OVERLAY,
    size: 2,
    task: "reboot",
    run: async (record) => {
      const start = performance.now();
      await rebootHost(lab, own.name, inventoryOf([own])[own.name] as { address: string });
      await until("frames over the overlay", 60_000, () => passes(lab, peer, own.overlay));
      record(REBOOT, (performance.now() - start) / 1_000, "s");
      await runAsRoot(lab, own.name, "systemctl is-system-running --wait || true");
    },
  };
}

async function passes(lab: Lab, { name }: FleetHost, address: string): Promise<boolean> {
  const ping = ["nsenter", ...nsenterArgs(lab, name), "ping", "-n", "-c", "1", "-W", "1", address];
  return (await attempt(ping)).exitCode === 0;
}

function hostSideOf(lab: Lab, host: FleetHost, count: number): Contender {
  return {
    name: OVERLAY,
    size: count,
    rounds: 1,
    run: (record) => measureHostSide(lab, host, count, record),
  };
}

export const stayingUp: Bench = {
  title: "faults and a reboot until the overlay is back, and the host side's cost",
  minutes: 6,
  run,
};
