import type { Problem } from "../vxlan/problems.ts";
import type { Ocid } from "./settings.ts";

/** What is wrong with an OCID of one of these kinds; nothing where it is not known yet. */
export function problemWithOcid(id: Ocid, kind: string | readonly string[], path: string): Problem[] {
  if (typeof id !== "string") return [];
  const kinds = typeof kind === "string" ? [kind] : kind;
  if (kinds.some((each) => new RegExp(`^ocid1\\.${each}\\.[a-z0-9-]+\\.[a-z0-9-]*\\.\\S+$`).test(id)))
    return [];
  return [{ path, message: `"${id}" is no OCID of a ${kinds[0]}: it begins with ocid1.${kinds[0]}.` }];
}
