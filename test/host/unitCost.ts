import { PROGRAM } from "../../components/vxlan/phases/phase.ts";
import { until } from "../../lab/system/commands.ts";
import { OVERLAY, host } from "./overlay.ts";

/** What the unit's processes, and the shell's, cost the host of a test. */

/** Seconds of idling that are measured: two of the runs that happen in any case. */
export const IDLE = 50;
/**
 * Milliseconds of CPU that a small program takes there that is started four times a second. It was not measured there: it
 * is inferred from the unit, which took 30 to 40 ms in IDLE seconds there, and 60 ms with the same program on a machine
 * where such a program takes 2.5 ms.
 */
const REST_REFERENCE = 1.25;

/**
 * The lowest of some measurements, up to the first within a limit, since other work on this machine makes one higher.
 */
export async function lowest(times: number, limit: number, measure: () => Promise<number>): Promise<number> {
  let lowestCost = Infinity;
  for (let time = 0; time < times && lowestCost > limit; time++)
    lowestCost = Math.min(lowestCost, await measure());
  return lowestCost;
}

/** Milliseconds that a piece of shell takes on the host, by bash's own measure: of CPU, or by the clock. */
export async function cost(script: string, { format = "%U %S", before = "" } = {}): Promise<number> {
  const text = await host.on(`${before} { TIMEFORMAT='${format}'; time ${script}; } 2>&1`);
  return text.split(" ").reduce((sum, seconds) => sum + Number(seconds) * 1000, 0);
}

export const UNIT_PROCESSES = "pgrep -f '^ip -o monitor link|^nft monitor|^/bin/bash [^ ]*/oci-vxlan run'";

/** Starts the unit's command, if no test has done so. */
export async function startUnit(): Promise<void> {
  if ((await host.on(`${UNIT_PROCESSES} || true`)) !== "") return;
  host.start([PROGRAM, "run", OVERLAY]);
  await until("watching", 20_000, async () => (await host.on("pgrep -fc '^ip -o monitor' || true")) === "1");
}

/** Milliseconds of CPU of the unit's processes, those that have ended included. */
export async function cpuMilliseconds(): Promise<number> {
  return Number(
    await host.on(
      `cat $(${UNIT_PROCESSES} | sed 's#.*#/proc/&/stat#') | awk '{ s += $14 + $15 + $16 + $17 } END { print s * 10 }'`,
    ),
  );
}

/**
 * Milliseconds of CPU that the unit takes in IDLE seconds, in those of the machine where the bounds were set. A program that
 * starts from rest takes more, by as much as others use the caches meanwhile: so does the one it is compared with.
 */
export async function idleCost(): Promise<number> {
  const before = await cpuMilliseconds();
  const times = IDLE * 4;
  const reference = await cost(
    `for i in $(seq ${times}); do ip -o link show dev lo >/dev/null; read -r -t 0.25 -u 9 || true; done`,
    { before: "exec 9<> <(:);" },
  );
  return ((await cpuMilliseconds()) - before) / Math.max(1, reference / times / REST_REFERENCE);
}
