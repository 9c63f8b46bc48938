import { until } from "../../lab/system/commands.ts";
import { host } from "./overlay.ts";

/**
 * The transactions of nftables during some work, as `nft monitor` prints them: between two of them a packet meets the
 * rules as they are then. iptables is nftables here.
 */
export async function transactionsDuring(work: () => Promise<unknown>): Promise<string[]> {
  const monitorOutput = () => host.on("cat /run/transactions");
  host.start(["sh", "-c", "nft monitor >/run/transactions"]);
  const writeMark = async (mark: string) => {
    // A table that exists already is no event to a monitor that starts later.
    await host.on(`nft add table ip ${mark}; nft delete table ip ${mark}`);
    return (await monitorOutput()).includes(`add table ip ${mark}`);
  };
  await until("the monitor", 20_000, () => writeMark("mark1"));
  await work();
  await until("the end of the work", 20_000, () => writeMark("mark2"));
  return (await monitorOutput()).split("# new generation");
}
