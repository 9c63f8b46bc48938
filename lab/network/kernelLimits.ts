import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { allNamespaces } from "./namespaces.ts";

/**
 * Limits of this machine's kernel that all namespaces share, and that a lab of more than some thirty hosts exceeds. The
 * lab raises them, and the last lab that ends puts them back. A machine that refuses, such as a container, keeps its
 * own: small labs work with them.
 */
const LIMITS: Readonly<Record<string, number>> = {
  // Learned neighbours of all hosts together: 32 hosts in one subnet learn 32 × 31, and 1,024 is the default.
  "net/ipv4/neigh/default/gc_thresh2": 32_768,
  "net/ipv4/neigh/default/gc_thresh3": 65_536,
  "net/ipv6/neigh/default/gc_thresh2": 32_768,
  "net/ipv6/neigh/default/gc_thresh3": 65_536,
  // Root of all hosts is one user to the kernel, and each booted host takes some: 128 is the default.
  "fs/inotify/max_user_instances": 8_192,
};

/** Where the limits are, and where those from before are kept. A reboot forgets both. */
interface Places {
  sysctls: string;
  savedLimits: string;
}

/** The file that keeps the machine's own limits while a lab has raised them. */
export const SAVED_LIMITS = "/run/oci-vxlan-lab-limits";

const MACHINE: Places = { sysctls: "/proc/sys", savedLimits: SAVED_LIMITS };

const readLimit = ({ sysctls }: Places, name: string) => Number(readFileSync(join(sysctls, name), "utf8"));

/** Raises the limits. The caller's router exists already: see restoreKernelLimits. */
export function raiseKernelLimits(places = MACHINE): void {
  const lower = Object.entries(LIMITS).filter(
    ([name, limit]) => existsSync(join(places.sysctls, name)) && readLimit(places, name) < limit,
  );
  if (lower.length === 0) return;
  const before = Object.fromEntries(lower.map(([name]) => [name, readLimit(places, name)]));
  // A value that another lab has saved is older, and so it is the one to put back.
  writeFileSync(places.savedLimits, JSON.stringify({ ...before, ...readSaved(places) }), { mode: 0o600 });
  for (const [name, limit] of lower) writeLimit(places, name, limit);
}

/**
 * Puts the limits back, unless another lab of this machine still runs. What somebody else has set meanwhile stays. A
 * lab that starts at the same time creates its router before it raises the limits. So after the reset this looks for
 * routers once more, and raises the limits again where it finds one.
 */
export function restoreKernelLimits(places = MACHINE, namespaces = allNamespaces): void {
  if (!existsSync(places.savedLimits) || namespaces().some(isRouter)) return;
  const before = readSaved(places);
  rmSync(places.savedLimits);
  for (const [name, value] of Object.entries(before))
    if (readLimit(places, name) === LIMITS[name]) writeLimit(places, name, value);
  if (namespaces().some(isRouter)) raiseKernelLimits(places);
}

const readSaved = ({ savedLimits }: Places) =>
  existsSync(savedLimits) ? (JSON.parse(readFileSync(savedLimits, "utf8")) as Record<string, number>) : {};

/** Whether a namespace is the router of a lab, of this checkout or another. */
const isRouter = (namespace: string) => /^ocivx-.*-router$/.test(namespace);

function writeLimit({ sysctls }: Places, name: string, value: number): void {
  try {
    writeFileSync(join(sysctls, name), `${value}\n`);
  } catch (error) {
    if (!["EACCES", "EPERM", "EROFS"].includes((error as NodeJS.ErrnoException).code ?? "")) throw error;
  }
}
