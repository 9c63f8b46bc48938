import { until } from "../../../lab/system/commands.ts";
import type { TestStack } from "./testStack.ts";

/** Losses and pauses of the echoes from one host to an address. */
export interface Echoes {
  lostCount: number;
  /** Seconds between two answers at most. */
  longestPause: number;
}

/** Echoes that a host of the lab sends to an address. */
interface EchoTask {
  host: string;
  address: string;
  /** Seconds between two echoes. */
  interval: number;
}

/** Sends echoes until `stop`. */
async function startEchoes(stack: TestStack, { host, address, interval }: EchoTask) {
  const unit = `steady-echo-${address.replaceAll(/[^0-9a-f]/g, "-")}.service`;
  const log = `/run/${unit}.log`;
  await stack.on(
    host,
    `systemd-run --quiet --unit=${unit} sh -c 'exec ping -D -i ${interval} ${address} >${log} 2>&1'`,
  );
  const answers = async () =>
    [
      ...(await stack.on(host, `cat ${log} 2>/dev/null || true`)).matchAll(
        /^\[([\d.]+)\] \d+ bytes from .* icmp_seq=(\d+) /gm,
      ),
    ].map(([, time, number]) => ({ time: Number(time), number: Number(number) }));
  return {
    firstAnswer: () => until("the first answer", 20_000, async () => (await answers()).length > 0),
    stop: () => stack.on(host, `systemctl stop ${unit}; rm ${log}`),
    async end(): Promise<Echoes> {
      // An answer may be late on a busy machine. The last echoes have none yet: they count once later ones were answered.
      const { length } = await answers();
      await until("an answer after all others", 20_000, async () => (await answers()).length > length);
      const all = await answers();
      const numbers = new Set(all.map(({ number }) => number));
      const pauses = all.slice(1).map(({ time }, index) => time - (all[index]?.time ?? time));
      return { lostCount: Math.max(...numbers) - numbers.size, longestPause: Math.max(0, ...pauses) };
    },
  };
}

/** Sends echoes during an action, and returns the losses and pauses of each task. */
export async function echoesDuring(
  stack: TestStack,
  tasks: readonly EchoTask[],
  action: () => Promise<void>,
): Promise<Echoes[]> {
  const startedEchoes: Awaited<ReturnType<typeof startEchoes>>[] = [];
  try {
    for (const task of tasks) startedEchoes.push(await startEchoes(stack, task));
    await Promise.all(startedEchoes.map((echoes) => echoes.firstAnswer()));
    await action();
    return await Promise.all(startedEchoes.map((echoes) => echoes.end()));
  } finally {
    await Promise.all(startedEchoes.map((echoes) => echoes.stop()));
  }
}

/**
 * Sends an echo from a host to an address every 0.2 s during an action, and returns how many got no answer.
 *
 * @param interval seconds between two echoes
 */
export async function echoesLostDuring(
  stack: TestStack,
  host: string,
  address: string,
  action: () => Promise<void>,
  interval = 0.2,
): Promise<number> {
  const [echoes] = await echoesDuring(stack, [{ host, address, interval }], action);
  return echoes?.lostCount ?? 0;
}
