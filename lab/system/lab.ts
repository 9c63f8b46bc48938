import { createHash } from "node:crypto";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** The checkout that this lab belongs to. */
export const ROOT = fileURLToPath(new URL("../..", import.meta.url)).replace(/\/$/, "");

const hash = (text: string) => createHash("sha256").update(text).digest("hex").slice(0, 4);

/** What the names of all network namespaces begin with that labs of this checkout make. */
export const NAMESPACES = `ocivx-${hash(ROOT)}-`;

/** One running lab: where its files are and what its namespaces are called. */
export interface Lab {
  name: string;
  /** State, keys and logs; removed by `down`. */
  directory: string;
  /** Host images and the built engine; kept by `down`. */
  cache: string;
  /** Name of one of the lab's network namespaces. Two checkouts, or two labs, never share one. */
  namespace: (role: "router" | "operator" | `h-${string}`) => string;
}

/** Where the operator finds the lab's keys, whichever lab it is: stack configs name them by this path. */
export const KEYS = join(ROOT, ".lab", "keys");

/**
 * Opens a lab by name, making its directories where they are missing; only root can look into them.
 *
 * @throws Error when the name could be anything but a directory's own name: `down` removes that directory
 */
export function openLab(name: string): Lab {
  if (!/^[a-z0-9][a-z0-9-]{0,30}$/.test(name)) {
    throw new Error(
      `"${name}" is no name for a lab: LAB_NAME takes lower-case letters, digits and inner hyphens, at most 31.`,
    );
  }
  const base = join(ROOT, ".lab");
  const directory = join(base, "labs", name);
  const cache = join(base, "cache");
  for (const folder of [base, directory, cache, KEYS, join(directory, "keys")])
    mkdirSync(folder, { recursive: true, mode: 0o700 });
  return { name, directory, cache, namespace: (role) => `${NAMESPACES}${hash(name)}-${role}` };
}

/** The lab's own PULUMI_HOME, which tells its Pulumi processes from all others. */
export const pulumiHome = (lab: Lab): string => join(lab.directory, "pulumi");
