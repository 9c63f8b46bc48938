import { runInHost } from "../../lab/hosts/exec.ts";
import type { Lab } from "../../lab/system/lab.ts";
import type { FleetHost } from "../fleet.ts";
import { fleet } from "../fleet.ts";
import type { Recorder } from "../frame/rounds.ts";

/** What the host side costs a host, by the number of its peers. The peers themselves do not exist. */

const OVERLAY = "lab.overlay";
const PROGRAM = "/usr/local/sbin/oci-vxlan";
const FILE = `/etc/oci-vxlan/${OVERLAY}/peers`;
/** Seconds of idling that are measured: the unit looks every 25 s, so it looks twice. */
const IDLE = 50;

export const HOST_SIDE = {
  install: "host side: peers installed",
  look: "host side: CPU of a run that finds nothing",
  idle: "host side: CPU while nothing happens, of one core",
  memory: "host side: peak memory of the unit's processes",
} as const;

/** Lines of a settings file with this many peers; what is no peer stays. */
export function withPeers(settings: string, count: number): string {
  const others = settings
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("peer ") && line !== "end");
  const peers = fleet(count + 2)
    .slice(2)
    .map(({ name, underlay, overlay }, index) => {
      const mac = `5e:00:00:00:${[index >> 8, index & 255].map((octet) => octet.toString(16).padStart(2, "0")).join(":")}`;
      return `peer ${name} ${mac} ${underlay} ${overlay}`;
    });
  return `${[...others, ...peers, "end"].join("\n")}\n`;
}

/** Gives a host other peers, measures, and gives it its own ones back. */
export async function measureHostSide(
  lab: Lab,
  host: FleetHost,
  count: number,
  record: Recorder,
): Promise<void> {
  const bash = (script: string, input = "") => runInHost(lab, host.name, ["bash", "-euc", script], input);
  const install = (settings: string) => bash(`${PROGRAM} peers ${OVERLAY} 2>/dev/null`, settings);
  const own = await bash(`cat ${FILE}`);
  try {
    await install(withPeers(own, 0));
    const seconds = await bash(
      `{ TIMEFORMAT=%R; time ${PROGRAM} peers ${OVERLAY} 2>/dev/null; } 2>&1`,
      withPeers(own, count),
    );
    record(HOST_SIDE.install, Number(seconds), "s");
    await bash(`${PROGRAM} reconcile ${OVERLAY}`);
    const look = await bash(`{ TIMEFORMAT='%U %S'; time ${PROGRAM} reconcile ${OVERLAY}; } 2>&1`);
    record(HOST_SIDE.look, 1_000 * sum(look.trim().split(" ")), "ms");
    const [before, after, memory] = (await bash(IDLING)).trim().split("\n");
    record(HOST_SIDE.idle, (Number(after) - Number(before)) / IDLE, "%");
    record(HOST_SIDE.memory, Number(memory) * 1024, "bytes");
  } finally {
    await install(`${own}\n`);
  }
}

const sum = (texts: readonly string[]) => texts.reduce((total, text) => total + Number(text), 0);

/** Bash: `spent` prints the CPU of the unit's processes in hundredths of a second, those that have ended included. */
export const UNIT_CPU = `
unit() { pgrep -f '^ip -o monitor|^/bin/bash [^ ]*/oci-vxlan run'; }
spent() { cat $(unit | sed 's#.*#/proc/&/stat#') | awk '{ s += $14 + $15 + $16 + $17 } END { print s }'; }
`;

/** Prints the unit's CPU before and after some idling, and its memory in KB. */
const IDLING = `
${UNIT_CPU}
spent
sleep ${IDLE}
spent
cat $(unit | sed 's#.*#/proc/&/status#') | awk '/VmHWM/ { s += $2 } END { print s }'
`;
