import { createHash } from "node:crypto";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** The checkout that this lab belongs to. */
export const ROOT = fileURLToPath(new URL("../..", import.meta.url)).replace(/\/$/, "");

const hash = (text: string) => createHash("sha256").update(text).digest("hex").slice(0, 4);

/** The prefix of all network namespaces of this checkout's labs, for example `ocivx-3f2a-`. */
export const NAMESPACE_PREFIX = `ocivx-${hash(ROOT)}-`;

/** The files and the namespaces of one lab. */
export interface Lab {
  name: string;
  /** State, keys and logs; removed by `down`. */
  directory: string;
  /** Host images and the built engine; kept by `down`. */
  cache: string;
  /** A network namespace's name. It differs between checkouts and between labs. */
  namespace: (role: "router" | "operator" | `h-${string}`) => string;
}

/** The folder by which stack configs name the lab's keys. The operator sees the keys of the current lab there. */
export const STACK_KEYS_FOLDER = join(ROOT, ".lab", "keys");

/**
 * Opens a lab by name and creates its directories, readable by root only, where they are missing.
 *
 * @throws Error for a name such as `../main`, since `down` removes the directory of that name
 */
export function openLab(name: string): Lab {
  if (!/^[a-z0-9][a-z0-9-]{0,30}$/.test(name)) {
    throw new Error(
      `"${name}" is not a valid lab name: LAB_NAME takes lower-case letters, digits and inner hyphens, at most 31.`,
    );
  }
  const base = join(ROOT, ".lab");
  const directory = join(base, "labs", name);
  const cache = join(base, "cache");
  for (const folder of [base, directory, cache, STACK_KEYS_FOLDER, join(directory, "keys")])
    mkdirSync(folder, { recursive: true, mode: 0o700 });
  return { name, directory, cache, namespace: (role) => `${NAMESPACE_PREFIX}${hash(name)}-${role}` };
}

/** The lab's own PULUMI_HOME. It distinguishes the lab's Pulumi processes from all others. */
export const pulumiHome = (lab: Lab): string => join(lab.directory, "pulumi");

/** The folder of Pulumi's local backend. */
export const pulumiState = (lab: Lab): string => join(lab.directory, "state");
