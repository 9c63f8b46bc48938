import { readFileSync } from "node:fs";
import { execa } from "execa";
import { NAMESPACES, openLab, ROOT } from "../lab/lab.ts";
import { allNamespaces, claimMount, releaseMount } from "../lab/network/namespaces.ts";

/**
 * Looks at the machine before the first test and after the last: its namespaces, control groups, routes, addresses,
 * mounts and nftables tables must be the same, or the run fails. A test that leaves something behind is a bug of the
 * lab. What an earlier run of this checkout left behind may be gone: every test file begins by removing its lab.
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
    const changes = Object.entries(before).flatMap(([what, lines]) =>
      changed(what, lines, after[what] ?? []),
    );
    if (changes.length > 0) throw new Error(`the tests changed this machine.\n${changes.join("\n")}`);
  };
}

/** What came, and what went without being a lab's of this checkout. */
function changed(what: string, before: readonly string[], after: readonly string[]): string[] {
  const came = after.filter((line) => !before.includes(line));
  const went = before.filter((line) => !after.includes(line) && !isOwn(line));
  return [
    ...came.map((line) => `${what}: left behind: ${line}`),
    ...went.map((line) => `${what}: gone: ${line}`),
  ];
}

/** The mount of the namespaces' folder goes with the last of them, if a lab of this checkout was its cause. */
const isOwn = (line: string) =>
  line.includes(NAMESPACES) || line.includes(`${ROOT}/.lab/`) || line.split(" ")[1] === "/run/netns";

const isForeign = (name: string) => name.includes("ocivx-") && !name.includes(NAMESPACES);

/** Lines of /proc/mounts that another checkout answers for. */
function isForeignMount(line: string): boolean {
  const place = line.split(" ")[1] ?? "";
  if (place === "/run/netns") return allNamespaces().some(isForeign);
  return isForeign(place) || (place.includes("/.lab/") && !place.startsWith(`${ROOT}/`));
}

async function look(): Promise<Record<string, string[]>> {
  const run = async (command: string) => (await execa("sh", ["-c", command], { reject: false })).stdout;
  const lines = (text: string, isOthers: (line: string) => boolean = () => false) =>
    text.split("\n").filter((line) => line !== "" && !isOthers(line));
  return {
    namespaces: lines(await run("ip netns list | sort"), isForeign),
    "control groups": lines(await run("find /sys/fs/cgroup -maxdepth 2 -name 'ocivx-*' | sort"), isForeign),
    routes: lines(await run("ip route; ip -6 route")),
    addresses: lines(await run("ip -o address | sed 's/valid_lft.*//'")),
    "nftables tables": lines(await run("nft list tables")),
    mounts: lines(readFileSync("/proc/mounts", "utf8"), isForeignMount),
  };
}
