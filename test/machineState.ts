import { existsSync, readFileSync } from "node:fs";
import { execa } from "execa";
import { NAMESPACE_PREFIX, openLab, ROOT } from "../lab/system/lab.ts";
import { SAVED_LIMITS } from "../lab/network/kernelLimits.ts";
import { allNamespaces, claimMount, releaseMount } from "../lab/network/namespaces.ts";

/** Lines that describe the machine, by subject: "routes", "mounts" … */
type MachineState = Readonly<Record<string, readonly string[]>>;

/**
 * Compares the machine before the first test and after the last one: the run fails if namespaces, control groups,
 * routes, addresses, mounts or nftables tables differ, or kernel limits that a lab has raised are not put back. A test
 * that leaves something behind shows a bug of the lab.
 * Two differences are allowed: leftovers of an earlier run of this checkout may disappear, since each test file starts
 * by removing its lab; and labs of other checkouts may come and go, known by their names and their images' paths.
 */
export default async function setup(): Promise<() => Promise<void>> {
  if (process.getuid?.() !== 0) return () => Promise.resolve();
  const before = await readMachineState();
  const { cache } = openLab("host-tests");
  // Some tests add namespaces without a lab. This one keeps /run/netns mounted when a lab that ends removes its last.
  claimMount(cache);
  const placeholder = `${NAMESPACE_PREFIX}tests`;
  await execa("ip", ["netns", "add", placeholder], { reject: false });
  return async () => {
    await execa("ip", ["netns", "del", placeholder]);
    await releaseMount(cache);
    const after = await readMachineState();
    const differences = Object.entries(before).flatMap(([subject, lines]) =>
      compareLines(subject, lines, after[subject] ?? []),
    );
    if (differences.length > 0) throw new Error(`the tests changed this machine.\n${differences.join("\n")}`);
  };
}

/** Lists lines that were added, and lines that were removed and did not belong to a lab of this checkout. */
function compareLines(subject: string, before: readonly string[], after: readonly string[]): string[] {
  const addedLines = after.filter((line) => !before.includes(line));
  const removedLines = before.filter((line) => !after.includes(line) && !isOwn(line));
  return [
    ...addedLines.map((line) => `${subject}: left behind: ${line}`),
    ...removedLines.map((line) => `${subject}: removed: ${line}`),
  ];
}

/**
 * /run/netns is unmounted with the last namespace, if a lab of this checkout caused the mount. The last lab of the
 * machine puts the kernel's limits back, whichever lab raised them.
 */
const isOwn = (line: string) =>
  line.includes(NAMESPACE_PREFIX) ||
  line.includes(`${ROOT}/.lab/`) ||
  line === SAVED_LIMITS ||
  line.split(" ")[1] === "/run/netns";

const isOfOtherCheckout = (name: string) => name.includes("ocivx-") && !name.includes(NAMESPACE_PREFIX);

/** Whether a line of /proc/mounts belongs to a lab of another checkout. */
function isMountOfOtherCheckout(line: string): boolean {
  const mountPoint = line.split(" ")[1] ?? "";
  if (mountPoint === "/run/netns") return allNamespaces().some(isOfOtherCheckout);
  return (
    isOfOtherCheckout(mountPoint) || (mountPoint.includes("/.lab/") && !mountPoint.startsWith(`${ROOT}/`))
  );
}

async function readMachineState(): Promise<MachineState> {
  const run = async (command: string) => (await execa("sh", ["-c", command], { reject: false })).stdout;
  const lines = (text: string, isIgnored: (line: string) => boolean = () => false) =>
    text.split("\n").filter((line) => line !== "" && !isIgnored(line));
  return {
    namespaces: lines(await run("ip netns list | sort"), isOfOtherCheckout),
    "control groups": lines(
      await run("find /sys/fs/cgroup -maxdepth 2 -name 'ocivx-*' | sort"),
      isOfOtherCheckout,
    ),
    routes: lines(await run("ip route; ip -6 route")),
    addresses: lines(await run("ip -o address | sed 's/valid_lft.*//'")),
    "nftables tables": lines(await run("nft list tables")),
    "kernel limits":
      existsSync(SAVED_LIMITS) && !allNamespaces().some(isOfOtherCheckout) ? [SAVED_LIMITS] : [],
    mounts: lines(readFileSync("/proc/mounts", "utf8"), isMountOfOtherCheckout),
  };
}
