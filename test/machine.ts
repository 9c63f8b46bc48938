import { readFileSync } from "node:fs";
import { execa } from "execa";
import { NAMESPACES } from "../lab/lab.ts";

/**
 * Looks at the machine before the first test and after the last: its namespaces, routes, addresses, mounts and
 * nftables tables must be the same, or the run fails. A test that leaves something behind is a bug of the lab.
 * Labs of another checkout may come and go meanwhile: those are known by their names.
 */
export default async function setup(): Promise<() => Promise<void>> {
  if (process.getuid?.() !== 0) return () => Promise.resolve();
  const before = await look();
  return async () => {
    const after = await look();
    for (const [what, text] of Object.entries(before)) {
      if (after[what] !== text) {
        throw new Error(
          `the tests changed this machine's ${what}.\nbefore:\n${text}\nafter:\n${after[what]}`,
        );
      }
    }
  };
}

const ofAnotherLab = (line: string) => line.includes("ocivx-") && !line.includes(NAMESPACES);

async function look(): Promise<Record<string, string>> {
  const run = async (command: string) => (await execa("sh", ["-c", command], { reject: false })).stdout;
  const own = (text: string) =>
    text
      .split("\n")
      .filter((line) => !ofAnotherLab(line))
      .join("\n");
  return {
    namespaces: own(await run("ip netns list | sort")),
    routes: await run("ip route; ip -6 route"),
    addresses: await run("ip -o address | sed 's/valid_lft.*//'"),
    "nftables tables": await run("nft list tables"),
    mounts: own(readFileSync("/proc/mounts", "utf8")),
  };
}
