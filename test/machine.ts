import { readFileSync } from "node:fs";
import { execa } from "execa";
import { NAMESPACES, openLab, ROOT } from "../lab/lab.ts";
import { allNamespaces, claimMount, releaseMount } from "../lab/network/namespaces.ts";

/**
 * Looks at the machine before the first test and after the last: its namespaces, routes, addresses, mounts and
 * nftables tables must be the same, or the run fails. A test that leaves something behind is a bug of the lab.
 * Labs of another checkout may come and go meanwhile: those are known by their names, and its images by their place.
 */
export default async function setup(): Promise<() => Promise<void>> {
  if (process.getuid?.() !== 0) return () => Promise.resolve();
  const before = await look();
  const { cache } = openLab("host-tests");
  // Some tests make namespaces without a lab. While one is there, no lab that ends takes their folder from another.
  claimMount(cache);
  const placeholder = `${NAMESPACES}tests`;
  await execa("ip", ["netns", "add", placeholder], { reject: false });
  return async () => {
    await execa("ip", ["netns", "del", placeholder]);
    await releaseMount(cache);
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

const isForeign = (name: string) => name.includes("ocivx-") && !name.includes(NAMESPACES);

/** Lines of /proc/mounts that another checkout answers for. */
function isForeignMount(line: string): boolean {
  const place = line.split(" ")[1] ?? "";
  if (place === "/run/netns") return allNamespaces().some(isForeign);
  return isForeign(place) || (place.includes("/.lab/") && !place.startsWith(`${ROOT}/`));
}

const without = (text: string, isOthers: (line: string) => boolean) =>
  text
    .split("\n")
    .filter((line) => !isOthers(line))
    .join("\n");

async function look(): Promise<Record<string, string>> {
  const run = async (command: string) => (await execa("sh", ["-c", command], { reject: false })).stdout;
  return {
    namespaces: without(await run("ip netns list | sort"), isForeign),
    routes: await run("ip route; ip -6 route"),
    addresses: await run("ip -o address | sed 's/valid_lft.*//'"),
    "nftables tables": await run("nft list tables"),
    mounts: without(readFileSync("/proc/mounts", "utf8"), isForeignMount),
  };
}
