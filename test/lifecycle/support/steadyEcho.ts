import { until } from "../../../lab/system/commands.ts";
import type { TestStack } from "./testStack.ts";

/** Sends an echo from a host to an address every 0.2 s during an action, and returns how many got no answer. */
export async function echoesLostDuring(
  stack: TestStack,
  host: string,
  address: string,
  action: () => Promise<void>,
): Promise<number> {
  const unit = "steady-echo.service";
  const log = `/run/${unit}.log`;
  const read = () => stack.on(host, `cat ${log} 2>/dev/null || true`);
  const ping = `exec ping -O -i 0.2 ${address} >${log} 2>&1`;
  await stack.on(host, `systemd-run --quiet --unit=${unit} sh -c '${ping}'`);
  try {
    await until("the first answer", 20_000, async () => (await read()).includes("bytes from"));
    await action();
  } finally {
    await stack.on(host, `systemctl stop ${unit}`);
  }
  // -O reports a missing answer when the next echo is sent, so the last echo does not count.
  return [...(await read()).matchAll(/^no answer yet/gm)].length;
}
