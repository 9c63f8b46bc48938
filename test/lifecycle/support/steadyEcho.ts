import { until } from "../../../lab/system/commands.ts";
import type { TestStack } from "./testStack.ts";

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
  const unit = "steady-echo.service";
  const log = `/run/${unit}.log`;
  const read = () => stack.on(host, `cat ${log} 2>/dev/null || true`);
  const ping = `exec ping -i ${interval} ${address} >${log} 2>&1`;
  await stack.on(host, `systemd-run --quiet --unit=${unit} sh -c '${ping}'`);
  const answered = async () =>
    [...(await read()).matchAll(/bytes from .* icmp_seq=(\d+) /g)].map(([, number]) => Number(number));
  try {
    await until("the first answer", 20_000, async () => (await answered()).length > 0);
    await action();
    // An answer may be late on a busy machine. The last echoes have none yet: they count once later ones were answered.
    const { length } = await answered();
    await until("an answer after all others", 20_000, async () => (await answered()).length > length);
  } finally {
    await stack.on(host, `systemctl stop ${unit}`);
  }
  const numbers = new Set(await answered());
  return Math.max(...numbers) - numbers.size;
}
